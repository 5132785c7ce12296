//! The generated part of the page.

use std::fmt::Write;
use std::fs;

use crate::goals::Storm;
use crate::results::Allocated;
use crate::results::Phase;
use crate::results::Results;
use crate::results::Row;
use crate::results::Run;
use crate::results::Start;
use crate::results::kept;
use crate::results::kept_range;
use crate::results::median;
use crate::results::rounds;

const BEGIN: &str = "<!-- scripts/bench writes from here -->";
const END: &str = "<!-- to here -->";

const HMAC: &str = "the HMAC";

/// Replaces what stands between the markers.
pub(crate) fn fill(page: &str, goals: &str, results: &Results) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("a marker where the figures begin");
    let (_, after) = rest.split_once(END).expect("a marker where the figures end");
    format!("{before}{BEGIN}\n\n{}\n{END}{after}", generated(goals, results))
}

fn generated(goals: &str, results: &Results) -> String {
    let mut text = format!("{}\n\n### Goals\n\n{goals}\n", machine());
    // Invariant, here and below: a `String` takes everything.
    let _ = write!(
        text,
        "### Verifying one token\n\n{}\n### What a layer adds to a request\n\n{}\n",
        compared(HMAC, &results.verify, &results.allocations),
        compared(HMAC, &results.layers, &results.layer_allocations),
    );
    if !results.cache.is_empty() {
        let _ = write!(text, "### The cache\n\n{}\n", compared(HMAC, &results.cache, &[]));
    }
    if !results.revocation.is_empty() {
        let _ = write!(
            text,
            "### Revoked ids\n\n{}\n",
            compared("the same beside 10", &results.revocation, &[])
        );
        for (size, bytes) in &results.bytes_an_id {
            let _ = writeln!(text, "- {size} ids: {bytes:.1} bytes each");
        }
        text.push('\n');
    }
    if !results.starts.is_empty() {
        let _ = write!(text, "### Starts\n\n{}\n", starts(&results.starts));
    }
    text.push_str("### Threads\n\n| | two threads over one |\n|---|---:|\n");
    for (name, scale) in &results.scaling {
        let _ = writeln!(text, "| {name} | {scale:.2} × |");
    }
    let _ = write!(text, "\n### The issuer\n\n{}\n", compared(HMAC, &results.issuer, &[]));
    if let Some(share) = results.logins {
        let _ = writeln!(
            text,
            "Logins a second in one process, with nothing else running: {:.1} % of what argon2id alone allows.\n",
            share * 100.0,
        );
    }
    let _ = write!(text, "### HTTP/1.1\n\n{}", http(&results.http));
    for (name, phases) in
        [("the storefront", &results.storefront), ("a server without a database", &results.server)]
    {
        let _ = write!(text, "\n### Logins at {name}\n\n{}", storm(phases));
    }
    if !results.instructions.is_empty() {
        let _ = write!(text, "\n### Instructions\n\n```text\n{}\n```\n", results.instructions);
    }
    text
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = std::env::var("RUSTC_VERSION").unwrap_or_else(|_| "an unknown rustc".to_owned());
    format!("Measured on {model}, {cores} cores, Linux {}, {rustc}.", kernel.trim())
}

fn compared(unit: &str, rows: &[Row], allocations: &[Allocated]) -> String {
    let mut table = format!("| | time | over {unit} |");
    table.push_str(if allocations.is_empty() {
        "\n|---|---:|---:|\n"
    } else {
        " allocations |\n|---|---:|---:|---:|\n"
    });
    for row in rows {
        let Row { name, nanoseconds, ratio } = row;
        let _ = write!(table, "| {name} | {nanoseconds:.0} ns | {ratio:.2} × |");
        if let Some(found) = allocations.iter().find(|allocated| allocated.name == *name) {
            let _ = write!(table, " {}, {} bytes |", found.times, found.bytes);
        } else if !allocations.is_empty() {
            table.push_str(" |");
        }
        table.push('\n');
    }
    table
}

fn starts(starts: &[Start]) -> String {
    let mut table =
        String::from("| live revocations in SQLite | ready | memory |\n|---:|---:|---:|\n");
    for Start { size, seconds, megabytes } in starts {
        let _ = writeln!(table, "| {size} | {seconds:.2} s | {megabytes:.0} MB |");
    }
    table
}

fn http(runs: &[Run]) -> String {
    let mut table = String::from(
        "| | requests a second | over without | p50 | p99 | p99.9 | the server's own time a request |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for (title, name, without) in [
        ("short answer: no layer", "bare", "bare"),
        ("short answer: a layer that does nothing", "identity", "bare"),
        ("short answer: ours, and an extractor", "layer", "bare"),
        ("page of orders: no layer", "orders", "orders"),
        ("page of orders: ours, and an extractor", "orders-layer", "orders"),
        ("short answer, 1 000 tokens: no layer", "bare-tokens", "bare-tokens"),
        ("short answer, 1 000 tokens: ours, and an extractor", "layer-tokens", "bare-tokens"),
        ("short answer, 1 000 tokens: ours with its cache", "cache-tokens", "bare-tokens"),
    ] {
        let figure = |at: usize| median(rounds(runs, name).map(|run| run[at])).unwrap_or(f64::NAN);
        let [requests, p50, p99, p999, own] = [0, 1, 2, 3, 4].map(figure);
        let kept = kept(runs, name, without).unwrap_or(f64::NAN);
        let [least, most] = kept_range(runs, name, without).unwrap_or([f64::NAN; 2]);
        let _ = writeln!(
            table,
            "| {title} | {requests:.0} | {kept:.1} % ({least:.0} to {most:.0}) | {p50:.0} µs | {p99:.0} µs | {p999:.0} µs | {own:.2} µs |",
        );
    }
    table
}

fn storm(phases: &[Phase]) -> String {
    let mut table = String::from(
        "| | p50 | p90 | p99 | p99.9 | a second | turned away |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, title) in [
        ("idle", "idle"),
        ("hashing", "beside argon2id in another process"),
        ("storm", "16 clients log in"),
    ] {
        let of = |get: fn(&Phase) -> f64| {
            median(phases.iter().filter(|phase| phase.name == name).map(get)).unwrap_or(f64::NAN)
        };
        let percentiles = percentiles(phases, name).map(|time| format!("{:.2} ms", time / 1e3));
        let _ = writeln!(
            table,
            "| {title} | {} | {:.0} | {:.0} |",
            percentiles.join(" | "),
            of(|phase| phase.a_second),
            of(|phase| phase.turned_away),
        );
    }
    let Storm { slower, logins } = Storm::of(phases);
    if let (Some(slower), Some(logins)) = (slower, logins) {
        let _ = writeln!(
            table,
            "\np99 while they log in over idle: {slower:.2} ×. Logins over hashes: {logins:.0} %.",
        );
    }
    table
}

/// The medians of the rounds.
pub(crate) fn percentiles(phases: &[Phase], name: &str) -> [f64; 4] {
    [0, 1, 2, 3].map(|at| {
        let rounds = phases.iter().filter(|phase| phase.name == name);
        median(rounds.map(|phase| phase.percentiles[at])).unwrap_or(f64::NAN)
    })
}
