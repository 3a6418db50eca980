//! Shared by the benches: clips and their publishers, processes and their use of CPU and memory, the medium, tables.

#![allow(dead_code, reason = "each bench uses a part of this")]

pub(crate) mod medium;
pub(crate) mod process;
pub(crate) mod push;
pub(crate) mod source;
pub(crate) mod table;
