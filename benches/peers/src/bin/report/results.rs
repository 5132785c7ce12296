//! What the benches have printed.

use std::fs;
use std::path::Path;

/// The outputs of one run, a file each.
pub(crate) struct Results {
    pub(crate) verify: Vec<Row>,
    pub(crate) layers: Vec<Row>,
    pub(crate) allocations: Vec<Allocated>,
    pub(crate) layer_allocations: Vec<Allocated>,
    pub(crate) cache: Vec<Row>,
    pub(crate) revocation: Vec<Row>,
    pub(crate) bytes_an_id: Vec<(String, f64)>,
    pub(crate) starts: Vec<Start>,
    pub(crate) scaling: Vec<(String, f64)>,
    pub(crate) issuer: Vec<Row>,
    pub(crate) logins: Option<f64>,
    pub(crate) http: Vec<Run>,
    pub(crate) storefront: Vec<Phase>,
    pub(crate) server: Vec<Phase>,
    pub(crate) instructions: String,
}

/// A row of a race.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) nanoseconds: f64,
    pub(crate) ratio: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Allocated {
    pub(crate) name: String,
    pub(crate) times: f64,
    pub(crate) bytes: f64,
}

/// A start with a log of so many live revocations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Start {
    pub(crate) size: u32,
    /// Until the list is ready.
    pub(crate) seconds: f64,
    /// 10^6 bytes.
    pub(crate) megabytes: f64,
}

/// A run of wrk: requests a second, percentiles 50, 99 and 99.9 in microseconds, and the server's own
/// microseconds a request. Those of one name are in the order of the rounds.
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) figures: [f64; 5],
}

/// A line of `storm`: percentiles 50, 90, 99 and 99.9 in microseconds.
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) percentiles: [f64; 4],
    pub(crate) a_second: f64,
    pub(crate) turned_away: f64,
}

impl Results {
    /// Reads what is there. A bench that has not run has no rows.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let peers = text("peers");
        let (verify, layers) = peers.split_once("== layers").unwrap_or((&peers, ""));
        let allocations = text("allocations");
        let (of_verify, of_layers) =
            allocations.split_once("== layers").unwrap_or((&allocations, ""));
        let (revocation, scaling, issuer) = (text("revocation"), text("scaling"), text("issuer"));
        Self {
            verify: rows(verify),
            layers: rows(layers),
            allocations: allocated(of_verify),
            layer_allocations: allocated(of_layers),
            cache: rows(&text("cache")),
            revocation: rows(&revocation),
            bytes_an_id: bytes_an_id(&revocation),
            starts: starts(&text("start")),
            scaling: last_figures(&scaling),
            issuer: rows(&issuer),
            logins: find(&last_figures(&issuer), "logins over argon2id alone"),
            http: runs(&text("http")),
            storefront: phases(&text("storm-storefront")),
            server: phases(&text("storm-server")),
            instructions: text("instructions").trim().to_owned(),
        }
    }
}

pub(crate) fn ratio(rows: &[Row], name: &str) -> Option<f64> {
    rows.iter().find(|row| row.name == name).map(|row| row.ratio)
}

pub(crate) fn find(figures: &[(String, f64)], name: &str) -> Option<f64> {
    figures.iter().find(|(found, _)| found == name).map(|(_, figure)| *figure)
}

pub(crate) fn times(rows: &[Allocated], name: &str) -> Option<f64> {
    rows.iter().find(|row| row.name == name).map(|row| row.times)
}

pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// `name … nanoseconds ratio low to high`, as `support::race` prints it.
fn rows(text: &str) -> Vec<Row> {
    text.lines()
        .filter_map(|line| {
            let (rest, high) = line.trim_end().rsplit_once(" to ")?;
            high.parse::<f64>().ok()?;
            let (rest, low) = last_word(rest)?;
            low.parse::<f64>().ok()?;
            let (rest, ratio) = last_word(rest)?;
            let (name, nanoseconds) = last_word(rest)?;
            Some(Row {
                name: name.to_owned(),
                nanoseconds: nanoseconds.parse().ok()?,
                ratio: ratio.parse().ok()?,
            })
        })
        .collect()
}

