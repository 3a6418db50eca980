//! Admission: who may come in, how many of them, and what each may do. Any door asks here, for its own kind of [`Client`]; no
//! word of its protocol is needed.
//!
//! [`Admission`] is what a door holds: it asks, does what the [`Verdict`] says, and keeps the permits that it is given, which
//! give back what was counted when they are dropped. Behind it are plain structs that know no socket, no clock and no file,
//! and are given the time: [`Authorizer`] judges what a client shows, [`Limiter`] counts who is there, [`Meter`] how much one
//! sends, [`Guesses`] who was wrong, and [`Refusals`] and [`Notices`] say how much is told of those who may not. [`Budget`] is
//! memory that clients share. The one thing that waits is asking a service, in [`Admission::ask`].
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
