//! Plots as SVG, on a white ground of their own, so that they read the same on light and dark pages.

use plotters::coord::ranged1d::AsRangedCoord;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

use crate::results::Row;

pub(crate) const OURS: RGBColor = RGBColor(9, 105, 218);
pub(crate) const PEER: RGBColor = RGBColor(110, 119, 129);
pub(crate) const THIRD: RGBColor = RGBColor(154, 103, 0);
const GOAL: RGBColor = RGBColor(207, 34, 46);
const TEXT: RGBColor = RGBColor(31, 35, 40);
const RULE: RGBColor = RGBColor(209, 217, 224);

const WIDTH: u32 = 800;
const FONT: (&str, u32) = ("sans-serif", 18);

/// A text at so many pixels from what it stands beside.
type Figure<'a> = Text<'a, (i32, i32), String>;

/// A plot's texts, and what it shows.
pub(crate) struct Chart {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) x_title: &'static str,
    pub(crate) shows: Shows,
}

pub(crate) enum Shows {
    /// A bar a row, as long as the row's ratio, from the bottom up.
    Bars(Vec<Row>),
    Lines(Lines),
}

/// Lines over places on a logarithmic axis.
pub(crate) struct Lines {
    pub(crate) y_title: &'static str,
    /// The places, with their names.
    pub(crate) x: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line>,
    pub(crate) goal: Option<(f64, &'static str)>,
    pub(crate) is_logarithmic: bool,
    pub(crate) unit: &'static str,
}

pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) color: RGBColor,
    pub(crate) y: Vec<f64>,
    pub(crate) has_figures: bool,
}

