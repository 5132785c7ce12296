//! The goals, and whether they are reached.

use std::fmt::Write;

use crate::results::Phase;
use crate::results::Results;
use crate::results::find;
use crate::results::kept;
use crate::results::median;
use crate::results::ratio;
use crate::results::times;

/// One figure that has to be low enough, or high enough.
pub(crate) struct Goal {
    what: String,
    unit: &'static str,
    measured: Option<f64>,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Rows of `layers` that are nobody's layer.
const NO_PEER: [&str; 7] = [
    "HMAC alone",
    "http::Extensions alone",
    "ours, required",
    "ours, cache hit",
    "bare, two tokens",
    "bare, one token",
    "bare, one token with kid",
];

pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    use Bound::AtLeast;
    use Bound::AtMost;

    let verify = |name| ratio(&results.verify, name);
    let jsonwebtoken =
        lesser(verify("jsonwebtoken, aws-lc-rs"), verify("jsonwebtoken, rust_crypto"));
    let over = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let hit = |tokens| ratio(&results.cache, &format!("{tokens}: hit"));
    let layer = ratio(&results.layers, "ours, required");
    let peers = results.layers.iter().filter(|row| !NO_PEER.contains(&row.name.as_str()));
    let best_peer = peers.map(|row| row.ratio).min_by(f64::total_cmp);
    let extensions = times(&results.layer_allocations, "http::Extensions alone");
    let in_layer = times(&results.layer_allocations, "ours, required");
    let revoked = |size| ratio(&results.revocation, &format!("verify beside {size} revoked"));
    let start = |size| results.starts.iter().find(|start| start.size == size).copied();
    let with = "verify beside 10 000 revocations a second";
    let [storefront, server] =
        [&results.storefront, &results.server].map(|phases| Storm::of(phases));

    let x = "×";
    [
        ("verify, compact, no cache, over the HMAC", x, verify("ours, compact"), AtMost(1.4)),
        ("verify, legacy, no cache, over the HMAC", x, verify("ours, legacy"), AtMost(1.4)),
        (
            "jsonwebtoken over ours, no cache",
            x,
            over(jsonwebtoken, verify("ours, compact")),
            AtLeast(6.0),
        ),
        ("cache hit, 1 live token, over the HMAC", x, hit("1 live token"), AtMost(0.9)),
        ("cache hit, 1 000 live tokens, over the HMAC", x, hit("1 000 live tokens"), AtMost(0.9)),
        ("cache hit, 100 000 live tokens, over the HMAC", x, hit("100 000 live tokens"), AtMost(0.9)),
        (
            "cache hit, 1 000 000 live tokens, over the HMAC",
            x,
            hit("1 000 000 live tokens"),
            AtMost(1.1),
        ),
        ("RS256: verifying over a cache hit", x, over(Some(1.0), hit("RS256")), AtLeast(50.0)),
        ("ES256: verifying over a cache hit", x, over(Some(1.0), hit("ES256")), AtLeast(100.0)),
        ("layer, cold, beyond the bare service, over the HMAC", x, layer, AtMost(1.9)),
        ("the cheapest of the peers' layers over ours", x, over(best_peer, layer), AtLeast(4.5)),
        (
            "allocations of a cold verify",
            "",
            times(&results.allocations, "ours, compact"),
            AtMost(1.0),
        ),
        (
            "allocations of the layer, cold, beside http::Extensions'",
            "",
            in_layer.zip(extensions).map(|(ours, extensions)| ours - extensions),
            AtMost(1.0),
        ),
        (
            "allocations of a cache hit",
            "",
            times(&results.allocations, "ours, cache hit"),
            AtMost(0.0),
        ),
        (
            "verify beside 10 000 000 revoked ids over 10",
            x,
            over(revoked("10000000"), revoked("10")),
            AtMost(1.5),
        ),
        (
            "bytes a revoked id, of 10 000 000",
            "",
            find(&results.bytes_an_id, "10000000"),
            AtMost(24.0),
        ),
        (
            "start with 1 000 000 live revocations in SQLite",
            "s",
            start(1_000_000).map(|start| start.seconds),
            AtMost(2.0),
        ),
        (
            "start with 10 000 000 live revocations in SQLite",
            "s",
            start(10_000_000).map(|start| start.seconds),
            AtMost(20.0),
        ),
        (
            "memory of a start with 10 000 000",
            "MB",
            start(10_000_000).map(|start| start.megabytes),
            AtMost(240.0),
        ),
        (
            "2 threads over 1, beside 10 000 revocations a second",
            x,
            find(&results.scaling, with),
            AtLeast(1.9),
        ),
        (
            "axum over HTTP/1.1, requests a second with the layer over without, 1 000 tokens in turn",
            "%",
            kept(&results.http, "layer-tokens", "bare-tokens"),
            AtLeast(90.0),
        ),
        ("validation alone: p99 while logins storm over idle", x, server.slower, AtMost(1.5)),
        (
            "validation alone: logins a second over hashing alone, beside the same validations",
            "%",
            server.logins,
            AtLeast(95.0),
        ),
        (
            "storefront, two queries to SQLite in each: p99 while logins storm over idle",
            x,
            storefront.slower,
            AtMost(1.5),
        ),
        (
            "storefront: logins a second over hashing alone, beside the same validations",
            "%",
            storefront.logins,
            AtLeast(95.0),
        ),
    ]
    .into_iter()
    .map(|(what, unit, measured, bound)| Goal { what: what.to_owned(), unit, measured, bound })
    .collect()
}

