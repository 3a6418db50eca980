//! A reader of other people's MP4 files, for `edgereel publish FILE.mp4`.
//!
//! The reader keeps the `moov` as it is, at most [`MAX_MOOV`] bytes. It reads tables entry by entry where they stand, so that
//! no count in the file decides how much memory is taken. Times are those of the edit list, moved so that the earliest decode
//! time is zero.

mod entry;
mod table;

use std::io;

use crate::format::fmp4::ReadAt;
use crate::format::fmp4::boxes::{child, next_box};
use crate::media::{CodecConfig, TrackKind, rescale};

use table::{Tables, TrackSamples};

/// The largest `moov` that is read.
pub const MAX_MOOV: u64 = 64 << 20;

/// A file whose samples can be listed.
#[derive(Debug)]
pub struct Mp4Reader {
    moov: Vec<u8>,
    len: u64,
    tracks: Vec<Track>,
}

#[derive(Debug)]
struct Track {
    kind: TrackKind,
    timescale: u32,
    /// The offset added to every time, in ticks of the track.
    shift: i64,
    configs: Vec<CodecConfig>,
    /// Where the track's `stbl` stands in the `moov`.
    stbl: std::ops::Range<usize>,
}

/// One sample and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mp4Sample {
    /// The sample's track.
    pub kind: TrackKind,
    /// Index of the track's configuration that decodes the sample.
    pub config: usize,
    /// Decode time in milliseconds.
    pub dts_ms: i64,
    /// Presentation less decode time, in milliseconds.
    pub cts_ms: i32,
    /// True when decoding can begin here.
    pub key: bool,
    /// Where the sample's bytes stand in the file.
    pub offset: u64,
    /// Number of these bytes.
    pub size: u32,
}

/// A file that cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum Mp4Error {
    /// The file could not be read.
    #[error("reading at byte {offset}: {source}")]
    Io {
        /// Where in the file.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A box at the top level of the file has an impossible size.
    #[error("not an MP4 file, or cut off: the box at byte {offset} does not fit the file")]
    Box {
        /// Where the box begins.
        offset: u64,
    },
    /// The file has no `moov`.
    #[error("there is no 'moov' box: the file was never finished, or is no MP4")]
    NoMoov,
    /// The `moov` is larger than [`MAX_MOOV`].
    #[error("the 'moov' box has {0} bytes; at most {MAX_MOOV} are read")]
    MoovTooLarge(u64),
    /// The samples are in fragments.
    #[error("the file is fragmented ('moof' boxes); remux it first, as with: ffmpeg -i IN -c copy OUT.mp4")]
    Fragmented,
    /// The file has no track that RTMP can carry.
    #[error("there is no track of a coding that can be published")]
    NoTracks,
    /// RTMP cannot carry the codec of a track.
    #[error("the {kind} track cannot be published: {reason}")]
    Track {
        /// `video` or `audio`.
        kind: &'static str,
        /// What is in the way.
        reason: String,
    },
    /// The tables of a track contradict each other or the file.
    #[error("the index of the {kind} track is broken at sample {sample}: {reason}")]
    Broken {
        /// `video` or `audio`.
        kind: &'static str,
        /// Number of the sample, counted from one.
        sample: u32,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Mp4Reader {
    /// Finds and reads the `moov` of a file of `len` bytes.
    pub fn open(input: &(impl ReadAt + ?Sized), len: u64) -> Result<Self, Mp4Error> {
        let moov = find_moov(input, len)?;
        let mut tracks: Vec<Track> = Vec::new();
        let movie_scale = child(&moov, b"mvhd").and_then(timescale).unwrap_or(1_000);
        let mut rest = moov.as_slice();
        let mut fragmented = false;
        while let Some((kind, body)) = next_box(&mut rest) {
            match &kind {
                b"mvex" => fragmented = true,
                b"trak" => {
                    if let Some(track) = track(body, movie_scale, &moov, input)?
                        && tracks.iter().all(|known| known.kind != track.kind)
                    {
                        tracks.push(track);
                    }
                }
                _ => (),
            }
        }
        let mut reader = Self { tracks, len, moov };
        if reader.samples().next().is_none() {
            return Err(if fragmented {
                Mp4Error::Fragmented
            } else {
                Mp4Error::NoTracks
            });
        }
        reader.begin_at_zero();
        Ok(reader)
    }

    /// The configurations of one track; none when there is no such track.
    pub fn configs(&self, kind: TrackKind) -> &[CodecConfig] {
        let track = self.tracks.iter().find(|track| track.kind == kind);
        track.map_or(&[], |track| &track.configs)
    }

    /// Every sample of both tracks, by decode time. The iterator ends after an error.
    pub fn samples(&self) -> Mp4Samples<'_> {
        let tracks = self.tracks.iter().filter_map(|track| {
            let stbl = self.moov.get(track.stbl.clone())?;
            Some(TrackSamples::new(track, Tables::of(stbl)?, self.len))
        });
        Mp4Samples {
            tracks: tracks.map(|samples| (samples, None)).collect(),
        }
    }

    fn begin_at_zero(&mut self) {
        let firsts = |kind| {
            self.samples()
                .find_map(|sample| sample.ok().filter(|sample| sample.kind == kind))
        };
        let first = [TrackKind::Video, TrackKind::Audio]
            .into_iter()
            .filter_map(firsts);
        let first = first.map(|sample| sample.dts_ms).min().unwrap_or(0);
        for track in &mut self.tracks {
            track.shift = track.shift.saturating_sub(rescale(first, 1_000, track.timescale));
        }
    }
}

/// The samples of all tracks, merged.
pub struct Mp4Samples<'a> {
    tracks: Vec<(TrackSamples<'a>, Option<Mp4Sample>)>,
}

impl Iterator for Mp4Samples<'_> {
    type Item = Result<Mp4Sample, Mp4Error>;

    fn next(&mut self) -> Option<Self::Item> {
        for (samples, ahead) in &mut self.tracks {
            if ahead.is_none() {
                match samples.next() {
                    Some(Ok(sample)) => *ahead = Some(sample),
                    Some(Err(error)) => {
                        self.tracks.clear();
                        return Some(Err(error));
                    }
                    None => (),
                }
            }
        }
        let waiting = self
            .tracks
            .iter_mut()
            .filter_map(|(_, ahead)| ahead.is_some().then_some(ahead));
        let first = waiting.min_by_key(|ahead| ahead.map(|sample| sample.dts_ms))?;
        first.take().map(Ok)
    }
}

