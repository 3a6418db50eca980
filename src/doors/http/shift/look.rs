//! Which chunks of the tape a playlist has now. Reads the journal, so it blocks.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::samples::Samples;
use crate::api::Back;
use crate::doors::http::answer::Refusal;
use crate::doors::http::door::Door;
use crate::doors::http::files::{Bounds, of_store};
use crate::doors::http::held::{Of, Sight, hidden};
use crate::doors::http::live::Names;
use crate::format::hls::live::{ChunkFacts, JoinedChunk, LiveChunk, Shape};
use crate::media::{Micros, StreamName, Tracks};
use crate::recorder::RingChunks;
use crate::store::{ChunkAt, Filter, Library, ListedSegment, OpenTape};
use crate::timeshift::{Gap, LONGEST_BREAK, Listing, Piece, Shift, Stretch};

/// So long after it was on the air something may still come to the tape.
pub(super) const LATEST: Micros = 60_000_000;

/// A look at the tape for a playlist.
pub(super) struct Look {
    pub(super) door: Arc<Door>,
    pub(super) stream: StreamName,
    pub(super) open: Option<Arc<OpenTape>>,
    pub(super) now: Micros,
    /// How far back viewers may go, where that is limited.
    pub(super) back: Option<Back>,
    /// The number of chunks of a window.
    pub(super) most: usize,
    pub(super) bounds: Bounds,
    /// Which tape the viewer does not get.
    pub(super) sight: Sight,
    /// Some chunk was left out, because it is held back.
    pub(super) withheld: Cell<bool>,
    /// The stream in memory, where such streams are played.
    pub(super) ring: Option<RingChunks>,
    pub(super) extra: Extra,
}

/// What is wanted beside the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    Nothing,
    /// The beginning of the programme.
    Began,
    /// The rates, for a master playlist.
    Rates,
}

/// The chunks that were found.
pub(super) struct Found {
    pub(super) chunks: Vec<JoinedChunk>,
    pub(super) shape: Shape,
    pub(super) target_s: u32,
    /// UTC of the beginning of the programme, if it is wanted.
    pub(super) began: Option<Micros>,
    /// Chunks with the rates of those that were found, if they are wanted.
    pub(super) samples: Vec<(Arc<Tracks>, ChunkFacts)>,
}

impl Look {
    pub(super) fn find(&self, library: &Library, shift: Shift) -> Result<Found, Refusal> {
        match Stretch::of(shift) {
            Some(stretch) => self.stretch(library, stretch),
            None => match shift {
                Shift::Delay { by } => self.delayed(library, by),
                Shift::Range { .. } | Shift::From { .. } => {
                    defect!("a range has no stretch");
                    Err(nothing(&self.stream))
                }
            },
        }
    }

    fn stretch(&self, library: &Library, asked: Stretch) -> Result<Found, Refusal> {
        let (earliest, latest) = self.bounds;
        let asked = asked.within(earliest, latest);
        let asked = asked.ok_or_else(|| Refusal::not_found("there is nothing here that you may see"))?;
        let asked = match self.back {
            Some(back) => asked
                .kept_for(back.span.as_micros())
                .since(back.oldest(asked.from))
                .ok_or_else(|| self.too_old())?,
            None => asked,
        };
        let (listing, mut samples) = self.list(library, asked)?;
        let Some(first) = listing.first().cloned() else {
            return Err(self.none_yet(library, asked)?);
        };
        // What was asked for, and is gone, is followed by more of it while the playlist is served.
        let lost = first.utc > asked.from && self.is_lost(library, &first.chunk)?;
        let listing = match lost.then(|| asked.since(first.utc)).flatten() {
            Some(rest) => {
                let (listing, of_rest) = self.list(library, rest)?;
                samples = of_rest;
                listing
            }
            None => listing,
        };
        let more = match listing.ends() {
            Some(end) => self.is_recorded_over(library, end)?,
            None => false,
        };
        let listed = listing
            .finish(self.now, more)
            .ok_or_else(|| nothing(&self.stream))?;
        Ok(Found {
            began: self.began(library, &first)?,
            chunks: listed.chunks,
            shape: listed.shape,
            target_s: listed.target_s,
            samples: samples.chunks(),
        })
    }

