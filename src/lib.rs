//! edgereel: the recorder for edge boxes.
//!
//! One crate, one binary. Each room knows only the rooms below it; docs/architecture.md draws the house.

#[macro_use]
mod defect;

pub mod api;
pub mod channel;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod delivery;
pub mod doors;

pub mod access;
pub mod event;
pub mod fingerprint;
pub mod format;
mod https;
pub mod media;
pub mod model;
pub mod recorder;
pub mod store;
pub mod timeshift;
pub mod tls;
mod watch;
pub mod work;
pub mod worker;
