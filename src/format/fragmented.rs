//! Fragmented MP4: the tape's fragments, moved onto the time line of the view.
//!
//! [`Fmp4`] is one file: one `moov` and all fragments behind it. HLS puts the same fragments into chunks. Only `moof` is made
//! anew, from the sample index; the media is copied.

mod last;
mod samples;

use std::sync::Arc;

pub(in crate::format) use last::{End, Entry, Known, Reach, Ticks};
pub(in crate::format) use samples::Single;

use crate::format::fmp4::{self, Movie, Reference, TrackRun};
use crate::format::index::{Placed, RunFacts};
use crate::format::line::{Config, Line, Placement, Stretch, Tape, contradiction};
use crate::format::mark::Marker;
use crate::format::mp4::creation_time;
use crate::format::splice::{Parts, Script, Splice, Spliced};
use crate::format::{FileError, Looked, TapeSource, View, ViewSegment, rate};
use crate::media::{TrackKind, Tracks, VideoConfig, gcd, rescale};

/// Size and kind of an `mdat` of less than 4 GiB.
const MDAT_HEADER: u64 = 8;

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

    pub(in crate::format) fn material(&self, part: usize, segments: &[ViewSegment], marker: &mut Marker) {
        // The mark also depends on the fragment's number and on where time begins.
        let lasts = self.known.lasts.get(part).copied().unwrap_or_default();
        marker.numbers(&[part as u64, self.origin_ms.cast_unsigned()]);
        marker.numbers(&lasts.numbers());
        let segment = self.line.parts.get(part).map_or(0, |part| part.segment as usize);
        if let Some(stretch) = self.line.stretches.get(segment) {
            let placement = self.ticks.of(stretch.video.placement);
            if placement.line != placement.own {
                marker.numbers(&[placement.line.into()]);
            }
        }
        marker.fragment(&self.line, segments, part);
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

/// Checks that there is something on the line.
pub(in crate::format) fn check_line(format: &'static str, line: &Line) -> Result<(), FileError> {
    if line.video.is_none() && line.audio.is_none() {
        return Err(unsupported(format, "it has neither picture nor sound".to_owned()));
    }
    Ok(())
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

/// Decides which millisecond of the line becomes zero.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Origin {
    first_ms: Option<i64>,
    /// A millisecond that is a multiple of 1000 / `grid` is a whole tick at every rate.
    grid: u32,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            first_ms: None,
            grid: 1_000,
        }
    }
}

impl Origin {
    fn of(line: &Line) -> Self {
        let mut origin = Self::default();
        for track in [line.video.as_ref(), line.audio.as_ref()].into_iter().flatten() {
            origin.time(track.first_dts.min(track.first_pts), track.timescale);
        }
        let rates = |stretch: &Stretch| [stretch.video.placement.own, stretch.audio.placement.own];
        line.stretches
            .iter()
            .flat_map(rates)
            .for_each(|rate| origin.rate(rate));
        origin
    }

    /// Takes note of a run of the tape, so that none of its samples is before zero.
    pub(in crate::format) fn see(&mut self, run: &RunFacts, placement: Placement) {
        if run.is_empty() {
            return;
        }
        // The first run of a track gives the line its ticks.
        let first = placement.place(run.first_dts);
        self.time(first.saturating_add(run.shown.min(0)), placement.line);
        self.rate(placement.own);
    }

    fn time(&mut self, ticks: i64, timescale: u32) {
        let ms = rescale(ticks, timescale, 1_000);
        self.first_ms = Some(self.first_ms.map_or(ms, |first| first.min(ms)));
    }

    fn rate(&mut self, rate: u32) {
        if rate > 0 {
            self.grid = gcd(self.grid, rate);
        }
    }

    fn ms(&self) -> i64 {
        let step = i64::from(1_000 / self.grid.max(1)).max(1);
        let first = self.first_ms.unwrap_or(0);
        first.div_euclid(step).saturating_mul(step)
    }
}

fn media_len(part: &crate::format::line::Part) -> u64 {
    u64::from(part.video.bytes) + u64::from(part.audio.bytes)
}

fn unsupported(format: &'static str, reason: String) -> FileError {
    FileError::Unsupported { format, reason }
}

#[cfg(test)]
pub(in crate::format) mod tests {
    use super::*;
    use crate::format::testing::{self, all, assert_same_in_pieces, expected};
    use mp4_atom::ReadFrom;

