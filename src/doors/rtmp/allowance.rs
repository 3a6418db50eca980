//! Bounds the memory that half-received messages may hold.
//!
//! Each connection has a share that nobody can take from it, and beyond that draws on a [`Budget`] that many share. A message
//! takes all the memory that it needs when it begins, or nothing. So a message that got its memory can be finished.

use std::sync::Arc;

use super::chunk::MAX_MESSAGE;
use crate::access::{Budget, Owner};

/// The memory that one connection may hold.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// The connection's own share, in bytes.
    pub share: usize,
    /// The budget for messages that do not fit into the share.
    pub budget: Budget,
    /// The owner that memory of the budget is counted for.
    pub owner: Owner,
    /// The longest message, in bytes.
    pub longest: u32,
    /// What happens to a message that finds no memory.
    pub when_full: WhenFull,
}

/// What happens to a message that finds no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The connection ends.
    End,
    /// The message waits, and nothing behind it is read.
    Wait,
}

impl From<Budget> for Allowance {
    /// All memory comes from the budget. The connection ends when that is used up.
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
