//! The files of this repository fit together: lists and versions that other tools read, and inputs that once caused a fault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "scripts are tried on files that are not the tape"
)]

mod advisories;
mod blocking;
mod fuzz_corpus;
mod named_tests;
mod release;
mod rooms;
mod rust_version;
mod yocto;
