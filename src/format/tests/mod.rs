//! Facts that hold of every format.

mod timescales;
