//! What holds of every format.

mod timescales;
