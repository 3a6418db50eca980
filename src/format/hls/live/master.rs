//! The master playlist of a stream.

use crate::format::hls::chunk::Pace;
use crate::format::hls::master::Master;
use crate::format::hls::served::Uris;
use crate::media::Tracks;

/// What the master playlist is made of: a chunk that the other playlist lists.
#[derive(Clone, Copy, Debug)]
pub struct ChunkRate<'a> {
    /// The configurations that decode the chunk.
    pub tracks: &'a Tracks,
    /// Bytes of the chunk's file.
    pub bytes: u64,
    /// How long the chunk lasts, in microseconds.
    pub duration_us: u64,
    /// Number of pictures.
    pub pictures: u32,
}

/// The master playlist of a stream: its codecs, its size and its rates, and `playlist` as the only choice. `target_s` is the
/// playlist's target duration in seconds.
pub fn master(chunks: &[ChunkRate<'_>], target_s: u32, playlist: &str, uris: &Uris) -> Vec<u8> {
    let mut tracks: Vec<Tracks> = Vec::new();
    let mut paces = Vec::new();
    for chunk in chunks {
        if !tracks.contains(chunk.tracks) {
            tracks.push(chunk.tracks.clone());
        }
        if let Some(video) = &chunk.tracks.video {
            let pace = Pace::new(chunk.pictures.into(), chunk.duration_us);
            match paces.iter_mut().find(|(known, _)| known == video) {
                Some((_, sum)) => Pace::add(sum, pace),
                None => paces.push((video.clone(), pace)),
            }
        }
    }
    let lengths = chunks
        .iter()
        .map(|chunk| (chunk.bytes, chunk.duration_us / 1_000));
    let lengths: Vec<(u64, u64)> = lengths.collect();
    let target_ms = u64::from(target_s).saturating_mul(1_000);
    Master::of(&tracks, &paces, &lengths, target_ms).live(playlist, uris)
}
