//! The queue.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::fair_queue::Flow;
use crate::fair_queue::level::Level;
use crate::fair_queue::level::Load;
use crate::fair_queue::level::Member;

/// Bounded queue that takes turns between sources, and between the accounts of a source.
///
/// What a source has asked for recently is its load: each job that it offers adds one, also one
/// that is shed, and each turn that it gets adds one more. A load decays exponentially. The next
/// turn is that of the source with the smallest load. When all places are taken, a newcomer
/// displaces the newest job of the source with the largest load, or is refused itself if its own
/// source has that. The same holds for the accounts of a source, and the jobs of an account are
/// first in, first out.
///
/// The load counts jobs that were shed because those that wait do not distinguish an attacker from a
/// customer: of 64 sources that repeat their logins without end, each has at most one job waiting.
/// It counts turns so that sources with equal loads alternate.
///
/// All operations take a time of O(log n).
pub(crate) struct FairQueue<T> {
    places: usize,
    time_constant: f64,
    /// The time of the first job, from which the loads count.
    origin: Option<Instant>,
    next: u64,
    jobs: BTreeMap<Ticket, Job<T>>,
    /// The jobs by source and account, oldest first.
    by_account: BTreeSet<(u64, u64, Ticket)>,
    sources: Level,
    accounts: Level,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Outcome of [`FairQueue::push`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// The job waits.
    Waiting(Ticket),
    /// The job waits, in place of this one.
    Displaced(Ticket, T),
    /// There is no place for the job.
    Refused(T),
}

struct Job<T> {
    source: Member,
    account: Member,
    /// When it came, in time constants.
    time: f64,
    item: T,
}

impl<T> FairQueue<T> {
    /// Creates a queue of so many places, whose jobs wait for at most `max_wait`.
    ///
    /// The caller removes jobs that have waited too long. The limit is needed here for the decay of
    /// the loads: it is slow enough that two jobs of a source that have waited for `max_wait` count
    /// more than one new job.
    pub(crate) fn new(places: usize, max_wait: Duration) -> Self {
        Self {
            places,
            time_constant: max_wait.saturating_mul(2).max(MIN_TIME_CONSTANT).as_secs_f64(),
            origin: None,
            next: 0,
            jobs: BTreeMap::new(),
            by_account: BTreeSet::new(),
            sources: Level::new(),
            accounts: Level::new(),
        }
    }

    /// Returns the number of jobs that wait.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Adds a job.
    pub(crate) fn push(&mut self, flow: Flow, item: T, now: Instant) -> Pushed<T> {
        let time = self.time(now);
        let pushed = self.place(flow, item, time);
        self.forget(time);
        pushed
    }

    /// Returns whether [`push`](Self::push) would refuse a job now. If so, counts it as refused.
    ///
    /// For a caller that has to spend something before it can offer the job.
    pub(crate) fn refuses(&mut self, flow: Flow, now: Instant) -> bool {
        let (source, account) = members(flow);
        let time = self.time(now);
        let is_refused =
            self.jobs.len() >= self.places && !self.can_displace(source, account, time);
        if is_refused {
            self.count_refused(flow, now);
        }
        is_refused
    }

    /// Counts a job that was refused before it was offered.
    pub(crate) fn count_refused(&mut self, flow: Flow, now: Instant) {
        let (source, account) = members(flow);
        let time = self.time(now);
        self.sources.charge(source, time);
        self.accounts.charge(account, time);
        self.forget(time);
    }

    /// Counts a job that got its turn without waiting.
    pub(crate) fn count(&mut self, flow: Flow, now: Instant) {
        let (source, account) = members(flow);
        let time = self.time(now);
        // The offer, and the turn.
        for _ in 0..2 {
            self.sources.charge(source, time);
            self.accounts.charge(account, time);
        }
        self.forget(time);
    }

    /// Takes the job whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let source = self.sources.lightest(SOURCES)?;
        let account = self.accounts.lightest(source.key)?;
        let first = (source.key, account.key, Ticket(0))..;
        let &(_, _, ticket) = self.by_account.range(first).next()?;
        let job = self.take(ticket)?;
        // By the time of the offer: the wait is short against the time constant.
        self.sources.charge(source, job.time);
        self.accounts.charge(account, job.time);
        Some(job.item)
    }

    /// Removes a job that still waits.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.take(ticket).map(|job| job.item)
    }

    /// Removes all jobs.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    fn place(&mut self, flow: Flow, item: T, time: f64) -> Pushed<T> {
        let (source, account) = members(flow);
        let load = (self.sources.charge(source, time), self.accounts.charge(account, time));
        let displaced = if self.jobs.len() < self.places {
            None
        } else {
            let Some(ticket) = self.displaceable(source, load) else {
                return Pushed::Refused(item);
            };
            self.remove(ticket)
        };
        let ticket = Ticket(self.next);
        self.next += 1;
        self.jobs.insert(ticket, Job { source, account, time, item });
        self.by_account.insert((source.key, account.key, ticket));
        self.sources.join(source);
        self.accounts.join(account);
        match displaced {
            None => Pushed::Waiting(ticket),
            Some(displaced) => Pushed::Displaced(ticket, displaced),
        }
    }

    /// The job that makes room for a newcomer of this source, which has been charged.
    fn displaceable(&self, source: Member, (load, account_load): (Load, Load)) -> Option<Ticket> {
        let (largest, heaviest) = self.sources.heaviest(SOURCES)?;
        let (largest_account, account) = self.accounts.heaviest(heaviest.key)?;
        // The loads are those that include the newcomer.
        let is_lighter =
            if heaviest == source { account_load < largest_account } else { load < largest };
        if !is_lighter {
            return None;
        }
        let newest = ..=(heaviest.key, account.key, Ticket(u64::MAX));
        self.by_account.range(newest).next_back().map(|&(_, _, ticket)| ticket)
    }

    /// Whether a newcomer of this source, which has not been charged, would displace a job.
    fn can_displace(&self, source: Member, account: Member, time: f64) -> bool {
        let Some((largest, heaviest)) = self.sources.heaviest(SOURCES) else {
            return false;
        };
        if heaviest != source && self.sources.if_charged(source, time) < largest {
            return true;
        }
        // With the newcomer, its source is the heaviest one: it displaces a job of its own, or none.
        let heaviest = self.accounts.heaviest(source.key);
        heaviest.is_some_and(|(largest, heaviest)| {
            heaviest != account && self.accounts.if_charged(account, time) < largest
        })
    }

    fn take(&mut self, ticket: Ticket) -> Option<Job<T>> {
        let job = self.jobs.remove(&ticket)?;
        self.by_account.remove(&(job.source.key, job.account.key, ticket));
        self.sources.leave(job.source);
        self.accounts.leave(job.account);
        Some(job)
    }

    fn forget(&mut self, time: f64) {
        self.sources.forget(time);
        self.accounts.forget(time);
    }

    fn time(&mut self, now: Instant) -> f64 {
        let origin = *self.origin.get_or_insert(now);
        now.saturating_duration_since(origin).as_secs_f64() / self.time_constant
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize) {
        (self.sources.members(), self.accounts.members())
    }
}

fn members(flow: Flow) -> (Member, Member) {
    let source = Member { group: SOURCES, key: flow.source_key() };
    (source, Member { group: source.key, key: flow.account_key() })
}

/// The one group of all sources.
const SOURCES: u64 = 0;

/// In 10 s a load decays to a third. The SDK repeats a failed login for 7 s.
const MIN_TIME_CONSTANT: Duration = Duration::from_secs(10);
