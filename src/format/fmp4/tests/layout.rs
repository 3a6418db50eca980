//! The bytes of a segment, and what other readers find in them.

use std::io::Cursor;

use mp4_atom::{Any, Codec, Decode};

use super::fixtures::*;
use crate::format::fmp4::fragment::CHECKSUM_BOX;
use crate::format::fmp4::{
    Movie, Place, TrackRun, fragment_header, free_box, init, moof, moof_len, sample_entry, segment_header,
};
use crate::format::index::Sample;
use crate::format::{TrackBase, fmp4::WriteError};
use crate::media::{ChunkNumbers, Fragment, TrackKind, Tracks};

fn first() -> Place {
    Place {
        segment: segment_id(1),
        sequence: 1,
        durable: 0,
        offset: 0,
    }
}

#[test]
fn a_header_stays_as_it_is() {
    let header = segment_header(&identity(), &tracks(Some(avc()), Some(aac()))).unwrap();
    insta::assert_snapshot!(dump(&header));
}

#[test]
fn a_fragment_stays_as_it_is() {
    let (file, index, _) = usual();
    let first = &index.fragments[0];
    insta::assert_snapshot!(dump(&file[first.offset as usize..first.end() as usize]));
}

#[test]
fn an_init_segment_stays_as_it_is() {
    insta::assert_snapshot!(dump(&init(&tracks(Some(hevc()), Some(opus())), Movie::default())));
}

#[test]
fn the_identity_lies_in_the_first_sector() {
    let mut identity = identity();
    identity.device = "d".repeat(64);
    identity.stream = format!("live/{}", "s".repeat(75)).parse().unwrap();
    identity.recordings = vec![identity.recordings[0]; 8];
    identity.chunks = Some(ChunkNumbers::default());
    let header = segment_header(&identity, &tracks(Some(avc()), None)).unwrap();
    let moov = header.windows(4).position(|kind| kind == b"moov").unwrap();
    assert!(moov < 512, "moov at {moov}");
}

#[test]
fn records_are_embedded_byte_for_byte() {
    for config in [avc(), hevc(), av1()] {
        let entry = sample_entry::video(&config);
        let embedded = entry
            .windows(config.record.len())
            .any(|bytes| bytes == config.record);
        assert!(embedded);
    }
    let entry = sample_entry::audio(&aac());
    assert!(entry.windows(5).any(|bytes| bytes == aac().record));
}

#[test]
fn mp4_atom_reads_every_box() {
    let all = [
        tracks(Some(avc()), Some(aac())),
        tracks(Some(av1()), Some(opus())),
        tracks(None, Some(mp3())),
    ];
    for tracks in all {
        let fragments = [fragment(&tracks, 0, false), fragment(&tracks, 1, true)];
        let (file, _) = segment(&identity(), &tracks, &fragments);
        let mut rest = Cursor::new(&file);
        let mut kinds = Vec::new();
        while (rest.position() as usize) < file.len() {
            match Any::decode(&mut rest).unwrap() {
                Any::Ftyp(_) => kinds.push("ftyp"),
                Any::Moov(moov) => {
                    let codecs: Vec<_> = moov
                        .trak
                        .iter()
                        .map(|t| &t.mdia.minf.stbl.stsd.codecs[0])
                        .collect();
                    for codec in codecs {
                        assert!(!matches!(codec, Codec::Unknown(..)), "{codec:?}");
                    }
                    kinds.push("moov");
                }
                Any::Moof(moof) => {
                    assert_eq!(
                        moof.traf.len(),
                        usize::from(tracks.video.is_some()) + usize::from(tracks.audio.is_some())
                    );
                    kinds.push("moof");
                }
                Any::Mdat(_) => kinds.push("mdat"),
                _ => kinds.push("uuid"),
            }
        }
        assert_eq!(
            kinds,
            [
                "ftyp", "uuid", "moov", "uuid", "moof", "mdat", "uuid", "moof", "mdat"
            ]
        );
    }
}

#[test]
fn mp4_reads_the_same_samples() {
    let (file, index, _) = usual();
    let len = file.len() as u64;
    let reader = mp4::Mp4Reader::read_header(Cursor::new(file), len).unwrap();
    assert_eq!(reader.moofs.len(), 3);
    let video = &reader.tracks()[&1];
    assert_eq!(
        (video.width(), video.height(), video.timescale()),
        (320, 240, 1000)
    );
    assert_eq!(reader.tracks()[&2].timescale(), 48_000);
    for (moof, fragment) in reader.moofs.iter().zip(&index.fragments) {
        for (traf, run) in moof.trafs.iter().zip([&fragment.video, &fragment.audio]) {
            let tfdt = traf.tfdt.as_ref().unwrap();
            let trun = traf.trun.as_ref().unwrap();
            assert_eq!(tfdt.base_media_decode_time, run.first_dts);
            assert_eq!(trun.sample_count as usize, run.samples.len());
            let from_moof = run.data_offset - fragment.offset - CHECKSUM_BOX as u64;
            assert_eq!(trun.data_offset.map(|offset| offset as u64), Some(from_moof));
        }
    }
}

