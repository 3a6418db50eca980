//! Chunks of a stream, from the tape and from memory; and their playlists.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use m3u8_rs::MediaPlaylist;
use proptest::prelude::*;

use super::*;
use crate::format::fmp4::{FIRST_SEQUENCE, Place, fragment_header};
use crate::format::fragmented::tests::samples;
use crate::format::hls::{Start, Update, Uris};
use crate::format::index::SampleIndex;
use crate::format::testing::{self, SOME_DAY, all, assert_same_in_pieces, timescales};
use crate::format::{Gaps, Kept, SourceError, TapeSource, TrackBase, ViewSegment};
use crate::media::{Fragment, Frame, SegmentId, TrackKind, Tracks, rescale};

/// A segment in memory, as the store writes it.
#[derive(Clone)]
struct Segment {
    index: Arc<SampleIndex>,
    bytes: Arc<[u8]>,
}

impl TapeSource for Segment {
    fn index(&self, _: SegmentId) -> Result<Arc<SampleIndex>, SourceError> {
        Ok(Arc::clone(&self.index))
    }

    fn read_exact_at(&self, _: SegmentId, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let from = offset as usize;
        buf.copy_from_slice(&self.bytes[from..from + buf.len()]);
        Ok(())
    }
}

/// Frames of a publish as they came, and where chunks begin among them.
#[derive(Clone, Debug)]
struct Footage {
    tracks: Tracks,
    tape_zero: i64,
    frames: Vec<Frame>,
    /// The first frame of each chunk.
    chunks: Vec<usize>,
}

impl Footage {
    fn chunk(&self, chunk: usize) -> Range<usize> {
        let end = self.chunks.get(chunk + 1).copied().unwrap_or(self.frames.len());
        self.chunks[chunk]..end
    }

    fn in_memory(&self, chunk: usize) -> ChunkBytes {
        let next = self.chunks.get(chunk + 1).and_then(|next| self.frames.get(*next));
        ChunkBytes::of(&ChunkFrames {
            number: 4_711 + chunk as u64,
            tracks: &self.tracks,
            tape_zero: self.tape_zero,
            frames: &self.frames[self.chunk(chunk)],
            next_video_dts: next
                .filter(|next| next.kind == TrackKind::Video)
                .map(|next| next.dts),
        })
        .unwrap()
    }

    /// The fragments of a chunk. The last one has a picture: then its end is known, because the next chunk begins with one.
    fn fragments(&self, chunk: Range<usize>, together: usize) -> Vec<(usize, usize)> {
        let starts = chunk.clone().step_by(together);
        let mut starts: Vec<usize> = starts.collect();
        while let Some(last) = starts.last().copied().filter(|last| *last > chunk.start)
            && self.frames[last..chunk.end]
                .iter()
                .all(|frame| frame.kind == TrackKind::Audio)
        {
            starts.pop();
        }
        let ends = starts.iter().skip(1).copied().chain([chunk.end]);
        starts.iter().copied().zip(ends).collect()
    }

    /// Writes the chunks `these` into a segment, in fragments of so many frames at most. Returns the places of the chunks.
    fn on_tape(&self, these: Range<usize>, together: usize) -> (ViewSegment, Segment, Vec<ChunkPlace>) {
        let frames = self.chunk(these.start).start..self.chunk(these.end - 1).end;
        let scale = |kind| self.tracks.timescale(kind).unwrap_or(1_000);
        let ms = |frame: &Frame| rescale(frame.dts, scale(frame.kind), 1_000);
        let zero_ms = self.frames[frames].iter().map(ms).min().unwrap();
        let base = TrackBase {
            video: rescale(zero_ms, 1_000, scale(TrackKind::Video)),
            audio: rescale(zero_ms, 1_000, scale(TrackKind::Audio)),
        };
        let (mut bytes, mut index, mut places) = (vec![0xEE; 77], SampleIndex::default(), Vec::new());
        for chunk in these {
            let first = index.fragments.len();
            let own = self.chunk(chunk);
            for (start, end) in self.fragments(own, together) {
                let of = |kind| {
                    let frames = self.frames[start..end].iter();
                    frames.filter(|frame| frame.kind == kind).cloned().collect()
                };
                let next = |kind| {
                    self.frames
                        .get(end)
                        .filter(|next| next.kind == kind)
                        .map(|next| next.dts)
                };
                let fragment = Fragment {
                    tracks: self.tracks.clone(),
                    video: of(TrackKind::Video),
                    audio: of(TrackKind::Audio),
                    next_video_dts: next(TrackKind::Video),
                    next_audio_dts: next(TrackKind::Audio),
                };
                let place = Place {
                    segment: SegmentId::from_bytes([7; 16]),
                    sequence: FIRST_SEQUENCE + index.fragments.len() as u32,
                    durable: 0,
                    offset: bytes.len() as u64,
                };
                let header = fragment_header(place, base, &fragment).unwrap();
                bytes.extend(header.bytes);
                for frame in fragment.video.iter().chain(&fragment.audio) {
                    bytes.extend_from_slice(&frame.payload);
                }
                index.fragments.push(header.index);
            }
            places.push(ChunkPlace {
                number: 4_711 + chunk as u64,
                fragments: first..index.fragments.len(),
            });
        }
        let segment = ViewSegment {
            id: SegmentId::from_bytes([7; 16]),
            tracks: self.tracks.clone(),
            base,
            publish_zero: self.tape_zero,
            publish_zero_utc: SOME_DAY,
            end: None,
            kept: Kept::default(),
            range: 0,
            gaps: Gaps::Close,
            silence: None,
            filled: None,
        };
        let source = Segment {
            index: Arc::new(index),
            bytes: bytes.into(),
        };
        (segment, source, places)
    }
}

