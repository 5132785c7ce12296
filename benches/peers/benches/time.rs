//! How long each takes, as a ratio to the HMAC alone. All in one run, in turn.
//!
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench time`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

use peers::layers;
use peers::providers;
use peers::support::race::Race;
use peers::verifiers;
use tokio::runtime::Runtime;

fn main() {
    providers::install();
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    for (title, notes) in [("verify", verifiers::NOTES), ("layers", layers::NOTES)] {
        println!("== {title}");
        let mut race = Race::default();
        if title == "verify" {
            verifiers::enter(&mut race);
        } else {
            layers::enter(&mut race, &runtime);
        }
        race.run();
        for (who, note) in notes {
            println!("    {who}: {note}");
        }
    }
}
