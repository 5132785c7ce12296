//! Members of a group in the order of what they have asked for recently.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A member of a group: a source among all sources, or an account among those of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) group: u64,
    pub(super) key: u64,
}

/// What a member has asked for recently: the sum of its charges, each of which decays by a factor
/// of e in one time constant.
///
/// Kept as `ln(sum) + time`, in time constants. While nothing is charged, this is constant, because
/// the logarithm falls as fast as time passes. So the order of the members changes only with their
/// charges. Equal sums are in the order of their last charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Load {
    /// The bits of a float that is not negative, which are in the order of the float.
    level: u64,
    charge: u64,
}

impl Load {
    fn level(self) -> f64 {
        f64::from_bits(self.level)
    }
}

/// The loads of all members that have some, and which of them have jobs that wait.
pub(super) struct Level {
    members: BTreeMap<Member, State>,
    /// The members with waiting jobs, by group.
    waiting: BTreeSet<(u64, Load, u64)>,
    /// The other members.
    idle: BTreeSet<(Load, Member)>,
    charges: u64,
}

struct State {
    load: Load,
    jobs: usize,
}

impl Level {
    pub(super) const fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            waiting: BTreeSet::new(),
            idle: BTreeSet::new(),
            charges: 0,
        }
    }

    /// Adds one to the load of a member, and returns it. `time` is in time constants, and not
    /// negative.
    pub(super) fn charge(&mut self, member: Member, time: f64) -> Load {
        let charged = self.if_charged(member, time);
        self.charges = charged.charge;
        let Some(state) = self.members.get_mut(&member) else {
            self.members.insert(member, State { load: charged, jobs: 0 });
            self.idle.insert((charged, member));
            return charged;
        };
        let old = state.load;
        state.load = charged;
        if state.jobs == 0 {
            self.idle.remove(&(old, member));
            self.idle.insert((charged, member));
        } else {
            self.waiting.remove(&(member.group, old, member.key));
            self.waiting.insert((member.group, charged, member.key));
        }
        charged
    }

    /// Returns the load that [`charge`](Self::charge) would return.
    pub(super) fn if_charged(&self, member: Member, time: f64) -> Load {
        let level = self.members.get(&member).map_or(time, |state| sum(state.load.level(), time));
        Load { level: level.to_bits(), charge: self.charges + 1 }
    }

    /// Notes that a job of the member waits.
    pub(super) fn join(&mut self, member: Member) {
        // Invariant: a job is charged before it waits.
        let Some(state) = self.members.get_mut(&member) else { return };
        state.jobs += 1;
        if state.jobs == 1 {
            self.idle.remove(&(state.load, member));
            self.waiting.insert((member.group, state.load, member.key));
        }
    }

    /// Notes that a job of the member waits no more.
    pub(super) fn leave(&mut self, member: Member) {
        // Invariant: a member with waiting jobs is not forgotten.
        let Some(state) = self.members.get_mut(&member) else { return };
        state.jobs -= 1;
        if state.jobs == 0 {
            self.waiting.remove(&(member.group, state.load, member.key));
            self.idle.insert((state.load, member));
        }
    }

    /// The member of a group that has the smallest load of those with waiting jobs.
    pub(super) fn lightest(&self, group: u64) -> Option<Member> {
        let first = self.waiting.range((group, MIN, 0)..=(group, MAX, u64::MAX)).next();
        first.map(|&(group, _, key)| Member { group, key })
    }

    /// The member of a group that has the largest load of those with waiting jobs.
    pub(super) fn heaviest(&self, group: u64) -> Option<(Load, Member)> {
        let last = self.waiting.range((group, MIN, 0)..=(group, MAX, u64::MAX)).next_back();
        last.map(|&(group, load, key)| (load, Member { group, key }))
    }

    #[cfg(test)]
    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    /// Drops the smallest loads of members without waiting jobs: those that have decayed, and those
    /// beyond the bound. To be called after each job that is offered.
    ///
    /// The bound is safe. To have a load of its own forgotten early, an attacker needs as many
    /// members with larger loads as are kept, and gains the smallest load of them all. A customer
    /// who is forgotten is treated like a new one, which is better for them.
    pub(super) fn forget(&mut self, time: f64) {
        // A job adds at most one member, so that two are enough to catch up.
        for _ in 0..2 {
            let Some(&(load, member)) = self.idle.first() else { return };
            if load.level() + DECAYED > time && self.idle.len() <= MAX_IDLE {
                return;
            }
            self.idle.remove(&(load, member));
            self.members.remove(&member);
        }
    }
}

/// The logarithm of the sum of two numbers that are given by their logarithms.
fn sum(one: f64, other: f64) -> f64 {
    let (larger, smaller) = if one < other { (other, one) } else { (one, other) };
    larger + (smaller - larger).exp().ln_1p()
}

/// Members without waiting jobs whose load is known. Sources and accounts together take 4.3 MB.
const MAX_IDLE: usize = 16_384;

/// A load below e^-3, a twentieth of a job, is none.
const DECAYED: f64 = 3.0;

const MIN: Load = Load { level: 0, charge: 0 };
const MAX: Load = Load { level: u64::MAX, charge: u64::MAX };
