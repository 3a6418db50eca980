//! Fragmented MP4: the tape's fragments, moved onto the time line of the view.
//!
//! [`Fmp4`] is one file: one `moov` and all fragments behind it. HLS puts the same fragments into chunks. Only `moof` is made
//! anew, from the sample index; the media is copied.

mod file;
mod last;
mod origin;
mod samples;
#[cfg(test)]
pub(in crate::format) mod tests;

pub(in crate::format) use file::File;
pub use file::Fmp4;
pub(in crate::format) use last::{End, Entry, Known, Reach, Ticks};
pub(in crate::format) use origin::Origin;
pub(in crate::format) use samples::Single;

use crate::format::fmp4::{self, TrackRun};
use crate::format::index::Placed;
use crate::format::line::{Line, Part, Placement, Tape, contradiction};
use crate::format::mark::Marker;
use crate::format::splice::Splice;
use crate::format::{FileError, TapeSource, ViewSegment};
use crate::media::{TrackKind, rescale};

/// Size and kind of an `mdat` of less than 4 GiB.
const MDAT_HEADER: u64 = 8;

/// A view's fragments with the lengths that they will have.
#[derive(Debug)]
pub(in crate::format) struct Fragments {
    /// The view on its line.
    pub(in crate::format) line: Line,
    /// The line's millisecond that becomes zero. It is no later than the first decode or presentation time. It is a whole tick
    /// of every track, so that moving by it moves sound and picture alike.
    origin_ms: i64,
    ticks: Ticks,
    known: Known,
}

impl Fragments {
    /// Reads the view's indexes.
    pub(in crate::format) fn open<S: TapeSource>(
        line: Line,
        tape: &mut Tape<S>,
        reach: &Reach,
    ) -> Result<Self, FileError> {
        let origin = Origin::of(&line);
        Self::resume(line, tape, reach, Known::default(), origin)
    }

    /// Reads only the indexes of fragments that are not fully known yet.
    pub(in crate::format) fn resume<S: TapeSource>(
        line: Line,
        tape: &mut Tape<S>,
        reach: &Reach,
        known: Known,
        origin: Origin,
    ) -> Result<Self, FileError> {
        let known = last::durations(&line, tape, reach, known)?;
        let fragments = Self {
            origin_ms: origin.ms(),
            ticks: reach.ticks,
            line,
            known,
        };
        fragments.check(tape)?;
        Ok(fragments)
    }

    /// What is known of the first `parts` fragments.
    pub(in crate::format) fn known(&self, parts: usize) -> Known {
        self.known.first(parts)
    }

    /// The line's millisecond that is zero in the files.
    pub(in crate::format) fn origin_ms(&self) -> i64 {
        self.origin_ms
    }

    /// About how many bytes of memory this takes up.
    pub(in crate::format) fn weight(&self) -> usize {
        self.line.weight() + self.known.weight()
    }

    /// Bytes of a fragment: `moof` and `mdat`. Zero when it has no sample.
    pub(in crate::format) fn len(&self, part: usize) -> u64 {
        match (self.known.moofs.get(part), self.line.parts.get(part)) {
            (Some(moof), Some(extents)) if extents.video.samples + extents.audio.samples > 0 => {
                u64::from(*moof) + MDAT_HEADER + media_len(extents)
            }
            _ => 0,
        }
    }

