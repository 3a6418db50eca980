//! What people set of recordings, in files beside the tape. With these files it survives the loss of the journal.
//!
//! The journal is what is read in normal operation. A sidecar is read when the journal is made again, and by `verify`. The room
//! promises:
//!
//! - A sidecar in place is whole: it is written to `new/`, synced, and takes the place of the old one by a rename.
//! - A change is durable in `new/` before the journal's commit makes it true, and in its place afterwards. After a crash in
//!   between, the next start asks the journal ([`settle`]). Where the journal is lost, too, the newer file counts.
//! - What is replaced or removed is emptied: its blocks read as zeros.
//! - Sections of later releases are kept, and nothing of them is read.
//!
//! ```text
//! recordings/<recording>.json    one recording: {"crc32c":"…","version":1,"facts":{…},"review":{…}}
//! recordings/categories.json     the tree:      {"crc32c":"…","version":1,"categories":[…]}
//! recordings/new/                the same names
//! ```

mod document;
mod files;

pub(super) use self::document::{Damage, Sidecar};
pub(super) use self::files::{Name, names, newer, newest, put, read, remove, settle, write, writing};

#[cfg(test)]
mod tests;
