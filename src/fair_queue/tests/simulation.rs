//! Honest customers beside attackers, in virtual time: the queue in front of two hash threads.
//!
//! An attacker whose login was shed comes again after 1 ms, and one whose login was hashed at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

use crate::fair_queue::FairQueue;
use crate::fair_queue::Flow;
use crate::fair_queue::Pushed;
use crate::fair_queue::Ticket;

/// What the attackers' logins are for.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// One account, which is also that of the honest customers.
    OneAccount,
    /// Another account at each login.
    ManyAccounts,
    /// The account is not known to the queue.
    Unknown,
}

#[derive(Clone, Copy)]
struct Attack {
    sources: u32,
    connections: u32,
    target: Target,
    /// Whether the queue is told the sources.
    knows_sources: bool,
    places: usize,
    /// How long it lasts.
    duration: Duration,
}

struct Outcome {
    honest: usize,
    served: usize,
    /// Of those that were served, sorted.
    waits: Vec<Duration>,
    guesses: usize,
}

impl Outcome {
    fn p99(&self) -> Duration {
        self.waits[(self.waits.len() * 99).div_ceil(100) - 1]
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A client offers a login.
    Offer { client: u32 },
    /// A login has waited too long.
    Timeout { client: u32, ticket: Ticket },
    /// A server has hashed a login.
    Done { client: u32 },
}

struct Login {
    client: u32,
    offered: Duration,
}

struct Simulation {
    attack: Attack,
    origin: Instant,
    now: Duration,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    scheduled: u64,
    queue: FairQueue<Login>,
    idle_servers: usize,
    random: fastrand::Rng,
    outcome: Outcome,
}

impl Simulation {
    fn run(attack: Attack) -> Outcome {
        let outcome = Outcome { honest: 0, served: 0, waits: Vec::new(), guesses: 0 };
        let mut simulation = Self {
            attack,
            origin: Instant::now(),
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            scheduled: 0,
            queue: FairQueue::new(attack.places, MAX_WAIT),
            idle_servers: SERVERS,
            random: fastrand::Rng::with_seed(13),
            outcome,
        };
        // The attackers come first, at once. Each customer begins at another time within a second.
        for client in 0..attack.sources * attack.connections {
            simulation.schedule(Duration::ZERO, Event::Offer { client: HONEST + client });
        }
        for client in 0..HONEST {
            let begin = Duration::from_millis(simulation.random.u64(..1000));
            simulation.schedule(begin, Event::Offer { client });
        }
        while let Some(Reverse((at, _, event))) = simulation.events.pop() {
            if at > attack.duration + MAX_WAIT {
                break;
            }
            simulation.now = at;
            simulation.step(event);
        }
        simulation.outcome.waits.sort_unstable();
        simulation.outcome
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((self.now + after, self.scheduled, event)));
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Offer { client } => self.offer(client),
            Event::Timeout { client, ticket } => {
                if self.queue.remove(ticket).is_some() {
                    self.shed(client);
                }
            }
            Event::Done { client } => {
                self.idle_servers += 1;
                if let Some(login) = self.queue.pop() {
                    self.serve(&login);
                }
                if client >= HONEST {
                    self.outcome.guesses += usize::from(self.now <= self.attack.duration);
                    self.offer(client);
                }
            }
        }
    }

    fn offer(&mut self, client: u32) {
        if client < HONEST && self.now < self.attack.duration {
            self.outcome.honest += 1;
            self.schedule(Duration::from_secs(1), Event::Offer { client });
        } else if client < HONEST {
            return;
        }
        let flow = self.flow(client);
        let (now, login) = (self.origin + self.now, Login { client, offered: self.now });
        if self.idle_servers > 0 {
            self.queue.count(flow, now);
            return self.serve(&login);
        }
        let ticket = match self.queue.push(flow, login, now) {
            Pushed::Waiting(ticket) => ticket,
            Pushed::Displaced(ticket, displaced) => {
                self.shed(displaced.client);
                ticket
            }
            Pushed::Refused(_) => return self.shed(client),
        };
        self.schedule(MAX_WAIT, Event::Timeout { client, ticket });
    }

    fn flow(&mut self, client: u32) -> Flow {
        // Sources of customers are 0 to 9, those of attackers follow.
        let attacker = client.checked_sub(HONEST).map(|number| number % self.attack.sources);
        let source = attacker.map_or(client, |number| HONEST + number);
        let flow = if self.attack.knows_sources { super::source(source) } else { Flow::new() };
        match self.attack.target {
            Target::OneAccount => flow.account("ron"),
            Target::ManyAccounts => flow.account(&self.random.u64(..).to_string()),
            Target::Unknown => flow,
        }
    }

    fn serve(&mut self, login: &Login) {
        self.idle_servers -= 1;
        self.schedule(HASH, Event::Done { client: login.client });
        if login.client < HONEST {
            self.outcome.served += 1;
            self.outcome.waits.push(self.now - login.offered);
        }
    }

    fn shed(&mut self, client: u32) {
        if client >= HONEST {
            self.schedule(RETRY, Event::Offer { client });
        }
    }
}

