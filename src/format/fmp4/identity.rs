//! The identity of a segment, as the file itself holds it.

use bytes::BufMut;
use crc32c::{crc32c, crc32c_append};

use super::boxes::{boxed, next_box, take, take_u32};
use super::moov::{Movie, Rolls, ftyp, put_moov};
use super::sample_entry::AudioExtra;
use super::{MAX_HEADER, ScanError, WriteError};
use crate::format::TrackBase;
use crate::media::{
    ChunkNumbers, MAX_TIMESCALE, Micros, PublishId, RecordingId, SegmentId, StreamName, TargetDuration,
    TrackKind, Tracks,
};

/// The identity of a segment file. It is enough to rebuild the segment's row in the journal from nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The id of the segment.
    pub segment: SegmentId,
    /// The publish that the segment is a part of.
    pub publish: PublishId,
    /// The box that recorded it, at most 64 bytes.
    pub device: String,
    /// The stream.
    pub stream: StreamName,
    /// The segment's number in the stream's tape, counted without end.
    pub sequence: u64,
    /// Tape time of the publish's media time zero.
    pub tape_zero: Micros,
    /// CLOCK_BOOTTIME of the publish's media time zero.
    pub boot_zero: Micros,
    /// The boot that `boot_zero` belongs to.
    pub boot: [u8; 16],
    /// UTC less CLOCK_BOOTTIME, as it was known when the segment began.
    pub utc_offset: Micros,
    /// True when the clock was synchronised at that moment.
    pub clock_synced: bool,
    /// Media time of the segment's own zero.
    pub base: TrackBase,
    /// The recordings that the start of the segment belongs to, at most 255.
    pub recordings: Vec<RecordingId>,
    /// The numbers of its chunks; `None` in a file of a release that did not number them.
    pub chunks: Option<ChunkNumbers>,
}

/// `uuid` type of the identity box. Fields may be added before its checksum. Any other change of its layout takes another type.
const IDENTITY_TYPE: [u8; 16] = *b"edgereel:iden\x00\x00\x01";

/// Bytes of `ftyp`, which always has this length.
const FTYP: usize = 24;

/// Bytes from the beginning of a file that are enough to know the length of its header.
pub(super) const HEADER_START: usize = FTYP + 28;

/// Seconds from 1904-01-01, which MP4 counts from, to 1970-01-01.
const MP4_EPOCH: i64 = 2_082_844_800;

