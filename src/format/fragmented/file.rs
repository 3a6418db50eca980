//! A view as one file: `init` and every fragment.

use std::sync::Arc;

use super::{Fragments, Origin, Reach, check_line, unsupported};
use crate::format::fmp4::{self, Movie, Reference};
use crate::format::line::{Config, Line, Tape};
use crate::format::mark::Marker;
use crate::format::mp4::creation_time;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, Looked, TapeSource, View, ViewSegment, rate};
use crate::media::{TrackKind, Tracks, VideoConfig, rescale};

/// A view as one fragmented MP4 file.
pub type Fmp4<S> = Spliced<S, File>;

impl<S: TapeSource> Fmp4<S> {
    /// Opens the file. Fails when a track changes its configuration, because such a file has a single `moov`.
    pub fn open(view: View<S>) -> Result<Self, FileError> {
        Ok(Self::resume(view, Looked::default())?.0)
    }

    /// Opens the file of a growing recording with what was kept of the previous look. Returns what is to be kept of this look.
    pub fn resume(view: View<S>, mut looked: Looked) -> Result<(Self, Looked), FileError> {
        let mut tape = Tape::new(view);
        let file = File::resume(&mut tape, &mut looked)?;
        Ok((Self::new(tape, file), looked))
    }
}

/// The script of fragmented MP4: `init` and every fragment.
pub struct File {
    init: Vec<u8>,
    fragments: Fragments,
    parts: Parts,
}

impl File {
    fn resume<S: TapeSource>(tape: &mut Tape<S>, looked: &mut Looked) -> Result<Self, FileError> {
        let line = looked.lay(tape)?;
        check_line("fmp4", &line)?;
        let (origin, known) = (Origin::of(&line), std::mem::take(&mut looked.known));
        let fragments = Fragments::resume(line, tape, &Reach::in_a_file(), known, origin)?;
        looked.known = fragments.known.settled(looked.parts());
        let tracks = only_tracks(&fragments.line)?;
        let first = tape.segments().first();
        let movie = Movie {
            created: first.map_or(0, |first| creation_time(first.utc(first.begins()))),
            duration_ms: Some(fragments.duration_ms()),
            video_rate: rate::of(&fragments.line, TrackKind::Video),
            audio_rate: rate::of(&fragments.line, TrackKind::Audio),
        };
        let mut init = fmp4::init(&tracks, movie);
        init.extend(fragments.index().unwrap_or_default());
        let mut parts = Parts::default();
        parts.push(init.len() as u64);
        for part in 0..fragments.line.parts.len() {
            parts.push(fragments.len(part));
        }
        Ok(Self {
            init,
            fragments,
            parts,
        })
    }
}

impl Script for File {
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
            None => out.write(&self.init),
            Some(fragment) => self.fragments.make(fragment, tape, out)?,
        }
        Ok(())
    }

    fn body(&self) -> usize {
        1
    }

    fn settled(&self) -> usize {
        self.body() + self.fragments.known.settled
    }

    fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        let fragment = part.saturating_sub(self.body());
        self.fragments.material(fragment, segments, marker);
    }

    fn front(&self, _part: usize, marker: &mut Marker) {
        marker.bytes(&self.init);
    }

    fn weight(&self) -> usize {
        self.init.len() + self.fragments.weight() + self.parts.weight()
    }

    fn segment_of(&self, part: usize) -> usize {
        let fragment = part
            .checked_sub(1)
            .and_then(|part| self.fragments.line.parts.get(part));
        fragment.map_or(0, |part| part.segment as usize)
    }
}

/// The tracks of the whole view, each with its only configuration.
fn only_tracks(line: &Line) -> Result<Tracks, FileError> {
    let mut tracks = Tracks::default();
    for track in [line.video.as_ref(), line.audio.as_ref()].into_iter().flatten() {
        match track.configs.as_slice() {
            [Config::Video(config)] if config.timescale == track.timescale => {
                tracks.video = Some(Arc::clone(config));
            }
            [Config::Video(config)] => {
                let timescale = track.timescale;
                tracks.video = Some(Arc::new(VideoConfig {
                    timescale,
                    ..(**config).clone()
                }));
            }
            [Config::Audio(config)] => tracks.audio = Some(Arc::clone(config)),
            [before, after, ..] => {
                return Err(unsupported(
                    "fmp4",
                    format!("a track changes from {before} to {after}; HLS, FLV and MP4 can carry that"),
                ));
            }
            [] => (),
        }
    }
    Ok(tracks)
}

impl Fragments {
    /// Milliseconds from the beginning to the end of the longer track.
    fn duration_ms(&self) -> u64 {
        let tracks = [self.line.video.as_ref(), self.line.audio.as_ref()]
            .into_iter()
            .flatten();
        let ends = tracks.map(|track| rescale(track.end_pts, track.timescale, 1_000));
        let end = ends.max().unwrap_or_default();
        end.saturating_sub(self.origin_ms).max(0).unsigned_abs()
    }

    /// The index of the file, from times to places, with as many entries as are useful.
    fn index(&self) -> Option<Vec<u8>> {
        let (id, track) = match (&self.line.video, &self.line.audio) {
            (Some(video), _) => (fmp4::VIDEO_TRACK, video),
            (None, audio) => (fmp4::AUDIO_TRACK, audio.as_ref()?),
        };
        let origin = rescale(self.origin_ms, 1_000, track.timescale);
        let length = track.end_pts.saturating_sub(track.first_pts);
        let most = i64::try_from(fmp4::MAX_REFERENCES).unwrap_or(i64::MAX);
        let step = (length / most).max(i64::from(track.timescale));
        let mut begins: Vec<(usize, i64, bool)> = Vec::new();
        for entry in self.known.entries.iter().filter(|entry| !entry.leads) {
            match begins.last() {
                Some((_, before, _)) if entry.pts.saturating_sub(*before) < step => (),
                None if entry.part > 0 => begins.extend([
                    (0, track.first_pts.min(entry.pts), false),
                    (entry.part, entry.pts, true),
                ]),
                _ => begins.push((entry.part, entry.pts, true)),
            }
        }
        if begins.is_empty() {
            begins.push((0, track.first_pts, false));
        }
        let ends = begins.iter().skip(1).map(|(part, pts, _)| (*part, *pts));
        let ends = ends.chain([(self.line.parts.len(), track.end_pts)]);
        let references = begins
            .iter()
            .zip(ends)
            .map(|((part, pts, key), (end, until))| Reference {
                bytes: (*part..end).map(|part| self.len(part)).sum(),
                duration: until.saturating_sub(*pts).max(0).unsigned_abs(),
                key: *key,
            });
        let references: Vec<Reference> = references.collect();
        let first = begins.first().map_or(0, |(_, pts, _)| pts.saturating_sub(origin));
        fmp4::sidx(id, track.timescale, first.max(0).unsigned_abs(), &references)
    }
}
