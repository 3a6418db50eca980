//! Reads back the files of every format.

use std::collections::HashMap;

use mp4_atom::ReadFrom as _;

use super::{all, is_silence};
use crate::format::{Fmp4, TapeSource, View, flv, hls, mp4};

/// The samples of one track of a file: decode times in milliseconds, and bytes.
pub(crate) type Timed = Vec<(f64, Vec<u8>)>;

/// Picture and sound of a view in every format, by the format's name. Times count from the first picture, or from the first
/// sound where there is no picture.
pub(crate) fn rendered<S: TapeSource + Clone>(view: &View<S>) -> Vec<(&'static str, [Timed; 2])> {
    let mp4 = all(&mut mp4::Mp4::open(view.clone()).unwrap());
    let fmp4 = all(&mut Fmp4::open(view.clone()).unwrap());
    let flv = all(&mut flv::Flv::open(view.clone()).unwrap());
    vec![
        ("MP4", counted(from_mp4(&mp4))),
        ("fMP4", counted(from_fragments(&fmp4, &fmp4))),
        ("HLS", counted(from_hls(view))),
        ("FLV", counted(from_flv(&flv))),
    ]
}

/// Picture and sound of HLS in chunks of a second.
pub(crate) fn from_hls<S: TapeSource + Clone>(view: &View<S>) -> [Timed; 2] {
    let hls = hls::Hls::open(view.clone(), 1_000).unwrap();
    let files: HashMap<String, Vec<u8>> = (0..hls.count())
        .filter_map(|number| hls.file(number))
        .map(|mut file| (file.name().to_owned(), all(&mut file)))
        .collect();
    let (mut tracks, mut init) = ([Timed::new(), Timed::new()], "");
    for line in std::str::from_utf8(hls.playlist()).unwrap().lines() {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            init = map.trim_end_matches('"');
        } else if !line.starts_with('#') {
            let chunk = from_fragments(&files[init], &files[line]);
            tracks
                .iter_mut()
                .zip(chunk)
                .for_each(|(track, chunk)| track.extend(chunk));
        }
    }
    tracks
}

/// Ticks a second of each track, as a `moov` says.
pub(crate) fn timescales(bytes: &[u8]) -> HashMap<u32, u32> {
    let mut rest = bytes;
    while !rest.is_empty() {
        if let mp4_atom::Any::Moov(moov) = mp4_atom::Any::read_from(&mut rest).unwrap() {
            let tracks = moov.trak.iter();
            return tracks
                .map(|trak| (trak.tkhd.track_id, trak.mdia.mdhd.timescale))
                .collect();
        }
    }
    HashMap::new()
}

fn from_fragments(init: &[u8], bytes: &[u8]) -> [Timed; 2] {
    let mut samples = crate::format::fragmented::tests::samples(bytes);
    samples.retain(|sample| !is_silence(&sample.2));
    let scales = timescales(init);
    [1, 2].map(|track| {
        let rate = scales.get(&track).copied().map_or(1.0, f64::from);
        let own = samples.iter().filter(|sample| sample.0 == track);
        own.map(|(_, dts, bytes)| (*dts as f64 * 1_000.0 / rate, bytes.clone()))
            .collect()
    })
}

fn from_mp4(bytes: &[u8]) -> [Timed; 2] {
    let reader = ::mp4::Mp4Reader::read_header(std::io::Cursor::new(bytes), bytes.len() as u64).unwrap();
    let movie = f64::from(reader.moov.mvhd.timescale);
    [1, 2].map(|track| {
        let Some(trak) = reader.tracks().get(&track) else {
            return Timed::new();
        };
        let rate = f64::from(trak.timescale());
        let edits = mp4::tests::edits(bytes, track);
        let empty = edits.iter().filter(|edit| edit.1 == -1).map(|edit| edit.0 as f64);
        let begins = empty.sum::<f64>() / movie - edits.last().unwrap().1 as f64 / rate;
        let samples = mp4::tests::found(bytes, track).into_iter();
        let samples = samples.filter(|sample| !is_silence(&sample.3));
        samples
            .map(|(dts, _, _, bytes)| ((dts as f64 / rate + begins) * 1_000.0, bytes))
            .collect()
    })
}

fn from_flv(bytes: &[u8]) -> [Timed; 2] {
    let tags = flv::read::FlvReader::new(bytes).unwrap().map(Result::unwrap);
    let tags: Vec<_> = tags
        .filter(|tag| tag.kind != flv::tag::SCRIPT && tag.body[1] == 1)
        .collect();
    [(flv::tag::VIDEO, 5), (flv::tag::AUDIO, 2)].map(|(kind, header)| {
        let own = tags.iter().filter(|tag| tag.kind == kind);
        own.map(|tag| (f64::from(tag.timestamp_ms), tag.body[header..].to_vec()))
            .filter(|tag| !is_silence(&tag.1))
            .collect()
    })
}

fn counted(mut tracks: [Timed; 2]) -> [Timed; 2] {
    let zero = tracks
        .iter()
        .find_map(|track| track.first())
        .map_or(0.0, |first| first.0);
    tracks.iter_mut().flatten().for_each(|sample| sample.0 -= zero);
    tracks
}
