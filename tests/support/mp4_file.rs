//! Progressive MP4, read with the `mp4` crate.

use std::io::Cursor;

use super::media::{Media, Sample};

/// The samples of a file, on the line of the movie: edit lists are applied.
#[track_caller]
pub(crate) fn parse(bytes: &[u8]) -> Media {
    let mut reader =
        mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).expect("an MP4 file");
    assert!(
        !reader.is_fragmented(),
        "a fragmented file, where a progressive one was asked for"
    );
    let movie_scale = f64::from(reader.timescale());
    let mut media = Media::default();
    let mut ids: Vec<u32> = reader.tracks().keys().copied().collect();
    ids.sort_unstable();
    for id in ids {
        let (scale, shift, kind) = {
            let track = &reader.tracks()[&id];
            (
                f64::from(track.timescale()),
                shift(track, movie_scale),
                track.track_type().expect("its kind"),
            )
        };
        let count = reader.sample_count(id).expect("its samples");
        let mut samples = Vec::new();
        for number in 1..=count {
            let sample = reader
                .read_sample(id, number)
                .expect("a sample")
                .expect("all samples");
            let dts = sample.start_time as f64 * 1000.0 / scale + shift;
            let pts = dts + f64::from(sample.rendering_offset) * 1000.0 / scale;
            samples.push(Sample {
                dts,
                pts,
                bytes: sample.bytes.to_vec(),
            });
        }
        match kind {
            mp4::TrackType::Video => media.video = samples,
            mp4::TrackType::Audio => media.audio = samples,
            mp4::TrackType::Subtitle => panic!("nobody sent subtitles"),
        }
    }
    media
}

/// Milliseconds that the edit list adds: empty edits before the media, minus media that is left out.
fn shift(track: &mp4::Mp4Track, movie_scale: f64) -> f64 {
    let Some(list) = track.trak.edts.as_ref().and_then(|edits| edits.elst.as_ref()) else {
        return 0.0;
    };
    let mut shift = 0.0;
    for entry in &list.entries {
        // The crate reads media times as unsigned; an empty edit is -1.
        if entry.media_time == u64::from(u32::MAX) || entry.media_time == u64::MAX {
            shift += entry.segment_duration as f64 * 1000.0 / movie_scale;
        } else {
            shift -= entry.media_time as f64 * 1000.0 / f64::from(track.timescale());
            break;
        }
    }
    shift
}

/// The movie's length in seconds, as its header has it.
#[track_caller]
pub(crate) fn duration(bytes: &[u8]) -> f64 {
    let reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).expect("an MP4 file");
    reader.moov.mvhd.duration as f64 / f64::from(reader.moov.mvhd.timescale)
}

/// Names of the top-level boxes, in order.
#[track_caller]
pub(crate) fn box_names(bytes: &[u8]) -> Vec<String> {
    super::fragmented::boxes(bytes)
        .map(|(name, _, _)| String::from_utf8_lossy(&name).into_owned())
        .collect()
}
