//! Shared by the benches: clips and their publishers, the service, requests of viewers, long tapes, processes and their use of CPU
//! and memory, the medium, tables.

#![allow(dead_code, reason = "each bench uses a part of this")]

pub(crate) mod device;
pub(crate) mod http;
pub(crate) mod medium;
pub(crate) mod month;
pub(crate) mod process;
pub(crate) mod push;
pub(crate) mod service;
pub(crate) mod source;
pub(crate) mod table;
pub(crate) mod tape;
