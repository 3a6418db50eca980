//! One recording of a file: its line, its tracks, and when they are presented. Most files have one side. A file of recordings
//! [in step](crate::format::View::in_step) has one for each.

use std::sync::Arc;

use crate::format::line::{Config, Line, Tape, TrackLine};
use crate::format::{FileError, TapeSource, ViewSegment};
use crate::media::{Micros, TrackKind, VideoCodec, rescale};

use super::boxes;
use super::edit::{Edit, MICROSECONDS, MovieTime};

/// The longest a sample may last: players read `stts` as signed.
const LONGEST: u64 = i32::MAX as u64;

/// A recording that is laid out, before it has a place in the file.
pub(super) struct Laid {
    pub(super) line: Line,
    /// The number of its first segment among all segments of the file.
    pub(super) first: usize,
    /// What its tracks are called, in a file of several recordings.
    pub(super) name: Option<Arc<str>>,
}

/// A recording in the file.
pub(super) struct Side {
    pub(super) line: Line,
    /// The number of its first segment among all segments of the file.
    pub(super) first: usize,
    pub(super) name: Option<Arc<str>>,
    /// Its tracks, the picture first.
    pub(super) tracks: Vec<(TrackKind, Edit)>,
    /// The place of each of its fragments among those of the file. Empty where they are the same.
    pub(super) places: Vec<u32>,
    /// When the recording began, as `mvhd` writes it.
    pub(super) created: u64,
    /// UTC of the zero of its line.
    utc: Micros,
    /// When the zero of its line is played, in microseconds.
    zero: Micros,
}

impl Side {
    /// Decides when the tracks of all recordings are presented: moments with the same UTC together. Gives the timescale of the
    /// movie, too.
    pub(super) fn all<S: TapeSource>(
        (format, wanted): (&'static str, &[TrackKind]),
        laid: Vec<Laid>,
        tape: &Tape<S>,
    ) -> Result<(Vec<Self>, u32), FileError> {
        let kinds = |line: &Line| {
            let kinds = line.kinds().into_iter();
            kinds.filter(|kind| wanted.contains(kind)).collect::<Vec<_>>()
        };
        for laid in &laid {
            let tracks: Vec<_> = kinds(&laid.line)
                .into_iter()
                .filter_map(|kind| laid.line.track(kind))
                .collect();
            check(format, wanted, &tracks)?;
        }
        let all = laid.iter().flat_map(|laid| {
            kinds(&laid.line)
                .into_iter()
                .filter_map(|kind| laid.line.track(kind))
        });
        let timescale = MovieTime::timescale_of(all);
        let (mut sides, mut begins) = (Vec::with_capacity(laid.len()), Vec::with_capacity(laid.len()));
        for laid in laid {
            let segments = tape.segments().get(laid.first..).unwrap_or_default();
            let (side, zero) = Self::alone(laid, kinds, timescale, segments);
            begins.push((side.utc, zero));
            sides.push(side);
        }
        let base = begins.iter().map(|(utc, _)| *utc).min().unwrap_or(0);
        // When each recording begins, in movie time behind the zero of the earliest line.
        let begins = begins.into_iter().map(|(utc, zero)| {
            let later = rescale(utc.saturating_sub(base), MICROSECONDS, timescale);
            later.saturating_add(zero)
        });
        let begins: Vec<i64> = begins.collect();
        let first = begins.iter().copied().min().unwrap_or(0);
        for (side, begins) in sides.iter_mut().zip(begins) {
            let later = begins.saturating_sub(first).unsigned_abs();
            let later_us = rescale(begins.saturating_sub(first), timescale, MICROSECONDS);
            side.zero = side.zero.saturating_add(later_us);
            side.tracks.iter_mut().for_each(|(_, edit)| edit.delay(later));
        }
        Ok((sides, timescale))
    }

    /// A recording with a presentation of its own. It begins with the earliest track, at the returned time of its line.
    fn alone(
        laid: Laid,
        kinds: impl Fn(&Line) -> Vec<TrackKind>,
        timescale: u32,
        segments: &[ViewSegment],
    ) -> (Self, i64) {
        let line = laid.line;
        let mut kinds = kinds(&line);
        let tracks = |kinds: &[TrackKind]| {
            kinds
                .iter()
                .filter_map(|kind| line.track(*kind))
                .collect::<Vec<_>>()
        };
        let mut time = MovieTime::of(timescale, &tracks(&kinds));
        if let (true, Some(begins)) = (line.shown.any, line.shown.begins) {
            time.begin(begins, line.video.as_ref(), &line.shown.shows);
            kinds.retain(|kind| line.track(*kind).is_some_and(|track| time.shows(track)));
        }
        let edits = kinds.iter().copied().zip(tracks(&kinds)).map(|(kind, track)| {
            let edit = match kind {
                TrackKind::Video if line.shown.any => time.edits(track, &line.shown.shows),
                _ => time.edit(track),
            };
            (kind, edit)
        });
        let edits = edits.collect();
        let created = segments.first().map_or(0, |segment| {
            let begins = segment.begins().max(segment.kept.shown_from);
            boxes::creation_time(segment.utc(begins))
        });
        let side = Self {
            utc: utc_of(&line, segments),
            zero: rescale(time.zero(), timescale, MICROSECONDS).saturating_neg(),
            line,
            first: laid.first,
            name: laid.name,
            tracks: edits,
            places: Vec::new(),
            created,
        };
        (side, time.zero())
    }

    /// The presentation of a track.
    pub(super) fn edit(&self, kind: TrackKind) -> Option<&Edit> {
        let mut tracks = self.tracks.iter();
        tracks.find(|(own, _)| *own == kind).map(|(_, edit)| edit)
    }

    /// When a time of its line is played, in microseconds.
    pub(super) fn plays(&self, line: Micros) -> Micros {
        self.zero.saturating_add(line)
    }

    /// Width and height of its pictures.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let track = self.edit(TrackKind::Video).and(self.line.video.as_ref())?;
        match track.configs.first() {
            Some(Config::Video(config)) => Some(config.display_size()),
            _ => None,
        }
    }

