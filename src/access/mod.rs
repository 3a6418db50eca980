//! Who may push: decided from what a publisher says and where it comes from.
//!
//! [`Gate`] holds the entries of `[[publisher]]` with their keys, and judges. [`Ledger`] counts who is there, and
//! [`Meter`] how much one sends, against what is allowed; [`Refusals`] says what is told of those who may not. Nothing here knows a socket, a clock
//! or a file: the door asks, does what the [`Verdict`] says, and gives the time.
//!
//! Sources: Tencent Cloud's *push authentication* (`txSecret`, `txTime`) and Alibaba Cloud's *URL signing* type A
//! (`auth_key`), whose published examples are tests in `signature`.

mod gate;
mod guesses;
mod ledger;
mod meter;
mod query;
mod reason;
mod refusals;
mod signature;

pub use gate::{Asked, Gate, KeyError, MAX_QUERY, Permit, Verdict};
pub use guesses::{Guesses, LONGEST_DELAY};
pub use ledger::{Ledger, SeatId, Seated, Ticket, counted_as};
pub use meter::Meter;
pub use query::{harmless, without_secrets};
pub use reason::{HookFailure, Limit, Reason, Scheme};
pub use refusals::Refusals;