/// What a publisher may send.
#[derive(Clone, Debug)]
struct Sent {
    scale: u32,
    audio: u8,
    fps: i64,
    gop: i64,
    seconds: i64,
    /// How much later than its time sound comes, in milliseconds.
    lag: i64,
    /// Moves each time a little.
    jitter: i64,
    /// From when to when there is no sound, in milliseconds.
    silent: (i64, i64),
    began: i64,
}

fn sent() -> impl Strategy<Value = Sent> {
    let scale = prop_oneof![Just(1_000_u32), Just(90_000), Just(30_000)];
    let times = (0..3_000_i64, 0..4_000_i64);
    (
        scale,
        0..4_u8,
        3..60_i64,
        1..90_i64,
        2..7_i64,
        -300..300_i64,
        0..3_i64,
        times,
        -3..90_000_i64,
    )
        .prop_map(
            |(scale, audio, fps, gop, seconds, lag, jitter, (from, long), began)| Sent {
                scale,
                audio,
                fps,
                gop,
                seconds,
                lag,
                jitter,
                silent: (from, from + long),
                began,
            },
        )
}

fn footage(sent: &Sent) -> Footage {
    let audio = match sent.audio {
        0 => None,
        1 => Some(testing::opus()),
        2 => Some(testing::aac_main()),
        _ => Some(testing::aac()),
    };
    let tracks = Tracks {
        audio: audio.map(Arc::new),
        ..testing::in_ticks(&testing::both(), sent.scale)
    };
    let mut came: Vec<(i64, Frame)> = Vec::new();
    for number in 0..sent.seconds * sent.fps {
        let us = number * 1_000_000 / sent.fps;
        let shaken = us + (number * 7_919 % (sent.jitter + 1)) * 1_000;
        let reordered = if number % 3 == 1 && number % sent.gop != 0 {
            2 * 1_000_000 / sent.fps
        } else {
            0
        };
        let frame = Frame {
            kind: TrackKind::Video,
            dts: sent.began + rescale(shaken, 1_000_000, sent.scale),
            cts: rescale(reordered, 1_000_000, sent.scale) as i32,
            key: number % sent.gop == 0,
            payload: Bytes::from(vec![number as u8; 20 + number as usize % 50]),
        };
        came.push((us, frame));
    }
    if let Some(config) = &tracks.audio {
        let step = i64::from(config.frame_samples);
        let began = rescale(sent.began, sent.scale, config.sample_rate);
        for number in 0..sent.seconds * i64::from(config.sample_rate) / step {
            let ms = rescale(number * step, config.sample_rate, 1_000);
            if (sent.silent.0..sent.silent.1).contains(&ms) {
                continue;
            }
            let frame = Frame {
                kind: TrackKind::Audio,
                dts: began + number * step,
                cts: 0,
                key: true,
                payload: Bytes::from(vec![number as u8 ^ 0xFF; 9 + number as usize % 7]),
            };
            came.push(((ms + sent.lag) * 1_000, frame));
        }
    }
    came.sort_by_key(|(at, _)| *at);
    let key = came.iter().position(|(_, frame)| frame.kind == TrackKind::Video);
    let frames: Vec<Frame> = came
        .into_iter()
        .skip(key.unwrap())
        .map(|(_, frame)| frame)
        .collect();
    // A keyframe of another slot of 750 ms begins a chunk.
    let (mut chunks, mut slot) = (Vec::new(), None);
    for (at, frame) in frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.kind == TrackKind::Video)
    {
        let own = rescale(frame.dts, sent.scale, 1_000).div_euclid(750);
        if frame.key && slot.replace(own) != Some(own) {
            chunks.push(at);
        }
    }
    Footage {
        tracks,
        tape_zero: 1_234_567_891,
        frames,
        chunks,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_same_frames_are_the_same_bytes_from_the_tape_and_from_memory(
        sent in sent(),
        together in 2..70_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let footage = footage(&sent);
        // The last chunk is never complete, so that its last picture has no end.
        let count = footage.chunks.len() - 1;
        prop_assume!(count > 0);
        let cut = cut.index(count);
        for these in [0..cut, cut..count] {
            if these.is_empty() {
                continue;
            }
            let (segment, source, places) = footage.on_tape(these.clone(), together);
            for (chunk, place) in these.zip(&places) {
                let mut memory = footage.in_memory(chunk);
                let mut tape = ChunkFile::open(segment.clone(), source.clone(), place).unwrap();
                prop_assert_eq!(memory.facts(), tape.facts());
                prop_assert_eq!(segment.chunk_facts(&source.index, place).unwrap(), tape.facts());
                let bytes = all(&mut tape);
                prop_assert_eq!(bytes.len() as u64, tape.facts().bytes);
                prop_assert!(all(&mut memory) == bytes);
                prop_assert!(memory.pieces().concat() == bytes);
                assert_same_in_pieces(&mut memory, &bytes, &[1, 700, 13]);
                assert_same_in_pieces(&mut tape, &bytes, &[9, 5_000]);
            }
        }
    }

    #[test]
    fn every_frame_is_in_one_chunk_at_its_time_on_the_tape(sent in sent()) {
        let footage = footage(&sent);
        let mut found = [Vec::new(), Vec::new()];
        for chunk in 0..footage.chunks.len() {
            let bytes = all(&mut footage.in_memory(chunk));
            for (track, dts, payload) in samples(&bytes) {
                found[track as usize - 1].push((dts as i64, payload));
            }
        }
        for (kind, found) in [TrackKind::Video, TrackKind::Audio].into_iter().zip(found) {
            let scale = footage.tracks.timescale(kind).unwrap_or(1_000);
            let zero = (footage.tape_zero * i64::from(scale) + 500_000) / 1_000_000;
            let silent = |payload: &[u8]| testing::is_silence(payload) || payload == [0xFC, 0xFF, 0xFE];
            let own = found.iter().filter(|(_, payload)| !silent(payload));
            let own: Vec<_> = own.map(|(dts, payload)| (dts - zero, payload.clone())).collect();
            let sent = footage.frames.iter().filter(|frame| frame.kind == kind);
            let sent: Vec<_> = sent.map(|frame| (frame.dts, frame.payload.to_vec())).collect();
            prop_assert!(own == sent);
            // Silence stands between frames, and never over one, except where a chunk ends.
            prop_assert!(found.is_sorted_by_key(|(dts, _)| *dts) || sent.is_empty() || kind == TrackKind::Audio);
        }
    }
}