/// Reads the body of the `moov`.
fn find_moov(input: &(impl ReadAt + ?Sized), len: u64) -> Result<Vec<u8>, Mp4Error> {
    let mut offset = 0;
    while offset < len {
        let mut header = [0; 16];
        let read = fill(input, offset, &mut header)?;
        let [s0, s1, s2, s3, k0, k1, k2, k3, wide @ ..] = header;
        let (head, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (8, len - offset),
            1 => (16, u64::from_be_bytes(wide)),
            size => (8, u64::from(size)),
        };
        if read < 8 || size < head || size > len - offset {
            return Err(match offset {
                0 => Mp4Error::NoMoov,
                offset => Mp4Error::Box { offset },
            });
        }
        if [k0, k1, k2, k3] == *b"moov" {
            if size > MAX_MOOV {
                return Err(Mp4Error::MoovTooLarge(size));
            }
            let mut moov = vec![0; usize::try_from(size - head).unwrap_or(0)];
            if fill(input, offset + head, &mut moov)? < moov.len() {
                return Err(Mp4Error::Box { offset });
            }
            return Ok(moov);
        }
        offset += size;
    }
    Err(Mp4Error::NoMoov)
}

/// Reads a track. `None` for a track of neither picture nor sound.
fn track(
    trak: &[u8],
    movie_scale: u32,
    moov: &[u8],
    input: &(impl ReadAt + ?Sized),
) -> Result<Option<Track>, Mp4Error> {
    let Some(mdia) = child(trak, b"mdia") else {
        return Ok(None);
    };
    let kind = match child(mdia, b"hdlr").and_then(|hdlr| hdlr.get(8..12)) {
        Some(b"vide") => TrackKind::Video,
        Some(b"soun") => TrackKind::Audio,
        _ => return Ok(None),
    };
    let parts = || {
        let timescale = child(mdia, b"mdhd").and_then(timescale)?;
        let stbl = child(child(mdia, b"minf")?, b"stbl")?;
        Some((timescale, stbl, child(stbl, b"stsd")?))
    };
    let broken = |reason: &str| Mp4Error::Track {
        kind: kind.as_str(),
        reason: reason.to_owned(),
    };
    let (timescale, stbl, stsd) = parts().ok_or_else(|| broken("it has no sample tables"))?;
    let first_sample = || {
        let mut offsets = Tables::of(stbl)?.chunk_offsets();
        let mut head = [0; 4];
        let read = fill(input, offsets.next()?, &mut head).ok()?;
        (read == head.len()).then_some(head)
    };
    let configs = entry::configs(kind, stsd, first_sample)?;
    let start = (stbl.as_ptr() as usize).saturating_sub(moov.as_ptr() as usize);
    Ok(Some(Track {
        kind,
        timescale,
        shift: table::edit_shift(trak, movie_scale, timescale),
        configs,
        stbl: start..start + stbl.len(),
    }))
}

/// The timescale of an `mvhd` or `mdhd`, after two times of 32 or 64 bits.
fn timescale(body: &[u8]) -> Option<u32> {
    let at = if *body.first()? == 1 { 20 } else { 12 };
    let bytes = body.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes)).filter(|scale| *scale > 0)
}

/// Fills `buf` with as many bytes as there are.
fn fill(input: &(impl ReadAt + ?Sized), offset: u64, buf: &mut [u8]) -> Result<usize, Mp4Error> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..)
        && !rest.is_empty()
    {
        let at = offset.saturating_add(done as u64);
        match input.read_at(rest, at) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(source) => return Err(Mp4Error::Io { offset: at, source }),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
