//! How much memory half-received messages may hold.
//!
//! Each connection has a share that nobody can take from it, and beyond that draws on a [`Budget`] that many share. What a
//! message needs is taken when it begins, all of it or nothing: whoever got it can finish the message.

use std::sync::Arc;

use super::chunk::MAX_MESSAGE;
use crate::access::{Budget, Owner};

/// What one connection may hold.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Its own share, bytes.
    pub share: usize,
    /// Where what does not fit into that comes from.
    pub budget: Budget,
    /// Whom it is counted for there.
    pub owner: Owner,
    /// Longest message.
    pub longest: u32,
    /// What becomes of a message that finds no memory.
    pub when_full: WhenFull,
}

/// What becomes of a message that finds no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The connection ends.
    End,
    /// It waits, and nothing is read behind it.
    Wait,
}

impl From<Budget> for Allowance {
    /// Everything from the budget, and an end when that is used up.
    fn from(budget: Budget) -> Self {
        Self {
            share: 0,
            budget,
            owner: Arc::from(""),
            longest: MAX_MESSAGE,
            when_full: WhenFull::End,
        }
    }
}