/// Chunks of two seconds each, of pictures at 25 a second and sound of AAC.
fn plain() -> Sent {
    Sent {
        scale: 1_000,
        audio: 3,
        fps: 25,
        gop: 50,
        seconds: 6,
        lag: 0,
        jitter: 0,
        silent: (0, 0),
        began: 0,
    }
}

#[test]
fn a_chunk_has_one_moof_and_goes_on_where_the_one_before_ended() {
    let footage = footage(&plain());
    let init = Init::of(&footage.tracks);
    assert_eq!(timescales(&init.bytes).len(), 2);
    let mut ends = None;
    for chunk in 0..3 {
        let mut file = footage.in_memory(chunk);
        let facts = file.facts();
        assert_eq!((facts.pictures, facts.duration_us), (50, 2_000_000));
        assert!(facts.independent);
        assert!(ends.is_none_or(|ends| ends == facts.start), "{chunk}");
        ends = Some(facts.start + 2_000_000);
        let bytes = all(&mut file);
        assert_eq!(bytes[4..12], *b"stypmsdh");
        let moofs = bytes.windows(4).filter(|word| word == b"moof").count();
        assert_eq!(moofs, 1);
    }
}

#[test]
fn sound_that_is_missing_is_silence_of_the_same_length() {
    // (from, to, frames of silence in each of three chunks)
    for (from, to, silent) in [
        (0, 0, [0, 0, 0]),
        // It comes late: only the first chunk has nothing before it.
        (0, 500, [22, 0, 0]),
        // It drops out within a chunk.
        (2_500, 3_000, [0, 22, 0]),
        // It is off in the second chunk, and in the end of the first.
        (900, 4_000, [47, 86, 0]),
        // It ends a moment early, and may come with the next chunk.
        (1_500, 2_000, [0, 0, 0]),
    ] {
        let footage = footage(&Sent {
            silent: (from, to),
            ..plain()
        });
        for (chunk, silent) in silent.into_iter().enumerate() {
            let bytes = all(&mut footage.in_memory(chunk));
            let sound = samples(&bytes).into_iter().filter(|sample| sample.0 == 2);
            let sound: Vec<_> = sound.collect();
            let found = sound
                .iter()
                .filter(|sample| testing::is_silence(&sample.2))
                .count();
            assert_eq!(found, silent, "{from}..{to}, chunk {chunk}");
            let gap = sound.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap();
            assert!(gap < 2 * 1_024, "{from}..{to}, chunk {chunk}: {gap}");
        }
    }
}

