//! The queue against a slow one that looks at all of its jobs each time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::fair_queue::FairQueue;
use crate::fair_queue::Flow;
use crate::fair_queue::Pushed;
use crate::fair_queue::Ticket;

type Account = (u64, u64);

/// A source, or an account of one.
type Member = (u64, Option<u64>);

/// What the queue promises, said directly. Loads are sums of decayed charges; equal ones go by the
/// last charge.
#[derive(Default)]
struct Reference {
    jobs: Vec<(Account, u32, f64)>,
    charges: BTreeMap<Member, Vec<(f64, u64)>>,
    charged: u64,
}

impl Reference {
    fn charge(&mut self, (source, account): Account, time: f64) {
        self.charged += 1;
        for member in [(source, None), (source, Some(account))] {
            self.charges.entry(member).or_default().push((time, self.charged));
        }
    }

    /// The logarithm of the load at time 0 that would have decayed to the present one.
    fn load(&self, member: Member) -> (u64, u64) {
        let charges = &self.charges[&member];
        let sum: f64 = charges.iter().map(|(time, _)| time.exp()).sum();
        let (first, rest) = charges.split_first().unwrap();
        // Charge by charge, so that what is rounded equally is equal.
        let stepwise = rest
            .iter()
            .fold(first.0, |sum, (time, _)| sum.max(*time) + (-(sum - time).abs()).exp().ln_1p());
        assert!((stepwise - sum.ln()).abs() < 1e-9, "{stepwise} is not the logarithm of {sum}");
        (stepwise.to_bits(), charges.last().unwrap().1)
    }

    /// The order of the jobs' turns. Served from its start, shed from its end.
    fn rank(&self, (source, account): Account) -> ((u64, u64), (u64, u64)) {
        (self.load((source, None)), self.load((source, Some(account))))
    }

    /// Returns the number of the job that is shed.
    fn push(&mut self, account: Account, number: u32, time: f64, places: usize) -> Option<u32> {
        self.charge(account, time);
        if self.jobs.len() < places {
            self.jobs.push((account, number, time));
            return None;
        }
        // The newcomer is the newest of its account.
        self.jobs.push((account, number, time));
        let most = |&at: &usize| (self.rank(self.jobs[at].0), at);
        let shed = (0..self.jobs.len()).max_by_key(most).unwrap();
        Some(self.jobs.remove(shed).1)
    }

    fn pop(&mut self) -> Option<u32> {
        let least = |&at: &usize| (self.rank(self.jobs[at].0), at);
        let next = (0..self.jobs.len()).min_by_key(least)?;
        let (account, number, time) = self.jobs.remove(next);
        self.charge(account, time);
        Some(number)
    }

    fn remove(&mut self, number: u32) -> Option<u32> {
        let at = self.jobs.iter().position(|job| job.1 == number)?;
        Some(self.jobs.remove(at).1)
    }
}

#[test]
fn random_operations_have_the_outcomes_of_the_reference() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let places = random.usize(..12);
        let (sources, accounts) = (random.u32(1..6), random.u64(1..4));
        let origin = Instant::now();
        let mut queue = FairQueue::new(places, Duration::from_secs(1));
        // Times count from the first job.
        queue.count(Flow::new(), origin);
        let mut reference = Reference::default();
        let mut tickets: Vec<(u32, Ticket)> = Vec::new();
        let mut now = Duration::ZERO;
        for number in 0..300 {
            // Also at the same time, and back. Nothing decays so far that it is forgotten.
            now += Duration::from_millis(random.u64(..4) * random.u64(..60));
            let at = now.saturating_sub(Duration::from_millis(random.u64(..2) * random.u64(..50)));
            let time = at.as_secs_f64() / 10.0;
            let (source, account) = (random.u32(..sources), random.u64(..accounts));
            let key = (u64::from(source), account);
            let flow = super::source(source).account(&account.to_string());
            match random.u32(..10) {
                0..5 => {
                    // Asked or not, the outcome is the same.
                    let is_asked = random.bool();
                    let shed = if is_asked && queue.refuses(flow, origin + at) {
                        Some(number)
                    } else {
                        match queue.push(flow, number, origin + at) {
                            Pushed::Waiting(ticket) => {
                                tickets.push((number, ticket));
                                None
                            }
                            Pushed::Displaced(ticket, displaced) => {
                                tickets.push((number, ticket));
                                Some(displaced)
                            }
                            Pushed::Refused(refused) => {
                                assert!(!is_asked, "seed {seed}: refused though it was asked");
                                Some(refused)
                            }
                        }
                    };
                    assert_eq!(shed, reference.push(key, number, time, places), "seed {seed}");
                }
                5..8 => assert_eq!(queue.pop(), reference.pop(), "seed {seed}"),
                8 if random.bool() => {
                    queue.count(flow, origin + at);
                    reference.charge(key, time);
                    reference.charge(key, time);
                }
                8 => {
                    queue.count_refused(flow, origin + at);
                    reference.charge(key, time);
                }
                _ => {
                    let Some((number, ticket)) = random.choice(&tickets).copied() else { continue };
                    assert_eq!(queue.remove(ticket), reference.remove(number), "seed {seed}");
                }
            }
            assert_eq!(queue.len(), reference.jobs.len(), "seed {seed}");
        }
        while let Some(number) = reference.pop() {
            assert_eq!(queue.pop(), Some(number), "seed {seed}");
        }
        assert_eq!(queue.pop(), None, "seed {seed}");
    }
}
