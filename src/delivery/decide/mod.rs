//! The next step of one rendition: pure decisions.
//!
//! A decision needs only the journal's state of the rendition ([`Rendition`] and its pieces) and the tape's state of the
//! file now.
//! Nothing else is remembered, so the decision after a crash is the same as before it.

mod file;
mod folder;
#[cfg(test)]
mod tests;

pub(super) use file::{FileFacts, FileStep, Parts, next_of_file, whole_crc};
pub(super) use folder::{ChunkFacts, Files, FolderFacts, FolderStep, next_of_folder, was_seen};