#[test]
fn an_absurd_hole_is_not_filled() {
    let mut footage = footage(&plain());
    let chunk = footage.chunk(1);
    for frame in &mut footage.frames[chunk.start + 40..] {
        let day = 86_400 * i64::from(footage.tracks.timescale(frame.kind).unwrap());
        frame.dts += day;
    }
    let bytes = all(&mut footage.in_memory(1));
    assert!(bytes.len() < 100_000);
}

#[test]
fn what_is_no_chunk_is_an_error() {
    let footage = footage(&plain());
    let (segment, source, places) = footage.on_tape(0..2, 30);
    for fragments in [0..0, 3..99, 90..91] {
        let place = ChunkPlace { number: 5, fragments };
        assert!(ChunkFile::open(segment.clone(), source.clone(), &place).is_err());
        assert!(segment.chunk_facts(&source.index, &place).is_err());
    }
    assert!(ChunkFile::open(segment, source, &places[0]).is_ok());
    let none = ChunkFrames {
        number: 1,
        tracks: &footage.tracks,
        tape_zero: 0,
        frames: &[],
        next_video_dts: None,
    };
    assert!(ChunkBytes::of(&none).is_err());
}

#[test]
fn an_open_group_of_pictures_is_not_independent() {
    let mut footage = footage(&plain());
    assert!(footage.in_memory(1).facts().independent);
    let first = footage.chunk(1).start;
    let pictures = footage.frames[first + 1..].iter_mut();
    let next = pictures.filter(|frame| frame.kind == TrackKind::Video).take(1);
    next.for_each(|frame| frame.cts = -60);
    assert!(!footage.in_memory(1).facts().independent);
    footage.frames[first].key = false;
    assert!(!footage.in_memory(1).facts().independent);
}

#[test]
fn the_name_of_an_init_is_made_of_its_bytes() {
    let (one, same) = (Init::of(&testing::both()), Init::of(&testing::both()));
    let other = Init::of(&testing::sound_only());
    assert_eq!(one, same);
    assert_ne!(one.name, other.name);
    let name = one.name.to_string();
    assert_eq!(name.parse(), Ok(one.name));
    for none in [
        "",
        "init.mp4",
        "init-3F2A90C1.mp4",
        "init-3f2a90c.mp4",
        "init-3f2a90c1f.mp4",
        "../init-3f2a90c1.mp4",
    ] {
        assert!(none.parse::<InitName>().is_err(), "{none}");
    }
}

#[test]
fn each_chunk_has_one_name() {
    for number in [0, 1, 4_711, u64::MAX] {
        assert_eq!(chunk_number(&chunk_name(number)), Some(number));
    }
    for none in [
        "",
        ".m4s",
        "01.m4s",
        "+1.m4s",
        "-1.m4s",
        "1.mp4",
        "1",
        "99999999999999999999.m4s",
        "1.m4s/",
    ] {
        assert_eq!(chunk_number(none), None, "{none}");
    }
}

/// Chunks 40 and later: the third begins with another configuration, and has a forced beginning.
fn window(count: u64) -> Vec<LiveChunk> {
    let (one, other) = (
        Init::of(&testing::both()).name,
        Init::of(&testing::sound_only()).name,
    );
    (0..count)
        .map(|at| LiveChunk {
            number: 40 + at,
            discontinuities: 3 + u64::from(at >= 2),
            discontinuity: at == 2,
            duration_us: 2_000_000,
            date: SOME_DAY + at as i64 * 2_000_000,
            independent: at != 2,
            init: if at < 2 { one } else { other },
        })
        .collect()
}