    /// The codec of its pictures.
    pub(super) fn codec(&self) -> Option<VideoCodec> {
        let track = self.edit(TrackKind::Video).and(self.line.video.as_ref())?;
        match track.configs.first() {
            Some(Config::Video(config)) => Some(config.codec),
            _ => None,
        }
    }

    /// Bytes of its media in the file.
    pub(super) fn bytes(&self) -> u64 {
        let tracks = self.tracks.iter().filter_map(|(kind, _)| self.line.track(*kind));
        tracks.fold(0, |sum, track| sum.saturating_add(track.bytes))
    }

    /// The number of a fragment of it among those of the file.
    pub(super) fn place(&self, part: usize) -> usize {
        self.places.get(part).map_or(part, |place| *place as usize)
    }

    /// When each of its fragments begins, in microseconds UTC. Reads the lists of all fragments.
    pub(super) fn begins<S: TapeSource>(&self, tape: &Tape<S>) -> Result<Vec<Micros>, FileError> {
        let mut begins = Vec::with_capacity(self.line.parts.len());
        let mut last = Micros::MIN;
        for (number, stretch) in self.line.stretches.iter().enumerate() {
            let list = tape.fragments(self.first.saturating_add(number))?;
            for fragment in list.fragments.iter().take(stretch.parts) {
                let times = self.tracks.iter().filter_map(|(kind, _)| {
                    let run = fragment.run(*kind);
                    let placement = stretch.track(*kind).placement;
                    let at = rescale(placement.place(run.first_dts), placement.line, MICROSECONDS);
                    (!run.is_empty()).then(|| self.utc.saturating_add(at))
                });
                // Where times overlap, the fragments of a recording stay in order.
                last = times.min().map_or(last, |at| at.max(last));
                begins.push(last);
            }
        }
        Ok(begins)
    }
}

/// UTC of the zero of a line, by the first segment that something is shown of.
fn utc_of(line: &Line, segments: &[ViewSegment]) -> Micros {
    let laid = segments.iter().zip(&line.stretches);
    let mut laid = laid.filter(|(segment, _)| segment.silence.is_none());
    let shows = |segment: &ViewSegment| segment.end.is_none_or(|end| end > segment.kept.shown_from);
    let first = laid
        .clone()
        .find(|(segment, _)| shows(segment))
        .or_else(|| laid.next());
    first.map_or(0, |(segment, stretch)| {
        segment
            .publish_zero_utc
            .saturating_sub(stretch.zero_ms.saturating_mul(1_000))
    })
}

fn check(format: &'static str, wanted: &[TrackKind], tracks: &[&TrackLine]) -> Result<(), FileError> {
    let unsupported = |reason: String| Err(FileError::Unsupported { format, reason });
    if tracks.is_empty() {
        return unsupported(match wanted {
            [TrackKind::Audio] => "it has no sound".to_owned(),
            _ => "it has neither picture nor sound".to_owned(),
        });
    }
    for track in tracks {
        let mut codecs = track.configs.iter().map(|config| config.codec());
        if let Some(first) = codecs.next()
            && let Some(other) = codecs.find(|codec| *codec != first)
        {
            return unsupported(format!(
                "a track changes from {first} to {other}; HLS and FLV can carry that"
            ));
        }
        if track.longest > LONGEST {
            let hours = track.longest / u64::from(track.timescale.max(1)) / 3_600;
            return unsupported(format!("it has a break of {hours} hours; HLS can carry that"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
