//! The package on a box that boots, records, is managed, disturbed and unplugged: `make device-test` runs this. It prints a
//! table of each promise and what was seen.
//!
//! Outside, on this machine's loopback, ffmpeg pushes, Mosquitto is the broker, an S3 server stores, and a time server knows
//! the time. Each of them can be away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what is tested is looked at from outside, as anyone would"
)]

#[path = "../tools/mosquitto.rs"]
#[allow(dead_code, reason = "the other test asks more of it")]
mod mosquitto;
#[path = "../tools/programs.rs"]
#[allow(dead_code, reason = "the other test needs more of them")]
mod programs;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../benches/common/tape.rs"]
#[allow(dead_code, reason = "benches make other tapes, too")]
mod tape;

mod clock;
mod cuts;
mod full;
mod guest;
mod lab;
mod life;
mod push;
mod report;
mod startup;
mod time_server;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut lab = lab::Lab::prepare();
    let mut report = report::Report::default();
    report.case("the package", |report| life::install(&mut lab, report));
    report.case("four streams", |report| life::four_streams(&mut lab, report));
    report.case("systemctl", |report| life::managed(&mut lab, report));
    report.case("the process dies", |report| life::dies(&mut lab, report));
    report.case("power cuts", |report| cuts::five(&mut lab, report));
    report.case("the network is back", |report| cuts::delivered(&mut lab, report));
    report.case("a full disk", |report| full::filled(&mut lab, report));
    report.case("a clock of 1970", |report| clock::unset(&mut lab, report));
    report.case("start", |report| startup::long_tape(&mut lab, report));
    lab.tidy();
    if report.close() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