    /// Lists a stretch.
    fn list(&self, library: &Library, stretch: Stretch) -> Result<(Listing, Samples), Refusal> {
        let mut listing = Listing::new(stretch);
        let (mut samples, mut names, mut failed) =
            (Samples::default(), self.door.inits.names(&self.stream), None);
        let mut goes_on = |gap: Gap| self.is_recorded_over(library, gap.from);
        let open = self.open.as_deref();
        let each = |segment: ListedSegment| {
            let mut pieces = self.pieces(&segment, &mut names);
            pieces.retain(|piece| self.is_reached(piece) && self.is_shown(piece));
            let is_sealed = open.is_none_or(|open| open.segment.id != segment.id);
            if self.extra == Extra::Rates {
                samples.take(&segment, |facts| {
                    let begins = segment.utc(facts.start);
                    let ends = facts.start.saturating_add_unsigned(facts.duration_us);
                    begins < stretch.to
                        && begins.saturating_add_unsigned(facts.duration_us) > stretch.from
                        && !self
                            .sight
                            .hides_of_stream(&self.stream, facts.start, ends, Of::Stream)
                });
            }
            match listing.segment(&pieces, is_sealed, &mut goes_on) {
                Ok(()) if listing.is_over() => ControlFlow::Break(()),
                Ok(()) => ControlFlow::Continue(()),
                Err(refusal) => {
                    failed = Some(refusal);
                    ControlFlow::Break(())
                }
            }
        };
        let read = library.listed(&self.stream, (stretch.from, stretch.to), open, each);
        read.map_err(|error| of_store(&error))?;
        match failed {
            Some(refusal) => Err(refusal),
            None => Ok((listing, samples)),
        }
    }

    /// The date of the media time zero of a publish in playlists. Only that of a publish that is on the air may still change.
    pub(super) fn date(&self, (zero, utc): (Micros, Micros), is_on_air: bool) -> Micros {
        if is_on_air {
            self.door.dates.of(&self.stream, zero, utc)
        } else {
            self.door.dates.told(&self.stream, zero).unwrap_or(utc)
        }
    }

    /// The chunks of a segment.
    pub(super) fn pieces(&self, segment: &ListedSegment, names: &mut Names<'_>) -> Vec<Piece> {
        let (zero, zero_utc) = (segment.publish_zero, segment.publish_zero_utc);
        let is_open = self
            .open
            .as_ref()
            .is_some_and(|open| open.segment.publish_zero == zero);
        let date = self.date((zero, zero_utc), is_open);
        let init = names.of(&segment.tracks);
        let piece = |(number, discontinuity, facts): (u64, bool, &ChunkFacts)| Piece {
            start: facts.start,
            utc: segment.utc(facts.start),
            chunk: LiveChunk {
                number,
                discontinuities: segment.numbers.discontinuity,
                discontinuity,
                duration_us: facts.duration_us,
                date: date.saturating_add(facts.start.saturating_sub(zero)),
                independent: facts.independent,
                init,
            },
        };
        segment.numbered().map(piece).collect()
    }

    /// True when a recording goes on beyond a moment (UTC) that it has begun before. Sound that outlasts the pictures by a moment
    /// is no such recording.
    pub(super) fn is_recorded_over(&self, library: &Library, at: Micros) -> Result<bool, Refusal> {
        // The last chunk of an open segment is not complete before the segment is sealed, also where its recording is closed already.
        let is_open = self.open.as_ref().is_some_and(|open| {
            let (zero, utc) = (open.segment.publish_zero, open.segment.publish_zero_utc);
            let begins = open.segment.begins().saturating_sub(zero).saturating_add(utc);
            begins <= at.saturating_add(LONGEST_BREAK)
        });
        if is_open {
            return Ok(true);
        }
        library
            .goes_on(&self.stream, at)
            .map_err(|error| of_store(&error))
    }

