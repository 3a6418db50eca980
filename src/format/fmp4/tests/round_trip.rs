//! All that is written is read back.

use proptest::prelude::*;

use super::fixtures::*;
use crate::format::fmp4::{
    Position, Stopped, TrackRun, free_box, moof, moof_len, moof_read, read_header, scan, scan_headers,
};
use crate::format::index::{Sample, SampleIndex};
use crate::format::testing::hdr10;
use crate::media::{ChunkNumbers, ColourInfo, TargetDuration};

#[test]
fn every_kind_of_media_comes_back() {
    let mut long_config = aac();
    long_config.record = vec![0x11; 200].into();
    long_config.sample_rate = 96_000;
    let all = [
        tracks(Some(avc()), Some(aac())),
        tracks(Some(avc()), Some(mp3())),
        tracks(Some(hevc()), Some(aac())),
        tracks(Some(hevc()), None),
        tracks(Some(av1()), Some(opus())),
        tracks(None, Some(aac())),
        tracks(None, Some(long_config)),
        tracks(None, Some(mp3())),
        tracks(None, Some(opus())),
    ];
    for tracks in all {
        let fragments: Vec<_> = (0..4).map(|nth| fragment(&tracks, nth, nth == 3)).collect();
        let (file, index) = segment(&identity(), &tracks, &fragments);
        let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
        assert_eq!(scanned.identity, identity());
        assert_eq!(scanned.tracks, tracks);
        assert_eq!(scanned.index, index);
        assert_eq!(
            (scanned.valid_len, scanned.stopped),
            (file.len() as u64, Stopped::Clean)
        );
        for (fragment, written) in scanned.index.fragments.iter().zip(&fragments) {
            let frames = written.video.iter().chain(&written.audio);
            for (placed, frame) in fragment.video.placed().chain(fragment.audio.placed()).zip(frames) {
                let at = placed.offset as usize;
                assert_eq!(&file[at..at + placed.sample.size as usize], &frame.payload);
            }
        }
    }
}

#[test]
fn the_numbers_of_chunks_come_back_and_a_file_without_them_is_read() {
    let tracks = tracks(Some(avc()), Some(aac()));
    for target in [
        TargetDuration::Known(6),
        TargetDuration::Unknown {
            complete: 2,
            longest_s: 4,
        },
    ] {
        let numbers = ChunkNumbers {
            chunk: 1 << 40,
            discontinuity: 7,
            breaks: true,
            skipped: 3,
            target,
        };
        let mut numbered = identity();
        numbered.chunks = Some(numbers);
        let (file, _) = segment(&numbered, &tracks, &[fragment(&tracks, 0, true)]);
        let header = read_header(file.as_slice(), file.len() as u64).unwrap();
        assert_eq!(header.identity, numbered);
        // The layout of such a file without numbers is a snapshot.
        let (plain, _) = segment(&identity(), &tracks, &[fragment(&tracks, 0, true)]);
        assert_eq!(plain.len() + 28, file.len());
        let header = read_header(plain.as_slice(), plain.len() as u64).unwrap();
        assert_eq!(header.identity.chunks, None);
    }
}

#[test]
fn what_a_publisher_says_of_colours_comes_back_with_its_segment() {
    for config in [avc(), hevc(), av1()] {
        for said in [
            hdr10(),
            ColourInfo {
                light: None,
                ..hdr10()
            },
            ColourInfo::default(),
        ] {
            let mut config = config.clone();
            config.colour_info = said;
            let tracks = tracks(Some(config), None);
            let (file, _) = segment(&identity(), &tracks, &[fragment(&tracks, 0, false)]);
            let found = scan(file.as_slice(), file.len() as u64).unwrap().tracks;
            assert_eq!(found, tracks);
            assert_eq!(found.video.unwrap().colour_info, said);
        }
    }
}

