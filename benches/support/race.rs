//! Candidates run in turn, so that their ratios mean something on a noisy machine.
//!
//! Criterion and divan finish with one candidate before they begin the next. Seconds lie between, in
//! which a shared machine changes its pace by more than the differences that count here. What we
//! promise are *ratios* to a floor, and a ratio needs both sides in the same moments: each round runs
//! a short batch of every candidate, and the median is taken of the rounds' ratios.
//!
//! Another program on the same core takes from a floor that waits for its own steps, as a hash does, far less
//! than from what keeps the core busy. Rounds whose floor shows one are left out of the medians, for all
//! candidates alike; the tenths that are printed beside are of all rounds.

use std::hint::black_box;
use std::time::Duration;
use std::time::Instant;

const ROUNDS: usize = 1_000;

/// Times the floor's best tenth: what it takes at most in a round that counts.
const CALM: f64 = 1.03;

/// Long enough that reading the clock does not show, short enough that a round sees one moment.
const BATCH: Duration = Duration::from_micros(100);

/// Candidates that are measured against each other.
#[derive(Default)]
pub struct Race<'a> {
    candidates: Vec<Candidate<'a>>,
    floor: usize,
    bare: Option<usize>,
}

struct Candidate<'a> {
    name: String,
    floor: usize,
    /// The candidate whose time does not count, being part of this one's.
    bare: Option<usize>,
    /// Runs before each batch, untimed.
    prepare: Box<dyn FnMut() + 'a>,
    /// Runs this many times.
    run: Box<dyn FnMut(u32) + 'a>,
    batch: u32,
    batch_is_fixed: bool,
    nanoseconds: Vec<f64>,
}

impl<'a> Race<'a> {
    /// Adds a candidate that those added after it are measured by.
    pub fn floor<R>(
        &mut self,
        name: impl Into<String>,
        run: impl FnMut() -> R + 'a,
        check: impl FnOnce(R),
    ) {
        self.floor = self.candidates.len();
        self.row(name, run, check);
    }

    /// Adds a candidate that those added after it are measured by, and that has to be prepared for
    /// each batch.
    pub fn prepared_floor<R>(
        &mut self,
        name: impl Into<String>,
        batch: usize,
        prepare: impl FnMut() + 'a,
        run: impl FnMut() -> R + 'a,
        check: impl FnOnce(R),
    ) {
        self.floor = self.candidates.len();
        self.prepared_row(name, batch, prepare, run, check);
    }

    /// Adds a candidate that has to be prepared for each batch of this many runs, which is not timed.
    pub fn prepared_row<R>(
        &mut self,
        name: impl Into<String>,
        batch: usize,
        mut prepare: impl FnMut() + 'a,
        run: impl FnMut() -> R + 'a,
        check: impl FnOnce(R),
    ) {
        prepare();
        self.row(name, run, check);
        // Invariant: `row` has just added it.
        let candidate = self.candidates.last_mut().expect("a row");
        candidate.prepare = Box::new(prepare);
        candidate.batch = batch.try_into().expect("a small batch");
        candidate.batch_is_fixed = true;
    }

    /// Adds a candidate that those added after it have as a part, so that only what they take beyond
    /// it counts for them.
    pub fn bare<R>(
        &mut self,
        name: impl Into<String>,
        run: impl FnMut() -> R + 'a,
        check: impl FnOnce(R),
    ) {
        self.bare = None;
        self.row(name, run, check);
        self.bare = Some(self.candidates.len() - 1);
    }

    /// Adds a candidate. `check` asserts what it gives, once: a benchmark of an error that nobody
    /// expected would look like a very good one.
    pub fn row<R>(
        &mut self,
        name: impl Into<String>,
        mut run: impl FnMut() -> R + 'a,
        check: impl FnOnce(R),
    ) {
        check(run());
        self.candidates.push(Candidate {
            name: name.into(),
            floor: self.floor,
            bare: self.bare,
            run: Box::new(move |times| {
                for _ in 0..times {
                    black_box(run());
                }
            }),
            prepare: Box::new(|| ()),
            batch: 1,
            batch_is_fixed: false,
            nanoseconds: Vec::new(),
        });
    }

    /// Measures and prints, under `cargo bench`. Otherwise (`cargo test --benches`,
    /// `cargo bench -- --test`) what has been asserted is all.
    pub fn run(mut self) {
        if !is_measuring() {
            println!("{} candidates do what they should", self.candidates.len());
            return;
        }
        for candidate in &mut self.candidates {
            candidate.find_batch();
        }
        for round in 0..ROUNDS {
            // Another one goes first each time, so that none always runs behind the same neighbour.
            let count = self.candidates.len();
            for at in 0..count {
                let candidate = &mut self.candidates[(at + round) % count];
                let time = candidate.time();
                candidate.nanoseconds.push(time);
            }
        }
        self.print();
    }

    fn print(&self) {
        println!("{:<44} {:>8}  {:>7}  a tenth to nine tenths of all rounds", "", "ns", "ratio");
        for candidate in &self.candidates {
            let floor = &self.candidates[candidate.floor].nanoseconds;
            let ours = self.beyond_bare(candidate);
            let ratios: Vec<f64> =
                ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect();
            let calm = |figures: &[f64]| {
                let limit = CALM * sorted(floor.clone())[ROUNDS / 10];
                let of_round = figures.iter().zip(floor);
                sorted(
                    of_round.filter(|(_, floor)| **floor <= limit).map(|(all, _)| *all).collect(),
                )
            };
            let (calm_ours, calm_ratios) = (calm(&ours), calm(&ratios));
            let ratios = sorted(ratios);
            println!(
                "{:<44} {:>8.1}  {:>7.3}  {:.3} to {:.3}",
                candidate.name,
                calm_ours[calm_ours.len() / 2],
                calm_ratios[calm_ratios.len() / 2],
                ratios[ROUNDS / 10],
                ratios[ROUNDS * 9 / 10],
            );
        }
    }

    fn beyond_bare(&self, candidate: &Candidate<'_>) -> Vec<f64> {
        let ours = candidate.nanoseconds.iter();
        match candidate.bare {
            Some(bare) => {
                let bare = &self.candidates[bare].nanoseconds;
                ours.zip(bare).map(|(ours, bare)| ours - bare).collect()
            }
            None => ours.copied().collect(),
        }
    }
}

/// Whether this is `cargo bench`, not `cargo test --benches` or `cargo bench -- --test`.
pub fn is_measuring() -> bool {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    has("--bench") && !has("--test")
}

impl Candidate<'_> {
    fn time(&mut self) -> f64 {
        (self.prepare)();
        let begun = Instant::now();
        (self.run)(self.batch);
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(self.batch)
    }

    fn find_batch(&mut self) {
        while !self.batch_is_fixed
            && self.time() * f64::from(self.batch) < BATCH.as_secs_f64() * 1e9
        {
            self.batch *= 2;
        }
    }
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}