/// `ftyp uuid moov`: everything of a segment before its first fragment.
///
/// The identity box:
///
/// ```text
/// at  bytes
///  0     4  size
///  4     4  "uuid"
///  8    16  "edgereel:iden" 0 0 1       type
/// 24     4  bytes of ftyp, this and moov: first, because a reader needs it to check the rest
/// 28    16  segment
/// 44    16  publish
/// 60     8  sequence of the segment in its stream
/// 68     8  tape zero, µs
/// 76     8  boot zero, µs
/// 84    16  boot
/// 100    8  UTC less boot time, µs
/// 108    8  base of the video, in its ticks; ms where there is none
/// 116    8  base of the audio, samples
/// 124    4  samples in an audio frame     \ of the audio configuration, what its sample entry
/// 128    1  version of the OpusHead       / has no field for
/// 129    1  flags: 1 = clock synchronised
/// 130    1  n, then n bytes of the device's id
///        1  n, then n bytes of the stream's name
///        1  n, then n × 16 bytes of recordings
///        8  number of the first chunk             \
///        8  discontinuities                        |
///        8  numbers that no chunk of the tape has  |  not in files of earlier releases
///        2  seconds, of the target                   |
///        1  complete chunks, of the target           |
///        1  flags: 1 = begins with a discontinuity /
///           (fields of later versions)
///        4  CRC-32C of ftyp, this box up to here, and moov
/// ```
///
/// Numbers are big-endian, as everywhere in MP4. Fields of a fixed length stand first, so that a reader finds them without
/// parsing. With eight recordings and the longest names the whole box lies in the first 512 bytes.
pub fn segment_header(identity: &Identity, tracks: &Tracks) -> Result<Vec<u8>, WriteError> {
    if tracks.is_empty() {
        return Err(WriteError::Empty);
    }
    if let Some(video) = &tracks.video
        && !(1..=MAX_TIMESCALE).contains(&video.timescale)
    {
        return Err(WriteError::Timescale(video.timescale));
    }
    if identity.device.len() > 64 {
        return Err(WriteError::DeviceTooLong(identity.device.len()));
    }
    let Ok(recordings) = u8::try_from(identity.recordings.len()) else {
        return Err(WriteError::TooManyRecordings(identity.recordings.len()));
    };

    let mut moov = Vec::new();
    let movie = Movie {
        created: creation_time(identity, tracks),
        ..Movie::default()
    };
    put_moov(&mut moov, tracks, movie, Rolls::Left);

    let mut out = ftyp(b"iso6", &[b"iso6", b"mp41"]);
    debug_assert_eq!(out.len(), FTYP);
    let variable = identity.device.len() + identity.stream.as_str().len() + 16 * usize::from(recordings);
    let numbers = identity.chunks.map_or(0, |_| NUMBERS);
    let identity_len = 133 + variable + numbers + 4;
    let whole = FTYP + identity_len + moov.len();
    let header_len = match u32::try_from(whole) {
        Ok(len) if len <= MAX_HEADER => len,
        _ => return Err(WriteError::HeaderTooLong(whole)),
    };
    boxed(&mut out, b"uuid", |out| {
        out.put_slice(&IDENTITY_TYPE);
        out.put_u32(header_len);
        put_fields(out, identity, AudioExtra::of_tracks(tracks));
        out.put_u8(recordings);
        for recording in &identity.recordings {
            out.put_slice(&recording.to_bytes());
        }
        if let Some(numbers) = &identity.chunks {
            put_numbers(out, numbers);
        }
        // The box's size comes before the checksum that covers it.
        out.put_u32(0);
    });
    let covered = out.len() - 4;
    let crc = crc32c_append(crc32c(out.get(..covered).unwrap_or_default()), &moov);
    out.truncate(covered);
    out.put_u32(crc);
    out.put_slice(&moov);
    debug_assert_eq!(out.len(), whole);
    Ok(out)
}

fn put_fields(out: &mut Vec<u8>, identity: &Identity, audio: AudioExtra) {
    out.put_slice(&identity.segment.to_bytes());
    out.put_slice(&identity.publish.to_bytes());
    out.put_u64(identity.sequence);
    out.put_i64(identity.tape_zero);
    out.put_i64(identity.boot_zero);
    out.put_slice(&identity.boot);
    out.put_i64(identity.utc_offset);
    out.put_i64(identity.base.video);
    out.put_i64(identity.base.audio);
    out.put_u32(audio.frame_samples);
    out.put_u8(audio.opus_version);
    out.put_u8(u8::from(identity.clock_synced));
    for text in [identity.device.as_str(), identity.stream.as_str()] {
        // Both lengths are bounded far below the limit: 64 bytes and 80.
        out.put_u8(fitted!(text.len(), "the length of a name in the identity"));
        out.put_slice(text.as_bytes());
    }
}

/// Bytes of the numbers of chunks.
const NUMBERS: usize = 28;

fn put_numbers(out: &mut Vec<u8>, numbers: &ChunkNumbers) {
    out.put_u64(numbers.chunk);
    out.put_u64(numbers.discontinuity);
    out.put_u64(numbers.skipped);
    let (seconds, complete) = numbers.target.to_parts();
    out.put_u16(seconds);
    out.put_u8(complete);
    out.put_u8(u8::from(numbers.breaks));
}

/// When the segment's zero was, for players that show it. Zero, which means unknown, while the clock cannot be believed.
fn creation_time(identity: &Identity, tracks: &Tracks) -> u64 {
    if !identity.clock_synced {
        return 0;
    }
    let zero = identity.boot_zero.saturating_add(identity.utc_offset);
    let start = zero.saturating_add(tracks.micros(TrackKind::Video, identity.base.video));
    u64::try_from(start.div_euclid(1_000_000).saturating_add(MP4_EPOCH)).unwrap_or(0)
}