/// Runs all attacks, prints a line for each, and checks the promise.
fn check(connections: &[u32], duration: impl Fn(u32) -> Duration) {
    println!("target, sources x connections: honest served, p99 wait, guesses a second");
    for target in [Target::Unknown, Target::OneAccount, Target::ManyAccounts] {
        for sources in [1, 4, 16, 64] {
            for &connections in connections {
                let duration = duration(sources * connections);
                let attack = Attack {
                    sources,
                    connections,
                    target,
                    knows_sources: true,
                    places: 16,
                    duration,
                };
                let outcome = Simulation::run(attack);
                let Outcome { honest, served, guesses, .. } = outcome;
                let p99 = outcome.p99();
                let rate = guesses as f64 / duration.as_secs_f64();
                let case = format!("{target:?}, {sources} x {connections}");
                println!("{case}: {served} of {honest}, {} ms, {rate:.1}", p99.as_millis());
                assert!(served * 100 >= honest * 99, "{case}: {served} of {honest}");
                assert!(p99 <= Duration::from_millis(100), "{case}: {p99:?}");
                // With as many connections as servers, no server idles.
                let hashed = rate + 10.0;
                assert!(hashed >= 99.0 || sources * connections == 1, "{case}: {hashed}");
            }
        }
    }
}

#[test]
fn customers_log_in_beside_attackers() {
    check(&[1], |connections| Duration::from_secs(if connections < 64 { 30 } else { 5 }));
}

#[test]
fn customers_are_shed_when_the_queue_is_not_told_the_sources() {
    let attack = Attack {
        sources: 64,
        connections: 1,
        target: Target::Unknown,
        knows_sources: false,
        places: 16,
        duration: Duration::from_secs(3),
    };
    let Outcome { honest, served, .. } = Simulation::run(attack);
    assert!(served * 10 < honest, "{served} of {honest}");
}

#[test]
fn customers_who_come_one_by_one_need_no_more_than_a_place() {
    for places in [1, 2, 4, 8] {
        let attack = Attack {
            sources: 64,
            connections: 1,
            target: Target::Unknown,
            knows_sources: true,
            places,
            duration: Duration::from_secs(3),
        };
        let Outcome { honest, served, .. } = Simulation::run(attack);
        assert_eq!(served, honest, "{places} places");
    }
}

#[test]
#[ignore = "takes minutes, and with optimization one"]
fn customers_log_in_beside_attackers_with_many_connections() {
    check(&[1, 16, 64], |_| Duration::from_secs(30));
}

const HONEST: u32 = 10;
const SERVERS: usize = 2;
const HASH: Duration = Duration::from_millis(20);
const MAX_WAIT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(1);
