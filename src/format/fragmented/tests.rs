use super::*;
use crate::format::testing::{self, all, assert_same_in_pieces, expected};
use mp4_atom::ReadFrom;

/// (track, tfdt, payload) of every sample of a file of fragments.
pub(in crate::format) fn samples(bytes: &[u8]) -> Vec<(u32, u64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut moof: Option<(usize, mp4_atom::Moof)> = None;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        match mp4_atom::Any::read_from(&mut rest).unwrap() {
            mp4_atom::Any::Moof(found) => moof = Some((at, found)),
            mp4_atom::Any::Mdat(_) => {
                let (start, moof) = moof.take().unwrap();
                for traf in moof.traf {
                    let mut dts = traf.tfdt.unwrap().base_media_decode_time;
                    let trun = &traf.trun[0];
                    let mut offset = start + trun.data_offset.unwrap() as usize;
                    for entry in &trun.samples {
                        let size = entry.size.or(traf.tfhd.default_sample_size).unwrap() as usize;
                        found.push((traf.tfhd.track_id, dts, bytes[offset..offset + size].to_vec()));
                        offset += size;
                        let duration = entry.duration.or(traf.tfhd.default_sample_duration);
                        dts += u64::from(duration.unwrap());
                    }
                }
            }
            _ => (),
        }
    }
    found
}

#[test]
fn every_sample_is_at_its_time() {
    let takes = testing::two_segments();
    let mut file = Fmp4::open(testing::view(&takes)).unwrap();
    let bytes = all(&mut file);
    assert_same_in_pieces(&mut file, &bytes, &[3, 977, 65_536]);
    let found = samples(&bytes);
    for (kind, track) in [(TrackKind::Video, 1), (TrackKind::Audio, 2)] {
        let shots = expected(&takes);
        let shots = shots.iter().filter(|shot| shot.kind == kind);
        let mut found = found.iter().filter(|sample| sample.0 == track);
        for shot in shots {
            let (_, dts, payload) = found.next().unwrap();
            assert_eq!(*dts as i64, shot.dts);
            assert!(*payload == shot.payload);
        }
        assert_eq!(found.next(), None);
    }
}

#[test]
fn time_moves_alike_for_sound_and_picture() {
    let takes: Vec<_> = testing::eventful().into_iter().take(2).collect();
    let found = samples(&all(&mut Fmp4::open(testing::view(&takes)).unwrap()));
    let first = |track| found.iter().find(|sample| sample.0 == track).unwrap().1;
    // The sound that began at -40 ms begins at zero. The picture that began at 1000 ms begins at 1040 ms.
    assert_eq!((first(1), first(2)), (1_040, 0));
}

#[test]
fn a_change_of_configuration_is_refused_by_name() {
    let error = Fmp4::open(testing::view(&testing::eventful()))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("from h264 320x240 to h264 640x360"), "{error}");
}

#[test]
fn a_sample_lasts_until_the_next_one_whichever_fragment_has_it() {
    let mut takes = testing::two_segments();
    // Sound is missing over the end of a fragment, where the tape guessed a duration.
    takes[0]
        .shots
        .retain(|shot| shot.kind == TrackKind::Video || !(40_000..48_000).contains(&shot.dts));
    let bytes = all(&mut Fmp4::open(testing::view(&takes)).unwrap());
    for track in [1, 2] {
        let samples = lengths(&bytes);
        let own: Vec<_> = samples.iter().filter(|sample| sample.0 == track).collect();
        for pair in own.windows(2) {
            assert_eq!(pair[0].1 + u64::from(pair[0].2), pair[1].1, "track {track}");
        }
    }
}

/// (track, decode time, duration) of every sample.
fn lengths(bytes: &[u8]) -> Vec<(u32, u64, u32)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        if let mp4_atom::Any::Moof(moof) = mp4_atom::Any::read_from(&mut rest).unwrap() {
            for traf in moof.traf {
                let mut dts = traf.tfdt.unwrap().base_media_decode_time;
                for entry in &traf.trun[0].samples {
                    let duration = entry.duration.or(traf.tfhd.default_sample_duration).unwrap();
                    found.push((traf.tfhd.track_id, dts, duration));
                    dts += u64::from(duration);
                }
            }
        }
    }
    found
}

#[test]
fn the_file_says_how_long_it_is_and_where_its_fragments_are() {
    let takes = testing::two_segments();
    let mut file = Fmp4::open(testing::view(&takes)).unwrap();
    let bytes = all(&mut file);
    let at = |kind: &[u8]| bytes.windows(4).position(|word| word == kind).unwrap();
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    // The picture ends at 4.5 s. The sound lasts one frame longer.
    let duration = number(at(b"mehd") + 12);
    assert!((4_500..4_640).contains(&duration), "{duration}");
    let sidx = at(b"sidx");
    let end = sidx - 4 + number(sidx - 4) as usize;
    assert_eq!(&bytes[end + 4..end + 8], b"moof");
    let count = (number(sidx + 32) & 0xFFFF) as usize;
    assert_eq!(count, 5);
    let mut position = end;
    for reference in 0..count {
        let entry = sidx + 36 + 12 * reference;
        assert_eq!(&bytes[position + 4..position + 8], b"moof");
        assert_eq!(number(entry + 8), 0x9000_0000);
        position += number(entry) as usize;
    }
    assert_eq!(position, bytes.len());
    // mvhd of version 1.
    assert_ne!(number(at(b"mvhd") + 12), 0);
}
