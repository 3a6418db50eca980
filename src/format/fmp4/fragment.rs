//! One fragment: the box with its checksums, its `moof`, and the head of its `mdat`.

use bytes::BufMut;
use crc32c::{crc32c, crc32c_append};

use super::boxes::{BOX_HEADER, take, take_u32};
use super::moof::{TrackRun, moof};
use super::{MAX_MDAT, MAX_MOOF, MAX_RUN_SAMPLES, Stopped, WriteError};
use crate::format::TrackBase;
use crate::format::index::{FragmentIndex, Run, Sample};
use crate::media::{Fragment, Frame, MILLISECONDS, SegmentId, TrackKind, rescale};

/// Sequence number of a segment's first fragment. The others count up from it.
pub const FIRST_SEQUENCE: u32 = 1;

/// Duration of a last video frame when nothing else tells it: 25 frames a second.
const GUESSED_VIDEO_MS: i64 = 40;

/// `uuid` type of the box that stands before every `moof`. A change of its layout takes another type.
pub(super) const FRAGMENT_TYPE: [u8; 16] = *b"edgereel:frag\x00\x00\x01";

/// Bytes of the checksum box.
pub(super) const CHECKSUM_BOX: usize = 68;

/// The box before every `moof`, without its own checksum:
///
/// ```text
/// at  bytes
///  0     4  68                         size
///  4     4  "uuid"
///  8    16  "edgereel:frag" 0 0 1      type
/// 24    16  segment                    so that a fragment of the file whose blocks these were is not ours
/// 40     4  sequence                   so that one of this file's own is not taken twice or out of order
/// 44     4  fragments durable          how many were synced when this one was written: those need no second
///                                      look after a power cut, and losing one of them is damage, not a torn end
/// 48     4  bytes of moof              what to read next
/// 52     4  bytes of mdat
/// 56     4  CRC-32C of moof            alone, so that a live segment is indexed without reading its media
/// 60     4  CRC-32C of mdat
/// 64     4  CRC-32C of the 64 above    last, over what must be believed before anything is read by it
/// ```
///
/// The last checksum covers the two before it, so that all of a fragment belongs together. If the box was overwritten and the
/// media was not, or the other way round, they do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksums {
    pub(super) segment: SegmentId,
    pub(super) sequence: u32,
    pub(super) durable: u32,
    pub(super) moof_len: u32,
    pub(super) mdat_len: u32,
    pub(super) moof_crc: u32,
    pub(super) mdat_crc: u32,
}

/// Where a fragment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment.
    pub segment: SegmentId,
    /// The fragment's number in the segment, from [`FIRST_SEQUENCE`] on.
    pub sequence: u32,
    /// How many of the fragments before it are known to be durable.
    pub durable: u32,
    /// Offset in the file, in bytes.
    pub offset: u64,
}

/// The head of a fragment, and the places of its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentHeader {
    /// Checksum box, `moof` and the head of `mdat`. Every payload follows, video before audio.
    pub bytes: Vec<u8>,
    /// The fragment's part of the segment's index.
    pub index: FragmentIndex,
}

/// Builds the head of a fragment that will stand at `place`.
///
/// Times are relative to `base`. A frame before `base` (an audio frame that began just before the keyframe) is moved to zero,
/// because a segment's own time has nothing earlier.
///
/// A frame lasts until the next one of its track. The last one lasts until the frame that follows the fragment, if that is
/// known. Otherwise it lasts as long as the frame before it, or else as long as a frame of its codec. A wrong guess does no
/// harm: the `tfdt` of the next fragment says when it really begins.
pub fn fragment_header(
    place: Place,
    base: TrackBase,
    fragment: &Fragment,
) -> Result<FragmentHeader, WriteError> {
    let frame_samples = fragment.tracks.audio.as_ref().map(|audio| audio.frame_samples);
    let mut video = run(
        &fragment.video,
        base.video,
        fragment.next_video_dts,
        guessed_video(fragment),
    )?;
    let mut audio = run(
        &fragment.audio,
        base.audio,
        fragment.next_audio_dts,
        frame_samples.unwrap_or(0),
    )?;
    if fragment.is_empty() {
        return Err(WriteError::Empty);
    }
    let moof = moof(place.sequence, track_run(&video), track_run(&audio));
    let moof_len = limited(moof.len(), MAX_MOOF)?;
    let mdat_len = limited(fragment.payload_bytes().saturating_add(BOX_HEADER), MAX_MDAT)?;

    let mut bytes = Vec::with_capacity(CHECKSUM_BOX + moof.len() + BOX_HEADER);
    let mut mdat = Vec::with_capacity(BOX_HEADER);
    mdat.put_u32(mdat_len);
    mdat.put_slice(b"mdat");
    let frames = fragment.video.iter().chain(&fragment.audio);
    let checksums = Checksums {
        segment: place.segment,
        sequence: place.sequence,
        durable: place.durable,
        moof_len,
        mdat_len,
        moof_crc: crc32c(&moof),
        mdat_crc: frames.fold(crc32c(&mdat), |crc, frame| crc32c_append(crc, &frame.payload)),
    };
    checksums.put(&mut bytes);
    bytes.put_slice(&moof);
    bytes.put_slice(&mdat);

    let media = place.offset.saturating_add(bytes.len() as u64);
    if !video.samples.is_empty() {
        video.data_offset = media;
    }
    if !audio.samples.is_empty() {
        audio.data_offset = media.saturating_add(video.bytes());
    }
    let index = FragmentIndex {
        offset: place.offset,
        len: CHECKSUM_BOX as u64 + u64::from(moof_len) + u64::from(mdat_len),
        video,
        audio,
    };
    Ok(FragmentHeader { bytes, index })
}

