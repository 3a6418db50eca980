//! What the benches share: clips and who pushes them, processes and what they use, the medium, tables.

#![allow(dead_code, reason = "each bench uses a part of this")]

pub(crate) mod medium;
pub(crate) mod process;
pub(crate) mod push;
pub(crate) mod source;
pub(crate) mod table;