impl Chart {
    pub(crate) fn draw(&self) -> String {
        let height = match &self.shows {
            Shows::Bars(rows) => 120 + 32 * u32::try_from(rows.len()).unwrap(),
            Shows::Lines(_) => 420,
        };
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            root.fill(&WHITE).unwrap();
            let mut builder = ChartBuilder::on(&root);
            builder.caption(self.title, (FONT.0, 22, FontStyle::Bold, &TEXT)).margin(12);
            builder.x_label_area_size(52);
            match &self.shows {
                Shows::Bars(rows) => self.bars(&mut builder, rows),
                Shows::Lines(lines) if lines.is_logarithmic => {
                    let (least, most) = (lines.least() / 2.0, lines.most() * 2.0);
                    let decades = (-6..6).map(|power| 10_f64.powi(power));
                    let ticks = decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]);
                    let ticks = ticks.filter(|tick| (least..=most).contains(tick)).collect();
                    let y = (least..most).log_scale().with_key_points(ticks);
                    self.lines(&mut builder, lines, y);
                }
                Shows::Lines(lines) => self.lines(&mut builder, lines, 0.0..lines.most() * 1.25),
            }
            root.present().unwrap();
        }
        // A white edge, which the backend has no style for: texts stay legible where lines are close.
        svg.replace("<text ", r##"<text paint-order="stroke" stroke="#fff" stroke-width="4" "##)
    }

    fn bars(&self, builder: &mut ChartBuilder<'_, '_, SVGBackend<'_>>, rows: &[Row]) {
        let most = rows.iter().map(|row| row.ratio).fold(1.0, f64::max);
        // With room for the figures beside the longest bar.
        let (x, y) = (0.0..most * 1.4, (0..rows.len() - 1).into_segmented());
        let mut chart = builder.y_label_area_size(250).build_cartesian_2d(x, y).unwrap();
        let name = |place: &SegmentValue<usize>| match place {
            SegmentValue::CenterOf(place) => rows[*place].name.clone(),
            SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
        };
        let mut mesh = chart.configure_mesh();
        mesh.y_labels(rows.len()).y_label_formatter(&name).disable_y_mesh();
        mesh.label_style(FONT.with_color(TEXT)).bold_line_style(RULE).light_line_style(TRANSPARENT);
        mesh.x_desc(self.x_title).axis_style(RULE).draw().unwrap();
        for (place, row) in rows.iter().enumerate() {
            let place = SegmentValue::CenterOf(place);
            let color = if row.name.starts_with("ours") { OURS } else { PEER };
            let ends = [(0.0, place.clone()), (row.ratio, place.clone())];
            chart.plotting_area().draw(&PathElement::new(ends, color.stroke_width(20))).unwrap();
            let label = format!("{:.2} ×, {:.0} ns", row.ratio, row.nanoseconds);
            let figure = figure(label, (8, 0), &TEXT, HPos::Left);
            let end = EmptyElement::at((row.ratio, place));
            chart.plotting_area().draw(&(end + figure)).unwrap();
        }
    }

    fn lines<Y>(&self, builder: &mut ChartBuilder<'_, '_, SVGBackend<'_>>, lines: &Lines, y: Y)
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let places: Vec<f64> = lines.x.iter().map(|(place, _)| *place).collect();
        let (first, last) = (places[0], places[places.len() - 1]);
        let margin = (last / first).powf(0.08);
        let (left, right) = (first / margin, last * margin);
        let x = (left..right).log_scale().with_key_points(places.clone());
        let mut chart = builder.y_label_area_size(70).build_cartesian_2d(x, y).unwrap();
        let name = |place: &f64| {
            let named = lines.x.iter().find(|(x, _)| x == place);
            named.map_or_else(String::new, |(_, name)| name.clone())
        };
        let mut mesh = chart.configure_mesh();
        mesh.x_label_formatter(&name)
            .y_label_formatter(&|y| format!("{}", (y * 1e6).round() / 1e6));
        mesh.label_style(FONT.with_color(TEXT)).bold_line_style(RULE).light_line_style(TRANSPARENT);
        mesh.x_desc(self.x_title).y_desc(lines.y_title).axis_style(RULE).draw().unwrap();
        if let Some((goal, label)) = lines.goal {
            let ends = [(left, goal), (right, goal)];
            let series = DashedLineSeries::new(ends, 6, 4, GOAL.stroke_width(2));
            chart.draw_series(series).unwrap().label(label).legend(|at| key(at, GOAL));
        }
        for line in &lines.lines {
            let points = places.iter().copied().zip(line.y.iter().copied());
            let series = LineSeries::new(points, line.color.filled().stroke_width(3)).point_size(4);
            let color = line.color;
            chart.draw_series(series).unwrap().label(line.name).legend(move |at| key(at, color));
        }
        // After all lines, so that none crosses a figure out. Above or below its point, wherever there
        // is more room between the other points and figures; the last line first.
        for (at, place) in places.iter().enumerate() {
            let pixel = |line: &Line| chart.backend_coord(&(*place, line.y[at])).1;
            let mut taken: Vec<i32> = lines.lines.iter().map(pixel).collect();
            taken.extend(lines.goal.map(|(goal, _)| chart.backend_coord(&(*place, goal)).1));
            for line in lines.lines.iter().rev().filter(|line| line.has_figures) {
                let room = |beside: &i32| {
                    taken.iter().map(|other| (pixel(line) + beside).abs_diff(*other)).min()
                };
                let beside = [-16, 16].into_iter().max_by_key(room).unwrap();
                taken.push(pixel(line) + beside);
                let label = format!("{:.2}{}", line.y[at], lines.unit);
                let figure = figure(label, (0, beside), &line.color, HPos::Center);
                let point = EmptyElement::at((*place, line.y[at]));
                chart.plotting_area().draw(&(point + figure)).unwrap();
            }
        }
        let mut legend = chart.configure_series_labels();
        legend.position(SeriesLabelPosition::UpperLeft).label_font(FONT.with_color(TEXT));
        legend.background_style(WHITE).draw().unwrap();
    }
}

impl Lines {
    fn least(&self) -> f64 {
        self.lines.iter().flat_map(|line| &line.y).copied().fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        let goal = self.goal.map_or(0.0, |(goal, _)| goal);
        self.lines.iter().flat_map(|line| &line.y).copied().fold(goal, f64::max)
    }
}

fn figure(label: String, beside: (i32, i32), color: &RGBColor, h: HPos) -> Figure<'_> {
    let style = (FONT.0, FONT.1, FontStyle::Bold, color).into_text_style(&(0, 0));
    Text::new(label, beside, style.pos(Pos::new(h, VPos::Center)))
}

/// A line's piece in the legend.
fn key((x, y): (i32, i32), color: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3))
}
