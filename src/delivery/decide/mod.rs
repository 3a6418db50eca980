//! What to do next for one rendition: pure decisions.
//!
//! All that a decision needs is what the journal says of the rendition ([`Rendition`] and its pieces) and what the tape says
//! of the file now. Nothing is remembered in between, so what is decided after a crash is what would have been decided
//! before it.

mod file;
mod folder;
#[cfg(test)]
mod tests;

pub(super) use file::{FileFacts, FileStep, Parts, next_of_file, whole_crc};
pub(super) use folder::{ChunkFacts, Files, FolderFacts, FolderStep, next_of_folder, was_seen};
