//! edgereel: the recorder for edge boxes.
//!
//! One crate, one binary. Each room knows only the rooms below it; docs/architecture.md draws the house.

pub mod api;
pub mod callback;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;

pub mod access;
pub mod event;
pub mod format;
mod https;
pub mod ingest;
pub mod media;
pub mod model;
pub mod recorder;
pub mod socket;
pub mod store;
pub mod sync;
mod watch;
