//! Plots as SVG, with their own background, so that they read the same on a light page and on a dark.

use std::fmt::Write;

/// A bar with its value beside it.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) length: f64,
    pub(crate) label: String,
    pub(crate) is_ours: bool,
}

/// Lines over places that have names.
pub(crate) struct Lines {
    pub(crate) title: &'static str,
    pub(crate) x_title: &'static str,
    pub(crate) y_title: &'static str,
    pub(crate) x: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) goal: Option<(f64, &'static str)>,
    pub(crate) is_logarithmic: bool,
    pub(crate) unit: &'static str,
}

pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
    pub(crate) y: Vec<f64>,
    pub(crate) has_figures: bool,
}

const WIDTH: f64 = 760.0;

pub(crate) fn bars(title: &str, x_title: &str, bars: &[Bar]) -> String {
    const LEFT: f64 = 240.0;
    const TOP: f64 = 56.0;
    const ROW: f64 = 30.0;
    const RIGHT: f64 = 150.0;
    let most = bars.iter().map(|bar| bar.length).fold(1.0, f64::max);
    let step = round_step(most / 5.0);
    let bottom = TOP + ROW * bars.len() as f64;
    let scale = (WIDTH - LEFT - RIGHT) / most;
    let mut plot = Plot::new(title, bottom + 56.0);
    let mut tick = 0.0;
    while tick <= most {
        let x = LEFT + tick * scale;
        plot.line("rule", [x, TOP - 4.0, x, bottom]);
        plot.text("tick", "middle", x, bottom + 18.0, &format!("{tick}"));
        tick += step;
    }
    plot.text("tick", "middle", LEFT + most * scale / 2.0, bottom + 40.0, x_title);
    for (at, bar) in bars.iter().enumerate() {
        let (y, class) = (TOP + ROW * at as f64, if bar.is_ours { "ours" } else { "peer" });
        let length = (bar.length * scale).max(1.0);
        let weight = if bar.is_ours { "strong" } else { "plain" };
        plot.text(weight, "end", LEFT - 10.0, y + 17.0, &bar.name);
        plot.bar(class, [LEFT, y + 3.0, length, ROW - 10.0]);
        plot.text(weight, "start", LEFT + length + 8.0, y + 17.0, &bar.label);
    }
    plot.end()
}

impl Lines {
    pub(crate) fn draw(&self) -> String {
        const LEFT: f64 = 72.0;
        const TOP: f64 = 76.0;
        const RIGHT: f64 = 170.0;
        const BOTTOM: f64 = 330.0;
        let all = || self.lines.iter().flat_map(|line| line.y.iter().copied());
        let goal = self.goal.map_or(0.0, |(at, _)| at);
        let most = all().fold(goal, f64::max) * if self.is_logarithmic { 1.6 } else { 1.15 };
        let least = if self.is_logarithmic { all().fold(most, f64::min) / 2.0 } else { 0.0 };
        let share = |y: f64| {
            if self.is_logarithmic { (y / least).ln() / (most / least).ln() } else { y / most }
        };
        let at_y = |y: f64| BOTTOM - (BOTTOM - TOP) * share(y);
        let step = (WIDTH - LEFT - RIGHT - 60.0) / (self.x.len().max(2) - 1) as f64;
        let at_x = |at: usize| LEFT + 30.0 + step * at as f64;

        let mut plot = Plot::new(self.title, BOTTOM + 60.0);
        plot.text("tick", "start", 16.0, TOP - 18.0, self.y_title);
        for tick in self.ticks(least, most) {
            plot.line("rule", [LEFT, at_y(tick), WIDTH - RIGHT, at_y(tick)]);
            plot.text("tick", "end", LEFT - 8.0, at_y(tick) + 4.0, &format!("{tick}"));
        }
        for (at, name) in self.x.iter().enumerate() {
            plot.text("tick", "middle", at_x(at), BOTTOM + 22.0, name);
        }
        plot.text(
            "tick",
            "middle",
            at_x(0) + (at_x(self.x.len() - 1) - at_x(0)) / 2.0,
            BOTTOM + 44.0,
            self.x_title,
        );
        // Names stand where their lines end, apart from each other.
        let mut ends = Vec::new();
        if let Some((goal, label)) = self.goal {
            plot.line("goal", [LEFT, at_y(goal), WIDTH - RIGHT, at_y(goal)]);
            ends.push((at_y(goal), "plain".to_owned(), label));
        }
        for line in &self.lines {
            let points: Vec<_> =
                line.y.iter().enumerate().map(|(at, y)| (at_x(at), at_y(*y))).collect();
            plot.path(line.class, &points);
            ends.push((points[points.len() - 1].1, format!("strong is-{}", line.class), line.name));
        }
        ends.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut lowest = f64::INFINITY;
        for (y, class, name) in ends {
            lowest = y.min(lowest - 17.0);
            plot.text(&class, "start", WIDTH - RIGHT + 8.0, lowest + 4.0, name);
        }
        // Behind all lines, so that none crosses a figure out. The highest is above its point, others
        // below theirs.
        for at in 0..self.x.len() {
            let lines = self.lines.iter().filter(|line| line.has_figures);
            let highest = lines.clone().map(|line| line.y[at]).fold(0.0, f64::max);
            for line in lines {
                let y = line.y[at];
                let beside = if y == highest { -10.0 } else { 20.0 };
                let figure = format!("{y:.2}{}", self.unit);
                let class = format!("strong is-{}", line.class);
                plot.text(&class, "middle", at_x(at), at_y(y) + beside, &figure);
            }
        }
        plot.end()
    }