    /// True when the tape before this chunk went on into it, and is not there any more. Before a discontinuity is another publish,
    /// of another time.
    fn is_lost(&self, library: &Library, first: &LiveChunk) -> Result<bool, Refusal> {
        let Some(before) = first.number.checked_sub(1).filter(|_| !first.discontinuity) else {
            return Ok(false);
        };
        let at = library
            .chunk_at(&self.stream, before)
            .map_err(|error| of_store(&error))?;
        Ok(matches!(at, ChunkAt::Gone))
    }

    /// UTC of the beginning of the programme that a chunk is of, if it is wanted: of the recording that goes on over breaks, or of its
    /// publish, of which there may be many recordings one after the other.
    pub(super) fn began(&self, library: &Library, first: &Piece) -> Result<Option<Micros>, Refusal> {
        if self.extra != Extra::Began {
            return Ok(None);
        }
        let at = first.utc;
        let filter = Filter {
            stream: Some(self.stream.clone().into()),
            from: Some(at),
            to: Some(at.saturating_add(1)),
        };
        let rows = library.recordings(&filter).map_err(|error| of_store(&error))?;
        let of_publish = match library.chunk_at(&self.stream, first.chunk.number) {
            Ok(ChunkAt::Sealed(sealed, _)) => library.publish_begins(sealed.segment.id),
            Ok(ChunkAt::Open) => match &self.open {
                Some(open) => library.publish_begins(open.segment.id),
                None => Ok(None),
            },
            Ok(ChunkAt::Gone | ChunkAt::Never) => Ok(self.ring.as_ref().map(|ring| ring.zero_utc)),
            Err(error) => Err(error),
        };
        let of_publish = of_publish.map_err(|error| of_store(&error))?;
        let began = rows.iter().map(|row| row.start).chain(of_publish).min();
        let least = self.bounds.0.max(self.oldest(at));
        let began = began.unwrap_or(at).max(least.unwrap_or(Micros::MIN));
        Ok(Some(began))
    }

    /// UTC before which viewers may not go who ask for this moment.
    pub(super) fn oldest(&self, at: Micros) -> Option<Micros> {
        Some(self.back?.oldest(at))
    }

    /// False for tape that is ahead of the clock, and so old that viewers may not go back to it.
    fn is_reached(&self, piece: &Piece) -> bool {
        self.back.is_none_or(|back| back.has_ahead(piece.ends()))
    }

    /// False for tape that is held back.
    fn is_shown(&self, piece: &Piece) -> bool {
        let is_hidden = self
            .sight
            .hides_of_stream(&self.stream, piece.start, piece.end(), Of::Stream);
        if is_hidden {
            self.withheld.set(true);
        }
        !is_hidden
    }

    pub(super) fn may_have(&self, piece: &Piece) -> bool {
        let (earliest, latest) = self.bounds;
        self.is_reached(piece)
            && self.is_shown(piece)
            && earliest.is_none_or(|earliest| piece.ends() > earliest)
            && latest.is_none_or(|latest| piece.utc < latest)
    }

    pub(super) fn too_old(&self) -> Refusal {
        match self.back {
            Some(back) => Refusal::too_old(&self.stream, back.span),
            None => nothing(&self.stream),
        }
    }

    /// The answer where nothing is listed: that it will be in a moment, or that it is not there.
    fn none_yet(&self, library: &Library, asked: Stretch) -> Result<Refusal, Refusal> {
        if self.withheld.get() {
            return Ok(hidden(Of::Stream));
        }
        if asked.from > self.now {
            return Ok(Refusal::not_found("this time is still to come"));
        }
        let may_come = asked.to > self.now.saturating_sub(LATEST);
        if may_come && self.is_recorded_over(library, self.now)? {
            return Ok(begun());
        }
        Ok(nothing(&self.stream))
    }
}

impl Found {
    /// True when no other chunk follows.
    pub(super) fn is_over(&self) -> bool {
        match self.shape {
            Shape::Closed => true,
            Shape::Event { ended } | Shape::Sliding { ended } => ended,
        }
    }
}

pub(super) fn begun() -> Refusal {
    Refusal {
        retry_after_s: Some(2),
        ..Refusal::unavailable("too little of this time is on flash yet: ask again in a moment")
    }
}

fn nothing(stream: &StreamName) -> Refusal {
    Refusal::not_found(format!("the box has nothing of {stream} of this time"))
}
