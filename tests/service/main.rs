//! The program from outside: a running service, its commands, and the tests' own publishers, brokers and stores. These tests
//! need only cargo. They are one program, because each program links SQLite, rustls and an S3 server.

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

mod access;
mod addresses;
mod broker;
mod callback;
mod channel;
mod channel_again;
mod channel_push;
mod cli;
mod compat;
mod compose;
mod contract;
mod control;
mod ctl;
mod delete;
mod deliver;
mod deliver_faults;
mod deliver_gateways;
mod deliver_moves;
mod encryption;
mod engines;
mod evicted;
mod export;
mod hook;
mod hostile;
mod http;
mod interruptions;
mod jobs;
mod links;
mod metrics;
mod mqtt;
mod mqtt_old;
mod mqtt_requests;
mod old_store;
mod pictures;
mod record;
mod review;
mod review_hook;
mod rtmps;
mod service_manager;
mod strangers;
mod task;
mod terminal;
mod times;
mod timeshift;
mod timeshift_links;
mod unit_file;
mod verify;
mod viewers;
