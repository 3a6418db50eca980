//! One file of the folder.

use std::sync::Arc;

use super::chunk::Chunk;
use super::encryption::Encrypted;
use super::keyframes::KeyFile;
use super::{Plan, STYP, made};
use crate::format::line::Tape;
use crate::format::mark::Marker;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, Growing as _, Mark, TapeSource, ViewSegment, VirtualFile};

/// One file of the folder.
pub struct HlsFile<S> {
    pub(super) name: String,
    pub(super) body: Body<S>,
}

pub(super) enum Body<S> {
    Made(Arc<[u8]>),
    Chunk(Box<Spliced<S, ChunkFile>>),
    Encrypted(Box<Encrypted<Spliced<S, ChunkFile>>>),
    Key(Box<Spliced<S, KeyFile>>),
}

impl<S> HlsFile<S> {
    /// The file's name in the folder.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S: TapeSource> HlsFile<S> {
    /// A mark of all bytes of the file, as [`Plan::tag`](crate::format::Plan::tag) is one of another file.
    pub fn tag(&self) -> Mark {
        match &self.body {
            Body::Made(bytes) => {
                let mut marker = Marker::default();
                marker.bytes(bytes);
                marker.finish()
            }
            Body::Chunk(chunk) => chunk.mark(u64::MAX),
            Body::Encrypted(file) => {
                let mut marker = Marker::default();
                marker.bytes(&file.clear().mark(u64::MAX).to_bytes());
                file.sealed().material(&mut marker);
                marker.finish()
            }
            Body::Key(key) => key.mark(u64::MAX),
        }
    }
}

impl<S: TapeSource> VirtualFile for HlsFile<S> {
    fn len(&self) -> u64 {
        match &self.body {
            Body::Made(bytes) => bytes.len() as u64,
            Body::Chunk(chunk) => chunk.len(),
            Body::Encrypted(file) => file.len(),
            Body::Key(key) => key.len(),
        }
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        match &mut self.body {
            Body::Made(bytes) => Ok(made::read(bytes, offset, buf)),
            Body::Chunk(chunk) => chunk.read_at(offset, buf),
            Body::Encrypted(file) => file.read_at(offset, buf),
            Body::Key(key) => key.read_at(offset, buf),
        }
    }
}

/// A chunk's file: `styp`, then the chunk's fragments.
pub(super) struct ChunkFile {
    plan: Arc<Plan>,
    chunk: Chunk,
    /// How much later its decode times are than in the folder, in milliseconds.
    later_ms: i64,
    parts: Parts,
}

impl ChunkFile {
    pub(super) fn new(plan: Arc<Plan>, chunk: Chunk) -> Self {
        let mut parts = Parts::default();
        parts.push(STYP.len() as u64);
        for part in chunk.parts() {
            parts.push(plan.fragments.len(part));
        }
        Self {
            plan,
            chunk,
            later_ms: 0,
            parts,
        }
    }

    /// The same chunk, with decode times that are later by so many milliseconds.
    pub(super) fn later(self, later_ms: i64) -> Self {
        Self { later_ms, ..self }
    }
}

impl Script for ChunkFile {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn make<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        match part.checked_sub(1) {
            None => out.write(&STYP),
            Some(fragment) => {
                let fragment = self.chunk.parts().start + fragment;
                self.plan
                    .fragments
                    .make_later(fragment, self.later_ms, tape, out)?;
            }
        }
        Ok(())
    }

    fn body(&self) -> usize {
        0
    }

    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        match part.checked_sub(1) {
            None => marker.bytes(&STYP),
            Some(fragment) => {
                let fragment = self.chunk.parts().start + fragment;
                self.plan.fragments.material(fragment, segments, marker);
                if self.later_ms != 0 {
                    marker.numbers(&[self.later_ms.cast_unsigned()]);
                }
            }
        }
    }

    fn front(&self, _part: usize, _marker: &mut Marker) {}

    fn weight(&self) -> usize {
        self.parts.weight()
    }

    fn segment_of(&self, part: usize) -> usize {
        let fragment = self.chunk.parts().start + part.saturating_sub(1);
        let fragment = self.plan.fragments.line.parts.get(fragment);
        fragment.map_or(0, |part| part.segment as usize)
    }
}