/// The length of a header that begins with `start`, checked against nothing but the limit.
pub(super) fn header_len(start: &[u8]) -> Result<usize, ScanError> {
    let not = |what| ScanError::NotASegment { what };
    let mut rest = start;
    match next_box(&mut rest) {
        Some((kind, _)) if kind == *b"ftyp" && start.len() - rest.len() == FTYP => {}
        _ => return Err(not("it does not begin with this recorder's ftyp")),
    }
    let _size = take_u32(&mut rest);
    if take(&mut rest) != Some(*b"uuid") || take(&mut rest) != Some(IDENTITY_TYPE) {
        return Err(not("it has no identity of this version"));
    }
    match take_u32(&mut rest) {
        Some(len) if len <= MAX_HEADER => Ok(fitted!(len, "the length of a header")),
        _ => Err(not("its header has no possible length")),
    }
}

/// Reads a whole header back. Returns the identity, the part of the audio configuration that it keeps, and the body of `moov`.
pub(super) fn parse_header(header: &[u8]) -> Result<(Identity, AudioExtra, &[u8]), ScanError> {
    let malformed = |what| ScanError::Malformed { what };
    let mut rest = header;
    let _ftyp = next_box(&mut rest).ok_or(malformed("ftyp"))?;
    let Some((_, body)) = next_box(&mut rest) else {
        return Err(ScanError::Checksum);
    };
    let Some((fields, crc)) = body.split_last_chunk::<4>() else {
        return Err(ScanError::Checksum);
    };
    let covered = header.len() - rest.len() - 4;
    let found = crc32c_append(crc32c(header.get(..covered).unwrap_or_default()), rest);
    if found != u32::from_be_bytes(*crc) {
        return Err(ScanError::Checksum);
    }
    let mut fields = fields.get(20..).ok_or(malformed("identity"))?;
    let (identity, audio) = parse_fields(&mut fields).ok_or(malformed("identity"))?;
    match next_box(&mut rest) {
        Some((kind, moov)) if kind == *b"moov" && rest.is_empty() => Ok((identity, audio, moov)),
        _ => Err(malformed("moov")),
    }
}

fn parse_fields(rest: &mut &[u8]) -> Option<(Identity, AudioExtra)> {
    let segment = SegmentId::from_bytes(take(rest)?);
    let publish = PublishId::from_bytes(take(rest)?);
    let sequence = take(rest).map(u64::from_be_bytes)?;
    let tape_zero = take(rest).map(i64::from_be_bytes)?;
    let boot_zero = take(rest).map(i64::from_be_bytes)?;
    let boot = take(rest)?;
    let utc_offset = take(rest).map(i64::from_be_bytes)?;
    let base = TrackBase {
        video: take(rest).map(i64::from_be_bytes)?,
        audio: take(rest).map(i64::from_be_bytes)?,
    };
    let audio = AudioExtra {
        frame_samples: take_u32(rest)?,
        opus_version: take(rest).map(u8::from_be_bytes)?,
    };
    let flags = take(rest).map(u8::from_be_bytes)?;
    let device = take_text(rest)?.to_owned();
    let stream = take_text(rest)?.parse().ok()?;
    let recordings = take(rest).map(u8::from_be_bytes)?;
    let recordings = (0..recordings).map(|_| take(rest).map(RecordingId::from_bytes));
    let recordings = recordings.collect::<Option<_>>()?;
    let identity = Identity {
        segment,
        publish,
        device,
        stream,
        sequence,
        tape_zero,
        boot_zero,
        boot,
        utc_offset,
        clock_synced: flags & 1 != 0,
        base,
        recordings,
        chunks: take_numbers(rest),
    };
    Some((identity, audio))
}

/// The numbers of the chunks, in a file that has them.
fn take_numbers(rest: &mut &[u8]) -> Option<ChunkNumbers> {
    let chunk = take(rest).map(u64::from_be_bytes)?;
    let discontinuity = take(rest).map(u64::from_be_bytes)?;
    let skipped = take(rest).map(u64::from_be_bytes)?;
    let seconds = take(rest).map(u16::from_be_bytes)?;
    let [complete, flags] = take(rest)?;
    Some(ChunkNumbers {
        chunk,
        discontinuity,
        breaks: flags & 1 != 0,
        skipped,
        target: TargetDuration::from_parts(seconds, complete)?,
    })
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let [len] = take(rest)?;
    std::str::from_utf8(rest.split_off(..usize::from(len))?).ok()
}