/// A Markdown table.
pub(crate) fn table(goals: &[Goal]) -> String {
    let mut table = String::from("| what | measured | goal | |\n|---|---:|---:|---|\n");
    for goal in goals {
        // Invariant: a `String` takes everything.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            goal.what,
            goal.measured.map_or("not measured".to_owned(), |figure| goal.show(figure)),
            match goal.bound {
                Bound::AtMost(bound) => format!("≤ {}", goal.show_bound(bound)),
                Bound::AtLeast(bound) => format!("≥ {}", goal.show_bound(bound)),
            },
            if goal.is_reached() { "" } else { "**MISS**" },
        );
    }
    table
}

impl Goal {
    pub(crate) fn is_measured(&self) -> bool {
        self.measured.is_some()
    }

    fn is_reached(&self) -> bool {
        self.measured.is_some_and(|figure| match self.bound {
            Bound::AtMost(bound) => figure <= bound,
            Bound::AtLeast(bound) => figure >= bound,
        })
    }

    fn show(&self, figure: f64) -> String {
        match self.unit {
            "×" => format!("{figure:.2} ×"),
            "%" => format!("{figure:.1} %"),
            "s" => format!("{figure:.2} s"),
            "MB" => format!("{figure:.0} MB"),
            _ if figure.fract() == 0.0 => format!("{figure}"),
            _ => format!("{figure:.1}"),
        }
    }

    fn show_bound(&self, bound: f64) -> String {
        format!("{bound} {}", self.unit).trim_end().to_owned()
    }
}

fn lesser(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().min_by(f64::total_cmp)
}

/// What a storm of logins does, as the medians of the rounds' ratios.
pub(crate) struct Storm {
    /// The 99th percentile over that of idle.
    pub(crate) slower: Option<f64>,
    /// Logins over hashes of the phase before, in percent.
    pub(crate) logins: Option<f64>,
}

impl Storm {
    pub(crate) fn of(phases: &[Phase]) -> Self {
        let rounds: Vec<_> = phases
            .chunks_exact(3)
            .filter(|round| round.iter().map(|phase| &*phase.name).eq(["idle", "hashing", "storm"]))
            .collect();
        let slower = |round: &&[Phase]| round[2].percentiles[2] / round[0].percentiles[2];
        let logins = |round: &&[Phase]| round[2].a_second / round[1].a_second * 100.0;
        Self {
            slower: median(rounds.iter().map(slower)),
            logins: median(rounds.iter().map(logins)),
        }
    }
}
