//! Admission: who may come in, how many of them, and what each may do. Any door asks here, for its own kind of [`Client`]. No
//! word of its protocol is needed.
//!
//! A door holds an [`Admission`]. It asks, does what the [`Verdict`] says, and keeps the permits that it is given. A permit
//! gives back what was counted when it is dropped. Behind it are plain structs that know no socket, no clock and no file, and
//! are given the time. [`Authorizer`] judges what a client shows. [`Limiter`] counts who is there. [`Meter`] measures how much
//! one client sends. [`Guesses`] remembers who was wrong. [`Refusals`] and [`Notices`] bound the events and log lines about
//! clients that are refused. [`Budget`] is memory that clients share. [`viewer`] is the same for those who watch. Only
//! [`Admission::ask`] waits, which asks a service, and [`viewer::Gate::log_in`], which computes for a while.
//!
//! Sources: Tencent Cloud's *push authentication* (`txSecret`, `txTime`) and Alibaba Cloud's *URL signing* type A
//! (`auth_key`), whose published examples are tests in `signature`.

mod admission;
mod authorizer;
mod budget;
mod client;
mod guesses;
mod hook;
mod limiter;
mod meter;
mod notices;
mod query;
mod reason;
mod refusals;
mod signature;
pub mod viewer;

pub use admission::{Admission, ConnectionPermit, Refused, StreamPermit};
pub use authorizer::{Asked, Authorizer, Grant, KeyError, MAX_QUERY, Verdict};
pub use budget::{Budget, Owner, owner};
pub use client::{Client, LimitKeys};
pub use guesses::{Guesses, LONGEST_DELAY};
pub use hook::Question;
pub use limiter::{Connected, ConnectionId, Limiter, Limits, StreamId, counted_as};
pub use meter::Meter;
pub use notices::Notices;
pub use query::{harmless, without_secrets};
pub use reason::{HookFailure, Limit, Reason, Scheme};
pub use refusals::Refusals;
