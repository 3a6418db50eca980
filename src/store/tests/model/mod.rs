//! Any actions in any order, compared with a small model: the sent media, the media that was called durable, and the media that
//! was reported as given up.
//!
//! `PROPTEST_CASES=20000 cargo test --release --lib store::tests::model` runs it for long. A case that failed is stored in
//! `proptest-regressions` and comes first from then on.

mod action;
mod events;
mod full;
mod ledger;
mod rise;
mod world;

use proptest::prelude::*;

use self::action::{script, setup};
use self::world::World;

/// As many cases as a run of all tests has time for; `PROPTEST_CASES` sets another number.
const CASES: u32 = 100;

fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|text| text.parse().ok()).unwrap_or(CASES);
    ProptestConfig {
        cases,
        max_shrink_iters: 4_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_what_was_acknowledged_is_there(setup in setup(), script in script()) {
        let mut world = World::new(setup);
        for action in &script.0 {
            world.run(action);
        }
        world.finish();
    }
}
