//! A file put together while it is read: small parts are made on the spot, media comes straight from tape.
//!
//! A format says how many parts its file has, where each begins and how to make one. [`Spliced`] does the rest: it finds the
//! part, keeps the last one made, and reads media into the caller's buffer.

use std::sync::Arc;

use crate::format::line::{Extent, Tape, TapeRange, contradiction};
use crate::format::mark::Marker;
use crate::format::{FileError, Growing, Mark, Segments, TapeSource, ViewSegment, VirtualFile};
use crate::media::TrackKind;

/// What a format knows of its file.
pub(in crate::format) trait Script {
    /// Where each part begins, ascending, the first at 0; and the length of the file.
    fn parts(&self) -> &Parts;

    fn make<S: TapeSource>(&self, part: usize, tape: &mut Tape<S>, out: &mut Splice)
    -> Result<(), FileError>;

    /// The segment to name in an error when a part does not have the promised length.
    fn segment_of(&self, part: usize) -> usize;

    /// The first part of the body. The body only gets longer when the tape grows.
    fn body(&self) -> usize;

    /// The first part that may change when the tape grows: the last part gets longer.
    fn settled(&self) -> usize {
        self.parts().count().saturating_sub(1)
    }

    /// Adds to `marker` what a part of the body is made of.
    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker);

    /// Adds to `marker` what a part before the body is made of.
    fn front(&self, part: usize, marker: &mut Marker);

    /// About how many bytes of memory the script takes up.
    fn weight(&self) -> usize;
}

/// The parts of a file.
#[derive(Debug, Default)]
pub(in crate::format) struct Parts {
    starts: Vec<u64>,
    len: u64,
}

impl Parts {
    pub(in crate::format) fn push(&mut self, len: u64) {
        self.starts.push(self.len);
        self.len = self.len.saturating_add(len);
    }

    /// Bytes of all parts.
    pub(in crate::format) fn len(&self) -> u64 {
        self.len
    }

    pub(in crate::format) fn count(&self) -> usize {
        self.starts.len()
    }

    pub(in crate::format) fn start(&self, part: usize) -> u64 {
        self.starts.get(part).copied().unwrap_or(self.len)
    }

    /// About how many bytes of memory they take up.
    pub(in crate::format) fn weight(&self) -> usize {
        size_of_val(self.starts.as_slice())
    }

    fn find(&self, offset: u64) -> usize {
        // When several parts begin at one place, all but the last are empty.
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }
}

/// A part that was made: some bytes and some ranges of tape.
#[derive(Debug, Default)]
pub(in crate::format) struct Splice {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    len: u64,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    from: Origin,
}

#[derive(Debug)]
enum Origin {
    Made(usize),
    Tape(TapeRange),
}

impl Splice {
    pub(in crate::format) fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !matches!(
            self.pieces.last(),
            Some(Piece {
                from: Origin::Made(_),
                ..
            })
        ) {
            self.pieces.push(Piece {
                start: self.len,
                from: Origin::Made(self.bytes.len()),
            });
        }
        self.bytes.extend_from_slice(bytes);
        self.len += bytes.len() as u64;
    }

    /// Appends `len` bytes of tape at `offset`, which is part of `run`.
    pub(in crate::format) fn copy(
        &mut self,
        segment: usize,
        kind: TrackKind,
        run: Extent,
        offset: u64,
        len: u64,
    ) {
        if len == 0 {
            return;
        }
        let start = self.len;
        self.len = self.len.saturating_add(len);
        let range = TapeRange {
            segment,
            kind,
            offset,
            run_end: run.end(),
        };
        if let Some(Piece {
            start: before,
            from: Origin::Tape(last),
        }) = self.pieces.last_mut()
            && last.segment == segment
            && last.offset.saturating_add(start - *before) == offset
        {
            last.run_end = last.run_end.max(range.run_end);
            return;
        }
        self.pieces.push(Piece {
            start,
            from: Origin::Tape(range),
        });
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.len = 0;
    }
}

/// A [`VirtualFile`] that follows a script. The file of each format is one, under a name of its own.
pub struct Spliced<S, F> {
    tape: Tape<S>,
    script: Arc<F>,
    made: Option<usize>,
    splice: Splice,
}