    fn ticks(&self, least: f64, most: f64) -> Vec<f64> {
        if !self.is_logarithmic {
            let step = round_step(most / 4.0);
            return (0..).map(|at| step * f64::from(at)).take_while(|tick| *tick <= most).collect();
        }
        let decades = (-6..6).map(|power: i32| 10_f64.powi(power));
        let ticks = decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]);
        ticks.filter(|tick| (least..=most).contains(tick)).collect()
    }
}

/// 1, 2 or 5 times a power of ten, and no less than this.
fn round_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * decade)
        .find(|step| *step >= least)
        .unwrap_or(least)
}

struct Plot(String);

// Invariant of all of it: a `String` takes everything.
impl Plot {
    fn new(title: &str, height: f64) -> Self {
        let mut plot = Self(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{title}">
<style>{STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
"#,
            WIDTH - 1.0,
            height - 1.0,
        ));
        plot.text("title", "start", 16.0, 30.0, title);
        plot
    }

    fn text(&mut self, class: &str, anchor: &str, x: f64, y: f64, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.0,
            r#"<text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{text}</text>"#
        );
    }

    fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
        let _ = writeln!(
            self.0,
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        );
    }

    fn bar(&mut self, class: &str, [x, y, width, height]: [f64; 4]) {
        let _ = writeln!(
            self.0,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2"/>"#
        );
    }

    fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let line: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.0, r#"<polyline class="{class} path" points="{}"/>"#, line.join(" "));
        for (x, y) in points {
            let _ = writeln!(self.0, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="4"/>"#);
        }
    }

    fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

const STYLE: &str = "
text { font: 13px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2328;
  paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
.title { font-size: 16px; font-weight: 600 } .strong { font-weight: 600 }
.tick { font-size: 12px; fill: #59636e }
.page { fill: #ffffff; stroke: #d1d9e0 } .rule { stroke: #d1d9e0 }
.goal { stroke: #cf222e; stroke-dasharray: 6 4 }
.ours { fill: #0969da; stroke: #0969da } .peer { fill: #8c959f; stroke: #8c959f }
.third { fill: #9a6700; stroke: #9a6700 }
.is-ours { fill: #0969da } .is-peer { fill: #59636e } .is-third { fill: #9a6700 }
.path { fill: none; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; stroke: #0d1117 } .tick { fill: #9198a1 }
.page { fill: #0d1117; stroke: #3d444d } .rule { stroke: #3d444d } .goal { stroke: #ff7b72 }
.ours { fill: #4493f8; stroke: #4493f8 } .peer { fill: #6e7681; stroke: #6e7681 }
.third { fill: #d29922; stroke: #d29922 }
.is-ours { fill: #4493f8 } .is-peer { fill: #9198a1 } .is-third { fill: #d29922 }
.path { fill: none }
}
";
