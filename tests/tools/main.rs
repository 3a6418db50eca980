//! The product with real encoders and players, and on a real file system. `make test` installs the programs that these tests
//! need; plain `cargo test` leaves the tests out.

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

#[path = "../support/mod.rs"]
mod support;

mod boot;
mod booted;
mod breaks;
mod browser;
mod browsers;
mod card;
mod chapters;
mod console;
mod deleted;
mod delivered;
mod demo;
mod documents;
mod door;
mod encoders;
mod faults;
mod fingerprints;
mod fleet;
mod full;
mod judge;
mod live;
mod long;
mod manager;
mod mixed;
mod monitoring;
mod mosquitto;
mod numbered;
mod onair;
mod packaged;
mod packets;
mod pictures;
mod players;
mod power;
mod programs;
mod ranges;
mod release;
mod session;
mod shells;
mod stall;
mod streams;
mod times;
mod timescales;
mod unit;