impl<S, F> Spliced<S, F> {
    /// Makes the file. No part is made yet. Several readers can share a script.
    pub(in crate::format) fn new(tape: Tape<S>, script: impl Into<Arc<F>>) -> Self {
        Self {
            tape,
            script: script.into(),
            made: None,
            splice: Splice::default(),
        }
    }

    /// The script.
    pub(in crate::format) fn script(&self) -> &Arc<F> {
        &self.script
    }

    /// The segments that the file is made of.
    pub(in crate::format) fn segments(&self) -> &Segments {
        self.tape.segments()
    }

    fn make(&mut self, part: usize) -> Result<(), FileError>
    where
        S: TapeSource,
        F: Script,
    {
        if self.made == Some(part) {
            return Ok(());
        }
        self.made = None;
        self.splice.clear();
        self.script.make(part, &mut self.tape, &mut self.splice)?;
        let parts = self.script.parts();
        if self.splice.len != parts.start(part + 1) - parts.start(part) {
            let segment = self.script.segment_of(part);
            let id = self.tape.segments().get(segment).map(|segment| segment.id);
            let id = id.unwrap_or_else(|| crate::media::SegmentId::from_bytes([0; 16]));
            return Err(contradiction(id, "it changed while the file was being read"));
        }
        self.made = Some(part);
        Ok(())
    }

    /// Copies as much of the made part as fits. `within` is an offset in the part.
    fn copy_out(&mut self, within: u64, buf: &mut [u8]) -> Result<usize, FileError>
    where
        S: TapeSource,
    {
        let after = self.splice.pieces.partition_point(|piece| piece.start <= within);
        let end = self
            .splice
            .pieces
            .get(after)
            .map_or(self.splice.len, |piece| piece.start);
        let Some(piece) = after.checked_sub(1).and_then(|at| self.splice.pieces.get(at)) else {
            return Ok(0);
        };
        let len = usize::try_from(end - within).unwrap_or(usize::MAX).min(buf.len());
        let Some(target) = buf.get_mut(..len) else {
            return Ok(0);
        };
        let skip = within - piece.start;
        match &piece.from {
            Origin::Made(at) => {
                let from = at.saturating_add(usize::try_from(skip).unwrap_or(usize::MAX));
                let Some(made) = self.splice.bytes.get(from..from.saturating_add(len)) else {
                    return Ok(0);
                };
                target.copy_from_slice(made);
            }
            Origin::Tape(range) => {
                let range = TapeRange {
                    offset: range.offset.saturating_add(skip),
                    ..*range
                };
                self.tape.read(range, target)?;
            }
        }
        Ok(len)
    }
}

impl<S: TapeSource, F: Script> Growing for Spliced<S, F> {
    fn front(&self) -> u64 {
        self.script.parts().start(self.script.body())
    }

    fn settled(&self) -> u64 {
        let parts = self.script.parts();
        let first_open = self.script.settled().max(self.script.body());
        parts.start(first_open).saturating_sub(self.front())
    }

    fn mark(&self, body: u64) -> Mark {
        let (parts, front) = (self.script.parts(), self.front());
        let mut marker = Marker::default();
        for part in self.script.body()..parts.count() {
            let start = parts.start(part).saturating_sub(front);
            if start >= body {
                break;
            }
            let len = parts.start(part + 1).saturating_sub(parts.start(part));
            marker.numbers(&[start, len]);
            self.script.material(part, self.tape.segments(), &mut marker);
        }
        marker.finish()
    }
}

impl<S: TapeSource, F: Script> VirtualFile for Spliced<S, F> {
    fn len(&self) -> u64 {
        self.script.parts().len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        self.tape.expect(buf.len());
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..)
            && !rest.is_empty()
        {
            let at = offset.saturating_add(done as u64);
            if at >= self.len() {
                break;
            }
            let part = self.script.parts().find(at);
            self.make(part)?;
            let within = at - self.script.parts().start(part);
            match self.copy_out(within, rest)? {
                0 => break,
                copied => done += copied,
            }
        }
        self.tape.rest();
        Ok(done)
    }
}
