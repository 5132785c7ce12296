//! The heap allocations of one token and one request that are accepted. Counted, not timed: the same
//! on each run.
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench allocations`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

use std::alloc::System;
use std::hint::black_box;

use peers::course::Course;
use peers::layers;
use peers::providers;
use peers::verifiers;
use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::Region;
use stats_alloc::StatsAlloc;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    providers::install();
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    println!("== verify");
    verifiers::enter(&mut Count::default());
    println!("== layers, beyond the bare service");
    layers::enter(&mut Count::default(), &runtime);
}

#[derive(Default)]
struct Count {
    bare: Allocated,
}

#[derive(Clone, Copy, Default)]
struct Allocated {
    times: usize,
    bytes: usize,
}

impl Count {
    fn count<R>(&self, mut run: impl FnMut() -> R, check: impl FnOnce(R)) -> Allocated {
        check(run());
        // What is set up once a process or a thread is no part of a request.
        for _ in 0..100 {
            black_box(run());
        }
        let region = Region::new(ALLOCATOR);
        let result = run();
        let change = region.change();
        drop(result);
        Allocated {
            times: change.allocations + change.reallocations,
            bytes: change.bytes_allocated,
        }
    }
}

impl<'a> Course<'a> for Count {
    fn floor<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R)) {
        self.row(name, run, check);
    }

    fn bare<R>(&mut self, _: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R)) {
        self.bare = self.count(run, check);
    }

    fn row<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R)) {
        let Allocated { times, bytes } = self.count(run, check);
        let (times, bytes) = (times - self.bare.times, bytes - self.bare.bytes);
        println!("{name:<44} {times:>3} allocations {bytes:>6} bytes");
    }
}