    pub(in crate::format) fn make<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        self.make_later(part, 0, tape, out)
    }

    /// Makes a fragment whose decode times are later by so many milliseconds.
    pub(in crate::format) fn make_later<S: TapeSource>(
        &self,
        part: usize,
        later_ms: i64,
        tape: &mut Tape<S>,
        out: &mut Splice,
    ) -> Result<(), FileError> {
        let Some(extents) = self.line.parts.get(part) else {
            return Ok(());
        };
        let segment = extents.segment as usize;
        let index = tape.index(segment)?;
        let found = self.line.stretches.get(segment).and_then(|stretch| {
            let fragment = index.fragments.get(part.checked_sub(stretch.first_part)?)?;
            Some((stretch, fragment))
        });
        let Some((stretch, fragment)) = found else {
            return Ok(());
        };
        let lasts = self.known.lasts.get(part).copied().unwrap_or_default();
        let samples = |kind| lasts.samples(fragment, kind, self.ticks.of(stretch.track(kind).placement));
        let (pictures, sounds) = (samples(TrackKind::Video), samples(TrackKind::Audio));
        let track_run = |kind, samples| {
            let placement = stretch.track(kind).placement;
            let later = rescale(later_ms, 1_000, self.ticks.of(placement).line);
            TrackRun {
                tfdt: self
                    .tfdt(placement, fragment.run(kind).first_dts)
                    .saturating_add_signed(later),
                samples,
            }
        };
        let video = pictures
            .as_deref()
            .map(|samples| track_run(TrackKind::Video, samples));
        let audio = sounds
            .as_deref()
            .map(|samples| track_run(TrackKind::Audio, samples));
        if video.is_none() && audio.is_none() {
            return Ok(());
        }
        let part: u32 = fitted!(part, "the number of a fragment");
        let sequence = part.saturating_add(1);
        out.write(&fmp4::moof(sequence, video, audio));
        let mdat = MDAT_HEADER + media_len(extents);
        let size: u32 = fitted!(mdat, "the size of an mdat");
        out.write(&size.to_be_bytes());
        out.write(b"mdat");
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let run = extents.extent(kind);
            out.copy(segment, kind, run, run.offset, u64::from(run.bytes));
        }
        Ok(())
    }

    /// The fragments where decoding can begin.
    pub(in crate::format) fn entries(&self) -> &[Entry] {
        &self.known.entries
    }

    /// The first picture of a fragment, with the time in the file at which it is presented and the ticks a second of that time.
    pub(in crate::format) fn first_picture<S: TapeSource>(
        &self,
        part: usize,
        tape: &mut Tape<S>,
    ) -> Result<Option<(u64, u32, Placed)>, FileError> {
        let segment = self.line.parts.get(part).map_or(0, |part| part.segment as usize);
        let index = tape.index(segment)?;
        Ok(self.line.stretches.get(segment).and_then(|stretch| {
            let fragment = index.fragments.get(part.checked_sub(stretch.first_part)?)?;
            let first = fragment.video.placed().next()?;
            let placement = stretch.video.placement;
            let dts = self.tfdt(placement, first.dts);
            let pts = dts.saturating_add_signed(first.sample.cts.into());
            Some((pts, self.ticks.of(placement).line, first))
        }))
    }

    pub(in crate::format) fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        let (numbers, scale) = self.beside_the_tape(part);
        marker.numbers(&numbers);
        marker.numbers(scale.as_slice());
        marker.fragment(&self.line, segments, part);
    }

    /// What the bytes of a fragment depend on beside its bytes on the tape: its number, where time begins, how long its last
    /// samples last; and the timescale, where it is not the tape's.
    pub(in crate::format) fn beside_the_tape(&self, part: usize) -> ([u64; 4], Option<u64>) {
        let lasts = self.known.lasts.get(part).copied().unwrap_or_default();
        let [video, audio] = lasts.numbers();
        let segment = self.line.parts.get(part).map_or(0, |part| part.segment as usize);
        let stretch = self.line.stretches.get(segment);
        let placement = stretch.map(|stretch| self.ticks.of(stretch.video.placement));
        let scale = placement.filter(|placement| placement.line != placement.own);
        (
            [part as u64, self.origin_ms.cast_unsigned(), video, audio],
            scale.map(|placement| placement.line.into()),
        )
    }

    /// The decode time in the file of a segment's tick.
    fn tfdt(&self, placement: Placement, ticks: u64) -> u64 {
        let placement = self.ticks.of(placement);
        let origin = rescale(self.origin_ms, 1_000, placement.line);
        placement
            .place(ticks)
            .saturating_sub(origin)
            .max(0)
            .unsigned_abs()
    }

    fn check<S: TapeSource>(&self, tape: &Tape<S>) -> Result<(), FileError> {
        for extents in &self.line.parts {
            if media_len(extents) + MDAT_HEADER > u64::from(u32::MAX) {
                let segment = tape.segments().get(extents.segment as usize);
                let id = segment.map(|segment| segment.id);
                return Err(match id {
                    Some(id) => contradiction(id, "a fragment of more than 4 GiB"),
                    None => unsupported("fmp4", "a fragment of more than 4 GiB".to_owned()),
                });
            }
        }
        Ok(())
    }
}

/// Checks that there is something on the line.
pub(in crate::format) fn check_line(format: &'static str, line: &Line) -> Result<(), FileError> {
    if line.video.is_none() && line.audio.is_none() {
        return Err(unsupported(format, "it has neither picture nor sound".to_owned()));
    }
    Ok(())
}

fn media_len(part: &Part) -> u64 {
    u64::from(part.video.bytes) + u64::from(part.audio.bytes)
}

fn unsupported(format: &'static str, reason: String) -> FileError {
    FileError::Unsupported { format, reason }
}