fn run(samples: &[Sample]) -> Option<TrackRun<'_>> {
    Some(TrackRun { tfdt: 7, samples })
}

#[test]
fn what_is_alike_is_said_once() {
    let sample = |key| Sample {
        size: 100,
        duration: 1024,
        cts: 0,
        key,
    };
    let alike = moof(1, None, run(&[sample(true); 50]));
    assert_eq!(alike.len(), moof(1, None, run(&[sample(true)])).len());
    let mut gop = [sample(false); 50];
    gop[0].key = true;
    assert_eq!(moof(1, run(&gop), None).len(), alike.len() + 4);
    gop[9].key = true;
    assert_eq!(moof(1, run(&gop), None).len(), alike.len() + 4 * 50 - 4);
    assert_eq!(
        moof_len(Some(&gop), Some(&[])),
        moof(1, run(&gop), run(&[])).len()
    );
}

#[test]
fn a_last_frame_lasts_until_the_next_one_or_as_long_as_is_likely() {
    let durations = |fragment: &Fragment, kind| {
        let header = fragment_header(first(), identity().base, fragment).unwrap();
        let run = header.index.run(kind);
        run.samples
            .iter()
            .map(|sample| sample.duration)
            .collect::<Vec<_>>()
    };
    let tracks = tracks(Some(avc()), Some(aac()));
    let mut some = fragment(&tracks, 0, false);
    some.next_video_dts = Some(10_200);
    assert_eq!(durations(&some, TrackKind::Video), [40, 40, 120]);
    assert_eq!(durations(&some, TrackKind::Audio), [1024, 1024, 1024]);
    some.next_video_dts = None;
    some.video[2].dts = 10_073;
    assert_eq!(durations(&some, TrackKind::Video), [40, 33, 33]);
    some.video.truncate(1);
    some.audio.truncate(1);
    some.next_audio_dts = None;
    assert_eq!(durations(&some, TrackKind::Video), [40]);
    assert_eq!(durations(&some, TrackKind::Audio), [1024]);
}

#[test]
fn what_lies_before_the_segment_is_moved_to_its_zero() {
    let mut early = fragment(&tracks(Some(avc()), Some(aac())), 0, false);
    early.audio[0].dts -= 300;
    let header = fragment_header(first(), identity().base, &early).unwrap();
    assert_eq!(header.index.audio.first_dts, 0);
    assert_eq!(header.index.audio.samples[0].duration, 1024);
    let far = TrackBase {
        video: i64::MAX,
        audio: i64::MIN,
    };
    let header = fragment_header(first(), far, &early).unwrap();
    assert_eq!(header.index.video.first_dts, 0);
}

#[test]
fn what_no_scanner_would_believe_is_not_written() {
    let empty = Fragment {
        tracks: tracks(Some(avc()), None),
        chunk: None,
        video: Vec::new(),
        audio: Vec::new(),
        next_video_dts: None,
        next_audio_dts: None,
    };
    let written = fragment_header(first(), TrackBase::default(), &empty);
    assert_eq!(written, Err(WriteError::Empty));
    assert_eq!(
        segment_header(&identity(), &Tracks::default()),
        Err(WriteError::Empty)
    );
    let mut long = avc();
    long.record = vec![0; 1 << 20].into();
    let written = segment_header(&identity(), &tracks(Some(long), None));
    assert!(
        matches!(written, Err(WriteError::HeaderTooLong(_))),
        "{written:?}"
    );
    let mut wordy = identity();
    wordy.device = "d".repeat(65);
    assert_eq!(
        segment_header(&wordy, &tracks(Some(avc()), None)),
        Err(WriteError::DeviceTooLong(65))
    );
}

#[test]
fn a_free_box_takes_what_room_there_is() {
    assert_eq!(free_box(7), None);
    assert_eq!(free_box(8).unwrap(), b"\0\0\0\x08free");
    assert_eq!(free_box(1 << 32).unwrap(), b"\0\0\0\x01free\0\0\0\x01\0\0\0\0");
}