impl Checksums {
    fn put(&self, out: &mut Vec<u8>) {
        out.put_u32(CHECKSUM_BOX as u32);
        out.put_slice(b"uuid");
        out.put_slice(&FRAGMENT_TYPE);
        out.put_slice(&self.segment.to_bytes());
        for field in [
            self.sequence,
            self.durable,
            self.moof_len,
            self.mdat_len,
            self.moof_crc,
            self.mdat_crc,
        ] {
            out.put_u32(field);
        }
        out.put_u32(crc32c(out));
    }

    /// Reads the box back, or says why the scan stops here. The values were checked against the box's own checksum and against
    /// the limits, and against nothing else.
    pub(super) fn parse(bytes: &[u8; CHECKSUM_BOX]) -> Result<Self, Stopped> {
        let Some((fields, crc)) = bytes.split_last_chunk::<4>() else {
            return Err(Stopped::Foreign);
        };
        let mut rest = fields;
        let mut head = Vec::with_capacity(24);
        head.put_u32(CHECKSUM_BOX as u32);
        head.put_slice(b"uuid");
        head.put_slice(&FRAGMENT_TYPE);
        if rest.split_off(..head.len()) != Some(&head) {
            return Err(Stopped::Foreign);
        }
        if crc32c(fields) != u32::from_be_bytes(*crc) {
            return Err(Stopped::Checksum("box"));
        }
        let checksums = Self::fields(&mut rest).ok_or(Stopped::Foreign)?;
        if checksums.moof_len > MAX_MOOF || checksums.mdat_len > MAX_MDAT {
            return Err(Stopped::Malformed("lengths"));
        }
        Ok(checksums)
    }

    fn fields(rest: &mut &[u8]) -> Option<Self> {
        Some(Self {
            segment: SegmentId::from_bytes(take(rest)?),
            sequence: take_u32(rest)?,
            durable: take_u32(rest)?,
            moof_len: take_u32(rest)?,
            mdat_len: take_u32(rest)?,
            moof_crc: take_u32(rest)?,
            mdat_crc: take_u32(rest)?,
        })
    }
}

fn track_run(run: &Run) -> Option<TrackRun<'_>> {
    (!run.samples.is_empty()).then_some(TrackRun {
        tfdt: run.first_dts,
        samples: &run.samples,
    })
}

/// The guessed duration of a picture, in ticks of the picture.
fn guessed_video(fragment: &Fragment) -> u32 {
    let scale = fragment
        .tracks
        .timescale(TrackKind::Video)
        .unwrap_or(MILLISECONDS);
    u32::try_from(rescale(GUESSED_VIDEO_MS, MILLISECONDS, scale)).map_or(1, |ticks| ticks.max(1))
}

/// Frames as samples. The places of their bytes are not known yet.
fn run(frames: &[Frame], base: i64, next: Option<i64>, guess: u32) -> Result<Run, WriteError> {
    if frames.len() > MAX_RUN_SAMPLES {
        return Err(WriteError::TooManySamples(frames.len()));
    }
    let relative = |dts: i64| u64::try_from(dts.saturating_sub(base)).unwrap_or(0);
    let mut samples: Vec<Sample> = Vec::with_capacity(frames.len());
    for (at, frame) in frames.iter().enumerate() {
        let until = frames.get(at + 1).map(|following| following.dts).or(next);
        let duration = match until {
            Some(until) => {
                let ticks = relative(until).saturating_sub(relative(frame.dts));
                u32::try_from(ticks).unwrap_or(u32::MAX)
            }
            None => samples.last().map_or(guess, |before| before.duration),
        };
        samples.push(Sample {
            size: limited(frame.payload.len(), MAX_MDAT)?,
            duration,
            cts: frame.cts,
            key: frame.key,
        });
    }
    Ok(Run {
        first_dts: frames.first().map_or(0, |frame| relative(frame.dts)),
        data_offset: 0,
        samples,
    })
}

fn limited(len: usize, max: u32) -> Result<u32, WriteError> {
    match u32::try_from(len) {
        Ok(len) if len <= max => Ok(len),
        _ => Err(WriteError::FragmentTooLarge(len)),
    }
}

/// The head of a `free` box (ISO/IEC 14496-12 §8.1.2) over the `rest` bytes to a file's end, so that players skip them. `None`
/// when `rest` is less than the 8 bytes of the head.
pub fn free_box(rest: u64) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(16);
    match u32::try_from(rest) {
        Ok(size) if size < 8 => return None,
        Ok(size) => {
            out.put_u32(size);
            out.put_slice(b"free");
        }
        Err(_) => {
            out.put_u32(1);
            out.put_slice(b"free");
            out.put_u64(rest);
        }
    }
    Some(out)
}
