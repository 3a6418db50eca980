//! Chunks of a stream, keyframes and stills as a box serves them, in ffmpeg and Chromium. The store has two publishes of the same
//! stream with ten seconds between their beginnings, so that the chunks go over a break.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use edgereel::format::hls::live::{ChunkFile, ChunkPlace, Init, LiveChunk, Playlist, chunk_name};
use edgereel::format::hls::{Hls, KEYFRAMES, Served, Start, Update, Uris};
use edgereel::format::{TapeSource, View, ViewSegment, VirtualFile};
use edgereel::media::{Micros, RecordingId, StreamName, TargetDuration};
use edgereel::store::{Library, LibrarySource};
use tempfile::TempDir;

use crate::browser::Case;
use crate::support::home;
use crate::timescales::{GOP, SECONDS, decoded, encode, put, store_in};

const TIMESCALE: u32 = 90_000;
/// How much later the second publish begins.
const LATER: Micros = 10_000_000;
/// Fragments of a chunk: two seconds. The tape has a fragment for each GOP of half a second.
const TOGETHER: usize = 4;

struct Kept {
    home: TempDir,
    /// The pictures of one publish: ticks from the first, and a hash of each.
    pictures: Vec<(i64, String)>,
    views: Vec<View<LibrarySource>>,
}

impl Kept {
    #[track_caller]
    fn record() -> Self {
        let home = home();
        let file = encode(home.path(), TIMESCALE, "30");
        let data = home.path().join("data");
        let (store, opened) = store_in(&data);
        let recordings = [0, 1].map(RecordingId::new);
        for (recording, later) in recordings.into_iter().zip([0, LATER]) {
            let zero = opened.tape_base + later;
            let stream = StreamName::new("live", "cam1").unwrap();
            put(&store, stream, zero, recording, &file);
        }
        store.shutdown().unwrap();
        let library = Library::open(&data).unwrap();
        let views = recordings.map(|recording| library.view(recording).unwrap());
        Self {
            views: views.into(),
            pictures: decoded(&file, TIMESCALE),
            home,
        }
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    }
}

/// Writes the chunks of the publishes into a folder, with a playlist of all of them. Returns their names, the init first.
#[track_caller]
fn write_chunks(folder: &Path, views: &[View<LibrarySource>]) -> Vec<PathBuf> {
    let (mut listed, mut names) = (Vec::new(), BTreeMap::new());
    for (publish, view) in (0_u64..).zip(views) {
        let mut breaks = true;
        for segment in &view.segments {
            let init = Init::of(&segment.tracks);
            names.insert(0, folder.join(init.name.to_string()));
            std::fs::write(&names[&0], &init.bytes).unwrap();
            for place in places(segment, view, listed.len() as u64 + 1) {
                let mut chunk = ChunkFile::open(segment.clone(), view.source.clone(), &place).unwrap();
                let facts = chunk.facts();
                names.insert(place.number, folder.join(chunk_name(place.number)));
                std::fs::write(&names[&place.number], bytes(&mut chunk)).unwrap();
                listed.push(LiveChunk {
                    number: place.number,
                    discontinuities: publish + 1,
                    discontinuity: std::mem::take(&mut breaks),
                    duration_us: facts.duration_us,
                    date: facts.start,
                    independent: facts.independent,
                    init: init.name,
                });
            }
        }
    }
    assert!(listed.iter().all(|chunk| chunk.independent));
    let playlist = Playlist {
        target_s: 2,
        chunks: &listed,
        start: Start::Beginning,
        ended: true,
        encryption: None,
    };
    let text = playlist.text(&Uris::default(), Update::Whole);
    std::fs::write(folder.join("index.m3u8"), text).unwrap();
    names.into_values().collect()
}

fn places(segment: &ViewSegment, view: &View<LibrarySource>, first: u64) -> Vec<ChunkPlace> {
    let fragments = view.source.index(segment.id).unwrap().fragments.len();
    let starts = (0..fragments).step_by(TOGETHER).zip(first..);
    let places = starts.map(|(start, number)| ChunkPlace {
        number,
        fragments: start..(start + TOGETHER).min(fragments),
        target: TargetDuration::default(),
    });
    places.collect()
}