#[test]
fn an_identity_without_anything_optional_comes_back() {
    let mut plain = identity();
    plain.device.clear();
    plain.recordings.clear();
    plain.clock_synced = false;
    plain.base.video = i64::MIN;
    plain.tape_zero = -1;
    let tracks = tracks(Some(avc()), None);
    let (file, _) = segment(&plain, &tracks, &[]);
    let header = read_header(file.as_slice(), file.len() as u64).unwrap();
    assert_eq!(
        (header.identity, header.tracks, header.len),
        (plain, tracks, file.len() as u64)
    );
}

#[test]
fn a_fragment_of_one_track_only_comes_back() {
    let tracks = tracks(Some(avc()), Some(aac()));
    let mut silent = fragment(&tracks, 0, false);
    silent.audio.clear();
    let mut blind = fragment(&tracks, 1, false);
    blind.video.clear();
    let (file, index) = segment(&identity(), &tracks, &[silent, blind]);
    let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
    assert_eq!((scanned.index, scanned.stopped), (index, Stopped::Clean));
}

#[test]
fn a_free_box_ends_a_sealed_file() {
    let (mut file, index, _) = usual();
    let end = file.len() as u64;
    file.extend_from_slice(&free_box(5_000).unwrap());
    file.resize(end as usize + 5_000, 0x5A);
    let scanned = scan(file.as_slice(), file.len() as u64).unwrap();
    assert_eq!(
        (scanned.index, scanned.valid_len, scanned.stopped),
        (index, end, Stopped::Clean)
    );
}

#[test]
fn a_live_segment_is_read_on_from_where_it_was() {
    let tracks = tracks(Some(avc()), Some(aac()));
    let (mut file, mut index) = segment(&identity(), &tracks, &[fragment(&tracks, 0, false)]);
    let header = read_header(file.as_slice(), file.len() as u64).unwrap();
    let segment = header.identity.segment;
    let seen = |file: &[u8], from| scan_headers(file, file.len() as u64, segment, from);

    let (mut found, at, stopped) = seen(&file, Position::first(header.len));
    assert_eq!((&found, stopped), (&index, Stopped::Clean));
    assert_eq!(seen(&file, at), (SampleIndex::default(), at, Stopped::Clean));

    index
        .fragments
        .push(append(&mut file, &identity(), 2, &fragment(&tracks, 1, false)));
    // The media is not looked at, so a byte of it may be wrong.
    *file.last_mut().unwrap() ^= 1;
    let (more, at, stopped) = seen(&file, at);
    found.fragments.extend(more.fragments);
    assert_eq!(
        (found, at.offset, stopped),
        (index, file.len() as u64, Stopped::Clean)
    );
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let one = |sizes: std::ops::Range<u32>, durations: std::ops::Range<u32>, cts: std::ops::Range<i32>| {
        (sizes, durations, cts, any::<bool>()).prop_map(|(size, duration, cts, key)| Sample {
            size,
            duration,
            cts,
            key,
        })
    };
    prop_oneof![
        prop::collection::vec(one(0..9, 33..35, -2..2), 0..6),
        prop::collection::vec(one(0..99_999, 0..u32::MAX, i32::MIN..i32::MAX), 0..9),
        (one(0..9, 0..9, 0..1), 0..9_usize).prop_map(|(sample, count)| vec![sample; count]),
    ]
}

proptest! {
    #[test]
    fn a_moof_comes_back(video in samples(), audio in samples(), dts in any::<u64>(), sequence in any::<u32>()) {
        let run = |tfdt, samples| Some(TrackRun { tfdt, samples });
        let bytes = moof(sequence, run(dts, &video), run(!dts, &audio));
        prop_assert_eq!(bytes.len(), moof_len(Some(&video), Some(&audio)));
        let (found_video, found_audio, media) = moof_read::runs(&bytes, sequence, 1000).unwrap();
        prop_assert_eq!(media, found_video.bytes() + found_audio.bytes());
        for (found, dts, offset, samples) in [
            (found_video.clone(), dts, 1000, video),
            (found_audio, !dts, 1000 + found_video.bytes(), audio),
        ] {
            let expected = if samples.is_empty() { (0, 0) } else { (dts, offset) };
            prop_assert_eq!((found.first_dts, found.data_offset), expected);
            prop_assert_eq!(found.samples, samples);
        }
    }
}
