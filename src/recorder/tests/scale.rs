//! The cost of a publish beside many rules and tasks. The figures are printed; no time is asserted.

#![allow(clippy::disallowed_methods, reason = "a measurement")]

use std::time::{Duration, Instant};

use super::ledger::{MONDAY, Machine, SECOND};
use crate::config::{Pattern, RecordWhen, Rule};
use crate::recorder::publish::EndReason;
use crate::recorder::tasks::{Task, TaskState, When};

#[test]
#[ignore = "prints how long a publish takes to begin; cargo test --release --lib recorder::tests::scale -- --ignored --nocapture"]
fn a_thousand_rules_and_ten_thousand_tasks() {
    let pattern = |text: String| Pattern::try_from(text).unwrap();
    let rules = (0..1_000).map(|n| Rule {
        domain: pattern(format!("box{}.example", n % 7)),
        stream: pattern(format!("app{}/cam{n}-*", n % 50)),
        old_form: None,
        template: "default".to_owned(),
        record: RecordWhen::Always,
    });
    let mut machine = Machine::with(&[], rules.collect());
    for n in 0..10_000i64 {
        let start = MONDAY + (n % 1_000) * 60 * SECOND;
        let task = Task {
            id: format!("{n:05}"),
            stream: format!("app{}/cam{}", n % 50, n % 4_000).parse().unwrap(),
            template: None,
            name: None,
            when: When::Once(start, start + 10 * 60 * SECOND + 60 * SECOND),
            state: TaskState::Waiting,
            outcome: crate::recorder::Outcome::default(),
            configured: false,
        };
        machine.core.tasks.found(task, machine.now());
    }
    let began = Instant::now();
    machine.wait(1);
    println!("the first second, {} tasks begin: {:?}", 10, began.elapsed());
    let (mut begin, mut tick) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..200 {
        let began = Instant::now();
        machine.begin("app3/cam53-x");
        begin = begin.max(began.elapsed());
        machine.end("app3/cam53-x", &EndReason::Unpublished);
        let began = Instant::now();
        machine.wait(1);
        tick = tick.max(began.elapsed());
    }
    println!("the slowest of 200 publishes took {begin:?} to begin, the slowest second {tick:?}");
}