fn allocated(text: &str) -> Vec<Allocated> {
    text.lines()
        .filter_map(|line| {
            let (rest, bytes) = last_word(line.strip_suffix(" bytes")?)?;
            let (name, times) = last_word(rest.strip_suffix(" allocations")?)?;
            let (times, bytes) = (times.parse().ok()?, bytes.parse().ok()?);
            Some(Allocated { name: name.to_owned(), times, bytes })
        })
        .collect()
}

/// `SIZE ids: FIGURE bytes an id; …`
fn bytes_an_id(text: &str) -> Vec<(String, f64)> {
    text.lines()
        .filter_map(|line| {
            let (size, rest) = line.split_once(" ids: ")?;
            let (bytes, _) = rest.split_once(" bytes an id")?;
            Some((size.to_owned(), bytes.parse().ok()?))
        })
        .collect()
}

/// `SIZE live revocations: ready in FIGURE s, FIGURE MB`
fn starts(text: &str) -> Vec<Start> {
    text.lines()
        .filter_map(|line| {
            let (size, rest) = line.trim().split_once(" live revocations: ready in ")?;
            let (seconds, rest) = rest.split_once(" s, ")?;
            let megabytes = rest.strip_suffix(" MB")?;
            Some(Start {
                size: size.parse().ok()?,
                seconds: seconds.parse().ok()?,
                megabytes: megabytes.parse().ok()?,
            })
        })
        .collect()
}

/// Lines of a name and, behind two spaces or more, figures of which the last counts.
fn last_figures(text: &str) -> Vec<(String, f64)> {
    text.lines()
        .filter_map(|line| {
            let (name, figures) = line.split_once("  ")?;
            let (_, figure) = last_word(figures)?;
            Some((name.to_owned(), figure.parse().ok()?))
        })
        .collect()
}

fn last_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end();
    let at = text.rfind(' ')?;
    Some((text[..at].trim_end(), &text[at + 1..]))
}

fn runs(text: &str) -> Vec<Run> {
    let run = |line| figures(line).map(|(name, figures)| Run { name: name.to_owned(), figures });
    text.lines().filter_map(run).collect()
}

/// The figures of the runs of this name, round by round.
pub(crate) fn rounds<'a>(runs: &'a [Run], name: &'a str) -> impl Iterator<Item = [f64; 5]> + 'a {
    runs.iter().filter(move |run| run.name == name).map(|run| run.figures)
}

/// How many of the requests a second of one run the other has in the same round, in percent: the median.
pub(crate) fn kept(runs: &[Run], with: &str, without: &str) -> Option<f64> {
    let both = rounds(runs, with).zip(rounds(runs, without));
    median(both.map(|(with, without)| with[0] / without[0] * 100.0))
}

/// The lowest and the highest of what [`kept`] is the median of.
pub(crate) fn kept_range(runs: &[Run], with: &str, without: &str) -> Option<[f64; 2]> {
    let both = rounds(runs, with).zip(rounds(runs, without));
    both.map(|(with, without)| with[0] / without[0] * 100.0).fold(None, |range, kept| {
        let [least, most] = range.unwrap_or([kept; 2]);
        Some([least.min(kept), most.max(kept)])
    })
}

fn phases(text: &str) -> Vec<Phase> {
    let phase = |line| {
        let (name, [p50, p90, p99, p999, a_second, turned_away]) = figures(line)?;
        let percentiles = [p50, p90, p99, p999];
        Some(Phase { name: name.to_owned(), percentiles, a_second, turned_away })
    };
    text.lines().filter_map(phase).collect()
}

/// A name and so many figures.
fn figures<const N: usize>(line: &str) -> Option<(&str, [f64; N])> {
    let (name, rest) = line.split_once(' ')?;
    let figures: Result<Vec<f64>, _> = rest.split_whitespace().map(str::parse).collect();
    Some((name, figures.ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_starts_that_the_bench_prints() {
        let text = "   1000000 live revocations: ready in 1.37 s, 45 MB\n\
                    \x20 10000000 live revocations: ready in 18.40 s, 223 MB\n\
                    running 1 test\n";
        let start = |size, seconds, megabytes| Start { size, seconds, megabytes };
        assert_eq!(starts(text), [start(1_000_000, 1.37, 45.0), start(10_000_000, 18.4, 223.0)]);
    }
}
