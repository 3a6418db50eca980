//! `index.m3u8`.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use m3u8_rs::{ExtTag, MediaPlaylist, MediaPlaylistType, MediaSegment, WRITE_OPT_FLOAT_PRECISION};

use super::chunk::Chunk;
use super::{chunk_name, init_name};
use crate::media::Micros;

/// Version 6 is the first with `EXT-X-MAP` in a playlist that is not of I-frames. The authoring specification asks for 7 with
/// fragmented MP4.
pub(super) const VERSION: usize = 7;

/// Milliseconds. An `EXTINF` is never wrong by more than half of one. The sum is never wrong, because durations are differences
/// of rounded times.
const DECIMALS: usize = 3;

/// The date is written when the clock differs by more than this from the sum of the durations, in microseconds.
const CLOCK_STEP: u64 = 20_000;

/// The playlist of all chunks.
pub(super) fn vod(chunks: &[Chunk]) -> Vec<u8> {
    written(MediaPlaylist {
        target_duration: target_s(longest_ms(chunks)),
        end_list: true,
        playlist_type: Some(MediaPlaylistType::Vod),
        independent_segments: chunks.iter().all(|chunk| chunk.independent),
        ..playlist(chunks)
    })
}

/// The playlist of the chunks so far. RFC 8216 §6.2.1: later only chunks, and at last the end, may be added. So all chunks keep
/// to the target duration, and the playlist states nothing that a later chunk could contradict.
pub(super) fn event(chunks: &[Chunk], limit_s: u64, end_list: bool) -> Vec<u8> {
    written(MediaPlaylist {
        target_duration: limit_s,
        end_list,
        playlist_type: Some(MediaPlaylistType::Event),
        ..playlist(chunks)
    })
}

fn playlist(chunks: &[Chunk]) -> MediaPlaylist {
    MediaPlaylist {
        version: Some(VERSION),
        segments: segments(chunks),
        ..MediaPlaylist::default()
    }
}

fn longest_ms(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(Chunk::duration_ms).max().unwrap_or(1_000)
}

/// The target duration in seconds. RFC 8216 §4.3.3.1: no EXTINF, rounded to the nearest integer, may be longer.
fn target_s(longest_ms: u64) -> u64 {
    ((longest_ms + 500) / 1_000).max(1)
}

fn written(playlist: MediaPlaylist) -> Vec<u8> {
    WRITE_OPT_FLOAT_PRECISION.store(DECIMALS, Ordering::Relaxed);
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = playlist.write_to(&mut text);
    text
}

fn segments(chunks: &[Chunk]) -> Vec<MediaSegment> {
    let mut init = None;
    let mut expected: Option<Micros> = None;
    let mut segments = Vec::with_capacity(chunks.len());
    for (number, chunk) in chunks.iter().enumerate() {
        let mut tags = Vec::new();
        // A closed break takes no media time, but the clock goes on.
        let dated = expected.is_none_or(|expected| expected.abs_diff(chunk.utc) > CLOCK_STEP);
        expected = Some(
            chunk
                .utc
                .saturating_add_unsigned(chunk.duration_ms().saturating_mul(1_000)),
        );
        // m3u8-rs writes MAP before DISCONTINUITY. Some players then give the MAP to the chunk before.
        if chunk.discontinuity {
            tags.push(tag("X-DISCONTINUITY", None));
        }
        if init != Some(chunk.init) {
            init = Some(chunk.init);
            let name = init_name(chunk.init as usize);
            tags.push(tag("X-MAP", Some(format!("URI=\"{name}\""))));
        }
        if (dated || chunk.discontinuity)
            && let Some(utc) = date_time(chunk.utc)
        {
            tags.push(tag("X-PROGRAM-DATE-TIME", Some(utc)));
        }
        segments.push(MediaSegment {
            uri: chunk_name(number),
            // The value is exact to the millisecond up to four hours.
            duration: chunk.duration_ms() as f32 / 1_000.0,
            unknown_tags: tags,
            ..MediaSegment::default()
        });
    }
    segments
}

fn tag(name: &str, rest: Option<String>) -> ExtTag {
    ExtTag {
        tag: name.to_owned(),
        rest,
    }
}

fn date_time(utc: Micros) -> Option<String> {
    let time = Timestamp::from_microsecond(utc).ok()?;
    Some(format!("{time:.3}"))
}
