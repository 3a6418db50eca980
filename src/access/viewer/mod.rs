//! Viewers: who may see what, by what a request shows.
//!
//! ```text
//! Request ──► Gate::check ──► Allowed(Viewer) │ Unknown (401) │ Denied (403) │ TooMany (429)
//! name and password ──► Gate::log_in ──► the cookie of a session
//! Claims ──► Viewers::token ──► a token, which a request shows in its path
//! ```
//!
//! A door asks the [`Gate`] for each request, and then the [`Viewer`] for each right that it needs. Behind the gate are plain
//! structs that are given the time: [`Viewers`] judges what a request shows, [`Tokens`] makes and checks tokens, [`Sessions`]
//! remembers who is logged in. [`Redacted`] is a request's target as a log may have it.
//!
//! A key is compared by its SHA-256 sum, in constant time. A password is checked once, at the login, one at a time, because
//! argon2 takes megabytes.

mod entry;
mod fuzz;
mod gate;
mod password;
mod redacted;
mod request;
mod session;
mod signed;
#[cfg(test)]
mod tests;
mod token;
mod who;

pub use entry::{ViewerKeyError, Viewers};
#[doc(hidden)]
pub use fuzz::{fuzz_signatures, fuzz_token};
pub use gate::{Denial, Gate, VIEWER, ViewerVerdict, limits};
pub use password::{NoRandom, hash_password, new_key};
pub use redacted::Redacted;
pub use request::{MediaAddress, Request};
pub use session::{IDLE, LIFE, Sessions};
pub use token::{Claims, MAX_TOKEN, Token, TokenScope, Tokens};
pub use who::{By, Viewer, What};