fn bytes(file: &mut impl VirtualFile) -> Vec<u8> {
    let mut bytes = vec![0; file.len() as usize];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

#[test]
fn ffmpeg_decodes_an_init_and_chunks_over_a_break() {
    let kept = Kept::record();
    let names = write_chunks(&kept.folder("chunks"), &kept.views);
    assert_eq!(names.len(), 1 + 2 * (SECONDS as usize / 2));
    let whole = kept.home.path().join("whole.mp4");
    let parts = names.iter().flat_map(|name| std::fs::read(name).unwrap());
    std::fs::write(&whole, parts.collect::<Vec<u8>>()).unwrap();
    let found = decoded(&whole, TIMESCALE);
    let count = kept.pictures.len();
    assert_eq!(found.len(), 2 * count);
    let later = [0, LATER / 1_000_000 * i64::from(TIMESCALE)];
    for (publish, later) in found.chunks(count).zip(later) {
        for (found, sent) in publish.iter().zip(&kept.pictures) {
            assert_eq!((found.0, &found.1), (sent.0 + later, &sent.1));
        }
    }
}

#[test]
fn the_playlist_of_a_stream_plays_over_a_break_in_ffmpeg_and_hls_js() {
    let kept = Kept::record();
    let folder = kept.folder("chunks");
    write_chunks(&folder, &kept.views);
    let found = decoded(&folder.join("index.m3u8"), TIMESCALE);
    let hashes = found.iter().map(|(_, hash)| hash);
    let sent = kept.pictures.iter().chain(&kept.pictures).map(|(_, hash)| hash);
    assert!(hashes.eq(sent));
    // The first publish ends with its pictures. Over the moment until sound is there again hls.js seeks.
    let seen = Case::hls(&folder).rate(2.0).limit(14.0).play();
    assert!(!seen.fatal && seen.at > f64::from(2 * SECONDS) - 0.5, "{seen:?}");
    assert!(
        seen.sound > 0 && seen.frames as usize >= found.len() - 4,
        "{seen:?}"
    );
    let other = |error: &&String| !error.starts_with("buffer");
    assert_eq!(seen.errors.iter().find(other), None, "{seen:?}");
}

#[test]
fn the_playlist_of_a_publish_plays_in_hls_js_without_a_stop() {
    let kept = Kept::record();
    let folder = kept.folder("chunks");
    write_chunks(&folder, &kept.views[..1]);
    let seen = Case::hls(&folder).rate(2.0).play();
    seen.plays_through(f64::from(SECONDS));
    assert!(seen.errors.is_empty() && seen.sound > 0, "{seen:?}");
}

#[test]
fn ffmpeg_decodes_each_keyframe_of_the_playlist_of_keyframes() {
    let kept = Kept::record();
    let folder = kept.folder("keys");
    let hls = Hls::open(kept.views[0].clone(), 2_000).unwrap();
    let uris = Uris::default();
    let served = Served {
        start: Start::Beginning,
        update: Update::Whole,
        uris: &uris,
        later_us: 0,
    };
    let text = String::from_utf8(hls.keyframes(&served).unwrap()).unwrap();
    let maps = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""));
    let maps = maps.map(|map| map.trim_end_matches('"'));
    for name in text.lines().filter(|line| !line.starts_with('#')).chain(maps) {
        let mut file = hls.served_file(name).unwrap();
        std::fs::write(folder.join(name), bytes(&mut file)).unwrap();
    }
    std::fs::write(folder.join(KEYFRAMES), &text).unwrap();
    let found = decoded(&folder.join(KEYFRAMES), TIMESCALE);
    let keys = kept.pictures.iter().step_by(GOP);
    for (found, sent) in found.iter().zip(keys.clone()) {
        // Keyframes are listed by their milliseconds.
        assert!(
            (found.0 - sent.0).abs() < i64::from(TIMESCALE) / 500,
            "{found:?} {sent:?}"
        );
        assert_eq!(found.1, sent.1);
    }
    assert_eq!(found.len(), keys.count());
}

#[test]
fn a_still_is_the_picture_in_ffmpeg_and_chromium() {
    let kept = Kept::record();
    let view = &kept.views[1];
    let (start, _) = view.bounds().unwrap().unwrap();
    let begins = view.utc(start).unwrap();
    for (ms, key) in [(100, 0), (2_700, 5), (999_999, 11)] {
        let mut still = view.clone().still(begins + ms * 1_000).unwrap().unwrap();
        let late = still.utc() - begins - key as i64 * 500_000;
        assert!((0..100_000).contains(&late), "{late}");
        let path = kept.home.path().join(format!("frame-{ms}.mp4"));
        std::fs::write(&path, bytes(&mut still)).unwrap();
        let found = decoded(&path, TIMESCALE);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, kept.pictures[key * GOP].1);
        let seen = Case::file(&path).play();
        assert!(seen.errors.is_empty() && !seen.fatal, "{seen:?}");
        assert_eq!((seen.width, seen.height), (320, 180));
    }
}
