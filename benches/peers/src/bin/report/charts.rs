//! What is plotted.

use crate::page::percentiles;
use crate::plot::Chart;
use crate::plot::Line;
use crate::plot::Lines;
use crate::plot::OURS;
use crate::plot::PEER;
use crate::plot::Shows;
use crate::plot::THIRD;
use crate::results::Phase;
use crate::results::Results;
use crate::results::Row;

/// All plots but those whose figures are not there.
pub(crate) fn all(results: &Results) -> Vec<Chart> {
    let verify = bars(&results.verify, &["HMAC alone, legacy"]).map(|shows| Chart {
        file: "verify.svg",
        title: "Verifying one HS256 token",
        x_title: "times the bare HMAC (1 = one keyed HMAC-SHA256)",
        shows,
    });
    let bare = ["HMAC alone", "bare, two tokens", "bare, one token", "bare, one token with kid"];
    let layers = bars(&results.layers, &bare).map(|shows| Chart {
        file: "layers.svg",
        title: "What a layer adds to one request",
        x_title: "times the bare HMAC, beyond the bare service",
        shows,
    });
    let revoked = revoked(&results.revocation).map(|shows| Chart {
        file: "revoked.svg",
        title: "Verifying beside a long list of revoked ids",
        x_title: "revoked ids (logarithmic)",
        shows,
    });
    let storm = |file, title, phases| {
        storm(phases).map(|shows| Chart {
            file,
            title,
            x_title: "percentile of the validations' answer times",
            shows,
        })
    };
    let storefront = "Validation at the storefront while customers log in";
    let server = "Validation at a server without a database while customers log in";
    let storms = [
        storm("storm.svg", storefront, &results.storefront),
        storm("storm-server.svg", server, &results.server),
    ];
    [verify, layers, revoked].into_iter().chain(storms).flatten().collect()
}

fn bars(rows: &[Row], left_out: &[&str]) -> Option<Shows> {
    let shown = rows.iter().filter(|row| !left_out.contains(&row.name.as_str()));
    let mut rows: Vec<Row> = shown.cloned().collect();
    rows.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    (!rows.is_empty()).then_some(Shows::Bars(rows))
}

fn revoked(rows: &[Row]) -> Option<Shows> {
    let points = rows.iter().filter_map(|row| {
        let size = row.name.strip_prefix("verify beside ")?.strip_suffix(" revoked")?;
        // A logarithmic axis has no place for 0.
        let place = size.parse().ok().filter(|place| *place > 0.0)?;
        Some(((place, thousands(size)), row.ratio))
    });
    let (x, y): (Vec<_>, Vec<_>) = points.unzip();
    (!x.is_empty()).then_some(Shows::Lines(Lines {
        y_title: "times the same beside 10 ids",
        x,
        lines: vec![Line { name: "verify", color: OURS, y, has_figures: true }],
        goal: Some((1.5, "goal: at most 1.5 ×")),
        is_logarithmic: false,
        unit: " ×",
    }))
}

fn storm(phases: &[Phase]) -> Option<Shows> {
    let line = |phase, name, color, has_figures| {
        let y = percentiles(phases, phase).map(|time| time / 1e3).to_vec();
        Line { name, color, y, has_figures }
    };
    // A percentile's place: it is exceeded once in so many answers.
    let places = [(2.0, "50 %"), (10.0, "90 %"), (100.0, "99 %"), (1000.0, "99.9 %")];
    (!phases.is_empty()).then(|| {
        Shows::Lines(Lines {
            y_title: "milliseconds (logarithmic)",
            x: places.map(|(place, name)| (place, name.to_owned())).to_vec(),
            lines: vec![
                line("idle", "idle", PEER, true),
                line("hashing", "argon2id in another process", THIRD, false),
                line("storm", "16 clients log in", OURS, true),
            ],
            goal: None,
            is_logarithmic: true,
            unit: " ms",
        })
    })
}

/// Digits in groups of three.
fn thousands(digits: &str) -> String {
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join("\u{a0}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::all;
    use crate::plot::Shows;
    use crate::results::Results;

    const PEERS: &str = "\
HMAC alone          237.2  1.000  0.99 to 1.01
ours, compact       342.4  1.442  1.43 to 1.45
HMAC alone, legacy  238.1  1.000  0.99 to 1.01
== layers
bare, two tokens    176.0  0.740  0.73 to 0.75
ours, required      456.0  1.920  1.91 to 1.93
";
    const REVOCATION: &str = "\
verify beside 10 revoked        352.0  1.000  1.00 to 1.00
verify beside 10000000 revoked  536.0  1.520  1.51 to 1.53
verify beside 0 revoked         334.0  0.950  0.94 to 0.96
";
    const STORM: &str = "\
idle 340 480 990 2900 0 0
hashing 350 2250 4350 5830 105 0
storm 330 470 2310 4510 99 0
";

    #[test]
    fn the_plots_show_the_figures_of_the_tables() {
        let folder = std::env::temp_dir().join(format!("report-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let texts = [("peers", PEERS), ("revocation", REVOCATION), ("storm-storefront", STORM)];
        for (file, text) in texts {
            fs::write(folder.join(file), text).unwrap();
        }
        let charts = all(&Results::read(&folder));
        fs::remove_dir_all(&folder).unwrap();

        let shown = charts.iter().map(|chart| match &chart.shows {
            Shows::Bars(rows) => (chart.file, rows.iter().map(|row| row.ratio).collect()),
            Shows::Lines(shown) => {
                let places = shown.x.iter().map(|(place, _)| *place);
                let points = shown.lines.iter().flat_map(|line| line.y.iter().copied());
                (chart.file, places.chain(points).collect::<Vec<_>>())
            }
        });
        let idle = [2.0, 10.0, 100.0, 1000.0, 0.34, 0.48, 0.99, 2.9];
        let busy = [0.35, 2.25, 4.35, 5.83, 0.33, 0.47, 2.31, 4.51];
        let expected = [
            ("verify.svg", vec![1.442, 1.0]),
            ("layers.svg", vec![1.92]),
            ("revoked.svg", vec![10.0, 1e7, 1.0, 1.52]),
            ("storm.svg", [idle, busy].concat()),
        ];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        for (chart, label) in charts.iter().zip(["1.44 ×, 342 ns", "1.92 ×", "1.52 ×", "4.51 ms"])
        {
            assert!(chart.draw().contains(label), "{}: {label}", chart.file);
        }
    }
}
