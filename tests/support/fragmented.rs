//! Fragmented MP4 (ISO/IEC 14496-12), as far as the tests need it.

use std::collections::BTreeMap;

use super::media::{Media, Sample};

#[derive(Clone, Debug, Default)]
struct Track {
    video: bool,
    scale: f64,
    default_duration: u32,
    default_size: u32,
    samples: Vec<Sample>,
    next: u64,
}

/// The samples of `ftyp moov (moof mdat)*`, without a torn end.
#[track_caller]
pub(crate) fn parse(bytes: &[u8]) -> Media {
    let mut tracks = BTreeMap::new();
    for (name, start, body) in boxes(bytes) {
        match &name {
            b"moov" => tracks = moov(body),
            b"moof" => moof(bytes, start, body, &mut tracks),
            _ => {}
        }
    }
    let mut media = Media::default();
    for track in tracks.into_values() {
        if track.video {
            media.video.extend(track.samples)
        } else {
            media.audio.extend(track.samples)
        }
    }
    media
}

/// Boxes side by side: name, the start of the box, the bytes behind its header.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let name: [u8; 4] = rest.get(4..8)?.try_into().ok()?;
        let (header, size) = match be(rest, 0, 4) {
            0 => (8, rest.len()),
            1 => (16, be(rest, 8, 8) as usize),
            size => (8, size as usize),
        };
        let body = rest.get(header..size)?;
        let start = at;
        at += size;
        Some((name, start, body))
    })
}

fn child<'a>(body: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(body, |body, name| {
        boxes(body)
            .find(|(found, _, _)| found == *name)
            .map(|found| found.2)
    })
}

#[track_caller]
fn moov(body: &[u8]) -> BTreeMap<u64, Track> {
    let mut tracks = BTreeMap::new();
    for (_, _, trak) in boxes(body).filter(|(name, _, _)| name == b"trak") {
        let tkhd = child(trak, &[b"tkhd"]).expect("tkhd");
        let id = be(tkhd, if tkhd[0] == 1 { 20 } else { 12 }, 4);
        let mdhd = child(trak, &[b"mdia", b"mdhd"]).expect("mdhd");
        let scale = be(mdhd, if mdhd[0] == 1 { 20 } else { 12 }, 4) as f64;
        let hdlr = child(trak, &[b"mdia", b"hdlr"]).expect("hdlr");
        tracks.insert(
            id,
            Track {
                video: &hdlr[8..12] == b"vide",
                scale,
                ..Track::default()
            },
        );
    }
    for (_, _, trex) in
        boxes(child(body, &[b"mvex"]).unwrap_or_default()).filter(|(name, _, _)| name == b"trex")
    {
        if let Some(track) = tracks.get_mut(&be(trex, 4, 4)) {
            track.default_duration = be(trex, 12, 4) as u32;
            track.default_size = be(trex, 16, 4) as u32;
        }
    }
    tracks
}

#[track_caller]
fn moof(file: &[u8], start: usize, body: &[u8], tracks: &mut BTreeMap<u64, Track>) {
    for (_, _, traf) in boxes(body).filter(|(name, _, _)| name == b"traf") {
        let tfhd = child(traf, &[b"tfhd"]).expect("tfhd");
        let flags = be(tfhd, 1, 3);
        let track = tracks
            .get_mut(&be(tfhd, 4, 4))
            .expect("a fragment of a track that there is");
        let mut at = 8;
        let mut field = |flag: u64, size: usize| {
            (flags & flag != 0).then(|| {
                at += size;
                be(tfhd, at - size, size)
            })
        };
        let base = field(1, 8).unwrap_or(start as u64);
        let _description = field(2, 4);
        let duration = field(8, 4).map_or(track.default_duration, |value| value as u32);
        let size = field(16, 4).map_or(track.default_size, |value| value as u32);
        if let Some(tfdt) = child(traf, &[b"tfdt"]) {
            track.next = be(tfdt, 4, if tfdt[0] == 1 { 8 } else { 4 });
        }
        let mut data = base as usize;
        for (_, _, trun) in boxes(traf).filter(|(name, _, _)| name == b"trun") {
            data = run(file, trun, base, data, (duration, size), track);
        }
    }
}

/// One run of samples. Returns where the next run begins if that run does not say so itself.
#[track_caller]
fn run(file: &[u8], trun: &[u8], base: u64, data: usize, defaults: (u32, u32), track: &mut Track) -> usize {
    let flags = be(trun, 1, 3);
    let mut at = 8;
    let mut data = data;
    if flags & 1 != 0 {
        data = (base as i64 + i64::from(be(trun, at, 4) as i32)) as usize;
        at += 4;
    }
    if flags & 4 != 0 {
        at += 4;
    }
    for _ in 0..be(trun, 4, 4) {
        let mut field = |flag: u64| {
            (flags & flag != 0).then(|| {
                at += 4;
                be(trun, at - 4, 4) as u32
            })
        };
        let duration = field(0x100).unwrap_or(defaults.0);
        let size = field(0x200).unwrap_or(defaults.1) as usize;
        let _flags = field(0x400);
        let offset = field(0x800).unwrap_or(0) as i32;
        let dts = track.next as f64 * 1000.0 / track.scale;
        let pts = dts + f64::from(offset) * 1000.0 / track.scale;
        let bytes = file
            .get(data..data + size)
            .expect("a sample inside the file")
            .to_vec();
        track.samples.push(Sample { dts, pts, bytes });
        track.next += u64::from(duration);
        data += size;
    }
    data
}

fn be(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