    /// (track, tfdt, payload) of every sample of a file of fragments.
    pub(in crate::format) fn samples(bytes: &[u8]) -> Vec<(u32, u64, Vec<u8>)> {
        let mut found = Vec::new();
        let mut rest = bytes;
        let mut moof: Option<(usize, mp4_atom::Moof)> = None;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            match mp4_atom::Any::read_from(&mut rest).unwrap() {
                mp4_atom::Any::Moof(found) => moof = Some((at, found)),
                mp4_atom::Any::Mdat(_) => {
                    let (start, moof) = moof.take().unwrap();
                    for traf in moof.traf {
                        let mut dts = traf.tfdt.unwrap().base_media_decode_time;
                        let trun = &traf.trun[0];
                        let mut offset = start + trun.data_offset.unwrap() as usize;
                        for entry in &trun.samples {
                            let size = entry.size.or(traf.tfhd.default_sample_size).unwrap() as usize;
                            found.push((traf.tfhd.track_id, dts, bytes[offset..offset + size].to_vec()));
                            offset += size;
                            let duration = entry.duration.or(traf.tfhd.default_sample_duration);
                            dts += u64::from(duration.unwrap());
                        }
                    }
                }
                _ => (),
            }
        }
        found
    }

    #[test]
    fn every_sample_is_at_its_time() {
        let takes = testing::two_segments();
        let mut file = Fmp4::open(testing::view(&takes)).unwrap();
        let bytes = all(&mut file);
        assert_same_in_pieces(&mut file, &bytes, &[3, 977, 65_536]);
        let found = samples(&bytes);
        for (kind, track) in [(TrackKind::Video, 1), (TrackKind::Audio, 2)] {
            let shots = expected(&takes);
            let shots = shots.iter().filter(|shot| shot.kind == kind);
            let mut found = found.iter().filter(|sample| sample.0 == track);
            for shot in shots {
                let (_, dts, payload) = found.next().unwrap();
                assert_eq!(*dts as i64, shot.dts);
                assert!(*payload == shot.payload);
            }
            assert_eq!(found.next(), None);
        }
    }

    #[test]
    fn time_moves_alike_for_sound_and_picture() {
        let takes: Vec<_> = testing::eventful().into_iter().take(2).collect();
        let found = samples(&all(&mut Fmp4::open(testing::view(&takes)).unwrap()));
        let first = |track| found.iter().find(|sample| sample.0 == track).unwrap().1;
        // The sound that began at -40 ms begins at zero. The picture that began at 1000 ms begins at 1040 ms.
        assert_eq!((first(1), first(2)), (1_040, 0));
    }

    #[test]
    fn a_change_of_configuration_is_refused_by_name() {
        let error = Fmp4::open(testing::view(&testing::eventful()))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("from h264 320x240 to h264 640x360"), "{error}");
    }

    #[test]
    fn a_sample_lasts_until_the_next_one_whichever_fragment_has_it() {
        let mut takes = testing::two_segments();
        // Sound is missing over the end of a fragment, where the tape guessed a duration.
        takes[0]
            .shots
            .retain(|shot| shot.kind == TrackKind::Video || !(40_000..48_000).contains(&shot.dts));
        let bytes = all(&mut Fmp4::open(testing::view(&takes)).unwrap());
        for track in [1, 2] {
            let samples = lengths(&bytes);
            let own: Vec<_> = samples.iter().filter(|sample| sample.0 == track).collect();
            for pair in own.windows(2) {
                assert_eq!(pair[0].1 + u64::from(pair[0].2), pair[1].1, "track {track}");
            }
        }
    }

    /// (track, decode time, duration) of every sample.
    fn lengths(bytes: &[u8]) -> Vec<(u32, u64, u32)> {
        let mut found = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if let mp4_atom::Any::Moof(moof) = mp4_atom::Any::read_from(&mut rest).unwrap() {
                for traf in moof.traf {
                    let mut dts = traf.tfdt.unwrap().base_media_decode_time;
                    for entry in &traf.trun[0].samples {
                        let duration = entry.duration.or(traf.tfhd.default_sample_duration).unwrap();
                        found.push((traf.tfhd.track_id, dts, duration));
                        dts += u64::from(duration);
                    }
                }
            }
        }
        found
    }

    #[test]
    fn the_file_says_how_long_it_is_and_where_its_fragments_are() {
        let takes = testing::two_segments();
        let mut file = Fmp4::open(testing::view(&takes)).unwrap();
        let bytes = all(&mut file);
        let at = |kind: &[u8]| bytes.windows(4).position(|word| word == kind).unwrap();
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        // The picture ends at 4.5 s. The sound lasts one frame longer.
        let duration = number(at(b"mehd") + 12);
        assert!((4_500..4_640).contains(&duration), "{duration}");
        let sidx = at(b"sidx");
        let end = sidx - 4 + number(sidx - 4) as usize;
        assert_eq!(&bytes[end + 4..end + 8], b"moof");
        let count = (number(sidx + 32) & 0xFFFF) as usize;
        assert_eq!(count, 5);
        let mut position = end;
        for reference in 0..count {
            let entry = sidx + 36 + 12 * reference;
            assert_eq!(&bytes[position + 4..position + 8], b"moof");
            assert_eq!(number(entry + 8), 0x9000_0000);
            position += number(entry) as usize;
        }
        assert_eq!(position, bytes.len());
        // mvhd of version 1.
        assert_ne!(number(at(b"mvhd") + 12), 0);
    }
}
