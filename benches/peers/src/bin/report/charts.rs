//! What is plotted.

use crate::page::percentiles;
use crate::plot::Bar;
use crate::plot::Line;
use crate::plot::Lines;
use crate::plot::bars;
use crate::results::Phase;
use crate::results::Results;
use crate::results::Row;

/// Each plot with its file's name. One whose figures are not there is left out.
pub(crate) fn all(results: &Results) -> Vec<(&'static str, String)> {
    let mut charts = Vec::new();
    if !results.verify.is_empty() {
        let rows = without(&results.verify, &["HMAC alone, legacy"]);
        let title = "Verifying one HS256 token";
        charts.push((
            "verify.svg",
            bars(title, "times the bare HMAC (1 = one keyed HMAC-SHA256)", &rows),
        ));
    }
    if !results.layers.is_empty() {
        let rows = without(
            &results.layers,
            &["HMAC alone", "bare, two tokens", "bare, one token", "bare, one token with kid"],
        );
        let title = "What a layer adds to one request";
        charts.push((
            "layers.svg",
            bars(title, "times the bare HMAC, beyond the bare service", &rows),
        ));
    }
    charts.extend(revoked(&results.revocation).map(|svg| ("revoked.svg", svg)));
    for (name, title, phases) in [
        ("storm.svg", "Validation at the storefront while customers log in", &results.storefront),
        (
            "storm-server.svg",
            "Validation at a server without a database while customers log in",
            &results.server,
        ),
    ] {
        charts.extend(storm(title, phases).map(|svg| (name, svg)));
    }
    charts
}

fn without(rows: &[Row], left_out: &[&str]) -> Vec<Bar> {
    let rows = rows.iter().filter(|row| !left_out.contains(&row.name.as_str()));
    let mut bars: Vec<Bar> = rows
        .map(|row| Bar {
            name: row.name.clone(),
            length: row.ratio,
            label: format!("{:.2} ×, {:.0} ns", row.ratio, row.nanoseconds),
            is_ours: row.name.starts_with("ours"),
        })
        .collect();
    bars.sort_by(|a, b| a.length.total_cmp(&b.length));
    bars
}

fn revoked(rows: &[Row]) -> Option<String> {
    let mut sizes = Vec::new();
    let mut points = Vec::new();
    for row in rows {
        let size = row.name.strip_prefix("verify beside ");
        let size = size.and_then(|rest| rest.strip_suffix(" revoked"));
        if let Some(size) = size.filter(|size| *size != "0") {
            sizes.push(thousands(size));
            points.push(row.ratio);
        }
    }
    (!points.is_empty()).then(|| {
        Lines {
            title: "Verifying beside a long list of revoked ids",
            x_title: "revoked ids",
            y_title: "times the same beside 10 ids",
            x: sizes,
            lines: vec![Line { name: "verify", class: "ours", y: points, has_figures: true }],
            goal: Some((1.5, "goal: at most 1.5 ×")),
            is_logarithmic: false,
            unit: " ×",
        }
        .draw()
    })
}

fn storm(title: &'static str, phases: &[Phase]) -> Option<String> {
    let line = |phase, name, class, has_figures| Line {
        name,
        class,
        has_figures,
        y: percentiles(phases, phase).map(|time| time / 1e3).to_vec(),
    };
    (!phases.is_empty()).then(|| {
        Lines {
            title,
            x_title: "percentile of the validations' answer times",
            y_title: "milliseconds (logarithmic)",
            x: ["50 %", "90 %", "99 %", "99.9 %"].map(str::to_owned).to_vec(),
            lines: vec![
                line("idle", "idle", "peer", true),
                line("hashing", "argon2id elsewhere", "third", false),
                line("storm", "16 clients log in", "ours", true),
            ],
            goal: None,
            is_logarithmic: true,
            unit: " ms",
        }
        .draw()
    })
}

/// Digits in groups of three.
fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    grouped
}