fn playlist(chunks: &[LiveChunk]) -> Playlist<'_> {
    Playlist {
        target_s: 2,
        chunks,
        start: Start::LiveEdge,
        ended: false,
    }
}

fn parsed(playlist: &Playlist<'_>) -> MediaPlaylist {
    let text = playlist.text(&Uris::default(), Update::Whole);
    m3u8_rs::parse_media_playlist_res(&text).unwrap()
}

#[test]
fn the_playlist_of_a_stream_is_as_golden() {
    let chunks = window(4);
    let uris = Uris::new("cam1/c/", Some("key=abc")).unwrap();
    let text = playlist(&chunks).text(&uris, Update::Whole);
    insta::assert_snapshot!(std::str::from_utf8(&text).unwrap());
}

#[test]
fn the_numbers_of_a_window_move_on_with_it() {
    let chunks = window(10);
    // The discontinuity sequence of each chunk, as RFC 8216 counts it, is the same in all windows.
    for first in 0..6 {
        let playlist = parsed(&playlist(&chunks[first..]));
        assert_eq!(playlist.media_sequence, 40 + first as u64);
        let mut discontinuities = playlist.discontinuity_sequence;
        for (at, segment) in playlist.segments.iter().enumerate() {
            discontinuities += u64::from(segment.discontinuity);
            assert_eq!(
                discontinuities,
                chunks[first + at].discontinuities,
                "{first} {at}"
            );
            assert!(segment.program_date_time.is_some());
        }
        assert!(playlist.segments[0].map.is_some());
        assert_eq!(playlist.independent_segments, first > 2);
    }
}

#[test]
fn where_numbers_are_missing_the_playlist_begins_behind() {
    let mut chunks = window(8);
    chunks.remove(4);
    let playlist = parsed(&playlist(&chunks));
    assert_eq!((playlist.media_sequence, playlist.segments.len()), (45, 3));
    assert!(playlist.segments[0].map.is_some());
}

#[test]
fn an_empty_or_ended_playlist_is_one_too() {
    let none = parsed(&playlist(&[]));
    assert!(none.segments.is_empty() && !none.end_list);
    let chunks = window(3);
    let ended = Playlist {
        ended: true,
        start: Start::Beginning,
        ..playlist(&chunks)
    };
    let ended = parsed(&ended);
    assert!(ended.end_list);
    assert_eq!(ended.start.unwrap().precise, Some(true));
    assert_eq!(ended.playlist_type, None);
}

#[test]
fn a_delta_of_a_window_leaves_out_its_first_chunks() {
    let chunks = window(10);
    let text = playlist(&chunks).text(&Uris::default(), Update::Delta);
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:40\n") && text.contains("SKIPPED-SEGMENTS=4\n"));
    assert!(!text.contains("43.m4s") && text.contains("44.m4s") && !text.contains("EXT-X-MAP"));
}

#[test]
fn the_master_playlist_of_a_stream_says_what_its_chunks_are() {
    let (both, other) = (
        testing::both(),
        Tracks {
            video: Some(Arc::new(testing::other_video())),
            audio: Some(Arc::new(testing::opus())),
        },
    );
    let rate = |tracks, bytes, pictures| ChunkRate {
        tracks,
        bytes,
        duration_us: 2_000_000,
        pictures,
    };
    let chunks = [
        rate(&both, 500_000, 60),
        rate(&both, 250_000, 60),
        rate(&other, 1_000_000, 60),
    ];
    let text = master(
        &chunks,
        2,
        "../cam1.m3u8",
        &Uris::new("", Some("key=abc")).unwrap(),
    );
    insta::assert_snapshot!(std::str::from_utf8(&text).unwrap());
    let read = m3u8_rs::parse_master_playlist_res(&text).unwrap();
    let variant = &read.variants[0];
    assert!(variant.bandwidth >= 4_000_000 && variant.bandwidth <= 4_500_000);
    assert_eq!(variant.average_bandwidth, Some(1_750_000 * 8 / 6));
    assert_eq!(variant.frame_rate, Some(30.0));
    assert_eq!(
        m3u8_rs::parse_master_playlist_res(&master(&[], 2, "x.m3u8", &Uris::default()))
            .unwrap()
            .variants
            .len(),
        1
    );
}
