//! Ticks of every timescale come out of every format as they went onto the tape.

use std::collections::HashMap;

use mp4_atom::ReadFrom as _;

use crate::format::flv::{self, Flv};
use crate::format::hls::Hls;
use crate::format::mp4::{Labels, Mp4};
use crate::format::testing::{
    OnTape, Reel, Shot, Take, Timed, all, assert_same_in_pieces, on_tape, rendered, ticking, timescales,
    two_segments, view, view_of,
};
use crate::format::{Fmp4, Looked, View};
use crate::media::{Micros, TrackKind, rescale};

/// Timescales of film, of television in North America, of RTP, and of an encoder that counts pictures.
const SCALES: [(u32, i64); 5] = [
    (90_000, 3_003),
    (90_000, 3_750),
    (30_000, 1_001),
    (24_000, 1_001),
    (25, 1),
];

fn pictures(take: &Take) -> Vec<&Shot> {
    let pictures = take.shots.iter();
    pictures.filter(|shot| shot.kind == TrackKind::Video).collect()
}

/// Decode time, presentation time and bytes of each picture, in ticks from the decode time of the first.
type Ticks = Vec<(i64, i64, Vec<u8>)>;

fn wanted(take: &Take) -> Ticks {
    let all = pictures(take);
    let first = all[0].dts;
    let ticks = all.into_iter().map(|shot| {
        let dts = shot.dts - first;
        (dts, dts + i64::from(shot.cts), shot.payload.clone())
    });
    ticks.collect()
}

fn from_first(mut ticks: Ticks) -> Ticks {
    let first = ticks[0].0;
    for (dts, pts, _) in &mut ticks {
        (*dts, *pts) = (*dts - first, *pts - first);
    }
    ticks
}

fn of_mp4(view: &View<Reel>) -> (u32, Ticks) {
    let mut file = Mp4::open(view.clone()).unwrap();
    let bytes = all(&mut file);
    assert_same_in_pieces(&mut file, &bytes, &[5, 4_099]);
    let samples = crate::format::mp4::tests::found(&bytes, 1).into_iter();
    let ticks = samples.map(|(dts, cts, _, bytes)| (dts as i64, dts as i64 + i64::from(cts), bytes));
    (timescales(&bytes)[&1], from_first(ticks.collect()))
}

fn of_fragments(init: &[u8], bytes: &[u8]) -> (u32, Ticks) {
    let (mut ticks, mut rest) = (Ticks::new(), bytes);
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        if let mp4_atom::Any::Moof(moof) = mp4_atom::Any::read_from(&mut rest).unwrap() {
            for traf in moof.traf.iter().filter(|traf| traf.tfhd.track_id == 1) {
                let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
                let trun = &traf.trun[0];
                let mut offset = at + trun.data_offset.unwrap() as usize;
                for entry in &trun.samples {
                    let size = entry.size.or(traf.tfhd.default_sample_size).unwrap() as usize;
                    let cts = entry.cts.unwrap_or(0);
                    ticks.push((dts, dts + cts, bytes[offset..offset + size].to_vec()));
                    offset += size;
                    dts += i64::from(entry.duration.or(traf.tfhd.default_sample_duration).unwrap());
                }
            }
        }
    }
    (timescales(init)[&1], ticks)
}

fn of_fmp4(view: &View<Reel>) -> (u32, Ticks) {
    let mut file = Fmp4::open(view.clone()).unwrap();
    let bytes = all(&mut file);
    assert_same_in_pieces(&mut file, &bytes, &[7, 4_099]);
    let (scale, ticks) = of_fragments(&bytes, &bytes);
    (scale, from_first(ticks))
}

/// The same for each run of chunks that one `init` decodes.
fn of_hls(view: &View<Reel>) -> Vec<(u32, Ticks)> {
    let hls = Hls::open(view.clone(), 1_000).unwrap();
    let files: HashMap<String, Vec<u8>> = (0..hls.count())
        .filter_map(|number| hls.file(number))
        .map(|mut file| (file.name().to_owned(), all(&mut file)))
        .collect();
    let (mut runs, mut init) = (Vec::<(u32, Ticks)>::new(), "");
    for line in std::str::from_utf8(hls.playlist()).unwrap().lines() {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            init = map.trim_end_matches('"');
            runs.push((0, Ticks::new()));
        } else if !line.starts_with('#') {
            let (scale, ticks) = of_fragments(&files[init], &files[line]);
            let run = runs.last_mut().unwrap();
            run.0 = scale;
            run.1.extend(ticks);
        }
    }
    let runs = runs.into_iter();
    runs.map(|(scale, ticks)| (scale, from_first(ticks))).collect()
}

/// Decode and presentation times in milliseconds.
fn of_flv(view: &View<Reel>) -> Ticks {
    let bytes = all(&mut Flv::open(view.clone()).unwrap());
    let tags = flv::read::FlvReader::new(bytes.as_slice())
        .unwrap()
        .map(Result::unwrap);
    let pictures = tags.filter(|tag| tag.kind == flv::tag::VIDEO && tag.body[1] == 1);
    let ticks = pictures.map(|tag| {
        let cts = i32::from_be_bytes([0, tag.body[2], tag.body[3], tag.body[4]]) << 8 >> 8;
        let dts = i64::from(tag.timestamp_ms);
        (dts, dts + i64::from(cts), tag.body[5..].to_vec())
    });
    ticks.collect()
}

fn times(ticks: &Ticks, by: i64) -> Ticks {
    let ticks = ticks.iter();
    ticks
        .map(|(dts, pts, bytes)| (dts * by, pts * by, bytes.clone()))
        .collect()
}

#[test]
fn no_tick_is_lost_in_any_format() {
    for (scale, step) in SCALES {
        let take = ticking(scale, step, 5, 1);
        let (view, wanted) = (view(std::slice::from_ref(&take)), wanted(&take));
        assert!(of_mp4(&view) == (scale, wanted.clone()), "MP4, {scale}");
        assert!(of_fmp4(&view) == (scale, wanted.clone()), "fMP4, {scale}");
        assert!(of_hls(&view) == [(scale, wanted)], "HLS, {scale}");
    }
}

#[test]
fn each_time_in_flv_is_rounded_by_itself() {
    for (scale, step) in SCALES {
        let take = ticking(scale, step, 100, 1);
        let found = of_flv(&view(std::slice::from_ref(&take)));
        let wanted = wanted(&take);
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            let nearest =
                |ticks: i64| (ticks * 1_000 * 2 + i64::from(scale)).div_euclid(2 * i64::from(scale));
            // The sound begins 13 samples later than the picture.
            assert_eq!(
                (found.0, found.1),
                (nearest(wanted.0), nearest(wanted.1)),
                "{scale}"
            );
            assert!(found.2 == wanted.2);
        }
    }
}

#[test]
fn a_join_has_the_least_timescale_that_keeps_each_tick() {
    let film = ticking(24_000, 1_001, 3, 1);
    let television = ticking(30_000, 1_001, 3, 2);
    let rtp = ticking(90_000, 3_003, 3, 3);
    let rtmp = &two_segments()[..1];
    let range = |take: &Take, reel| view_of(std::slice::from_ref(take), reel);
    let joined = range(&film, 1).join(vec![range(&television, 2), range(&rtp, 3), view_of(rtmp, 4)]);
    let takes = [&film, &television, &rtp, &rtmp[0]];
    for (format, (scale, ticks)) in [("MP4", of_mp4(&joined)), ("fMP4", of_fmp4(&joined))] {
        assert_eq!(scale, 360_000, "{format}");
        let mut rest = ticks.as_slice();
        let mut end = -1;
        for take in takes {
            let own = take.tracks.timescale(TrackKind::Video).unwrap();
            let wanted = times(&wanted(take), i64::from(scale / own));
            let (found, left) = rest.split_at(wanted.len());
            assert!(found[0].0 > end, "{format}");
            end = found.last().unwrap().0;
            assert!(from_first(found.to_vec()) == wanted, "{format}: {own}");
            rest = left;
        }
        assert!(rest.is_empty());
    }
    let each = takes.map(|take| (take.tracks.timescale(TrackKind::Video).unwrap(), wanted(take)));
    assert!(of_hls(&joined) == each);
    // The joined view has no change of the configuration.
    assert_eq!(joined.changes(), []);
    assert_eq!(joined.parts().len(), 1);
}

#[test]
fn where_no_timescale_keeps_each_tick_each_time_is_rounded_by_itself() {
    let (first, other) = (ticking(999_983, 33_333, 3, 1), ticking(999_979, 33_333, 20, 2));
    let range = |take: &Take, reel| view_of(std::slice::from_ref(take), reel);
    let joined = range(&first, 1).join(vec![range(&other, 2)]);
    for (scale, ticks) in [of_mp4(&joined), of_fmp4(&joined)] {
        assert_eq!(scale, 999_983);
        let (before, behind) = ticks.split_at(pictures(&first).len());
        assert!(before == wanted(&first));
        for (found, wanted) in from_first(behind.to_vec()).iter().zip(&wanted(&other)) {
            let near = |found: i64, wanted: i64| (found - rescale(wanted, 999_979, 999_983)).abs() <= 1;
            assert!(near(found.0, wanted.0) && near(found.1, wanted.1), "{found:?}");
        }
    }
}

#[test]
fn what_grows_into_another_timescale_is_as_if_made_at_once() {
    let takes = [ticking(1_000, 40, 3, 1), ticking(90_000, 3_003, 3, 2)];
    let mut whole = view(&takes);
    for segment in &mut whole.segments {
        segment.end = Some(segment.publish_zero + 10_000_000);
    }
    let first = View {
        segments: whole.segments[..1].to_vec().into(),
        source: whole.source.clone(),
    };
    let (_, looked) = Fmp4::resume(first.clone(), Looked::default()).unwrap();
    let (mut grown, _) = Fmp4::resume(whole.clone(), looked).unwrap();
    assert!(all(&mut grown) == all(&mut Fmp4::open(whole.clone()).unwrap()));
    let (_, looked) = Mp4::resume(first, &Labels::default(), Looked::default()).unwrap();
    let (mut grown, _) = Mp4::resume(whole.clone(), &Labels::default(), looked).unwrap();
    assert!(all(&mut grown) == all(&mut Mp4::open(whole).unwrap()));
}

/// The samples of a view, as times in milliseconds from the first picture.
fn millis(samples: &[OnTape], takes: &[Take]) -> [Timed; 2] {
    let exact = |sample: &OnTape| {
        let shots = takes
            .iter()
            .flat_map(|take| take.shots.iter().map(move |shot| (take, shot)));
        let mut same = shots.filter(|(_, shot)| shot.kind == sample.0 && shot.payload == sample.2);
        let (take, shot) = same.next().unwrap();
        let scale = f64::from(take.tracks.timescale(shot.kind).unwrap());
        shot.dts as f64 * 1_000.0 / scale
    };
    let mut tracks = [TrackKind::Video, TrackKind::Audio].map(|kind| {
        let own = samples.iter().filter(|sample| sample.0 == kind);
        own.map(|sample| (exact(sample), sample.2.clone()))
            .collect::<Timed>()
    });
    let zero = tracks[0][0].0;
    tracks.iter_mut().flatten().for_each(|sample| sample.0 -= zero);
    tracks
}

#[track_caller]
fn assert_rendered(view: &View<Reel>, takes: &[Take]) {
    let wanted = millis(&on_tape(view), takes);
    for (format, tracks) in rendered(view) {
        // FLV rounds the picture's times and the time they are counted from.
        let most: f64 = if format == "FLV" { 1.001 } else { 0.000_1 };
        for (track, (found, wanted)) in tracks.iter().zip(&wanted).enumerate() {
            assert_eq!(found.len(), wanted.len(), "{format}, track {track}");
            for (found, wanted) in found.iter().zip(wanted) {
                assert!(found.1 == wanted.1, "{format}");
                // Sound is laid end to end, in whole frames from the edge of a cut.
                let most = if track == 1 { most.max(24.0) } else { most };
                let off = (found.0 - wanted.0).abs();
                assert!(
                    off < most,
                    "{format}, track {track}: {} for {}",
                    found.0,
                    wanted.0
                );
            }
        }
    }
}

#[test]
fn cuts_and_pieces_keep_each_tick() {
    for (scale, step) in SCALES {
        let takes = [ticking(scale, step, 6, 1)];
        let (whole, zero) = (view(&takes), takes[0].publish_zero);
        assert_rendered(&whole, &takes);
        for (from, to) in [
            (0, 2_345_678),
            (1_100_000, 4_999_999),
            (2_002_000, Micros::MAX - zero),
        ] {
            let cut = whole.clone().cut(zero + from, zero + to).unwrap();
            assert_rendered(&cut, &takes);
        }
        let pieces = whole.clone().split(2_000_000).unwrap();
        let samples: Vec<_> = pieces.iter().flat_map(on_tape).collect();
        assert!(pieces.len() >= 2 && samples.len() == on_tape(&whole).len());
        pieces.iter().for_each(|piece| assert_rendered(piece, &takes));
    }
}

#[test]
fn an_mp4_shows_from_the_very_tick_that_was_asked_for() {
    let takes = [ticking(90_000, 3_003, 6, 1)];
    let pictures = pictures(&takes[0]);
    let utc = |ticks: i64| {
        let zero = crate::format::testing::SOME_DAY + takes[0].publish_zero;
        // The time as the tape has it.
        zero + rescale(ticks, 90_000, 1_000_000)
    };
    let shown = |shot: &Shot| shot.dts + i64::from(shot.cts);
    for picture in [&pictures[40], &pictures[71], &pictures[95]] {
        let from = shown(picture);
        let trimmed = view(&takes).trim(utc(from), utc(from + 90_000)).unwrap();
        let bytes = all(&mut Mp4::open(trimmed).unwrap());
        let presented = crate::format::mp4::tests::presented(&bytes, 1);
        let mut wanted: Vec<&&Shot> = pictures
            .iter()
            .filter(|shot| (from..from + 90_000).contains(&shown(shot)))
            .collect();
        wanted.sort_by_key(|shot| shown(shot));
        let number = |bytes: &Vec<u8>| pictures.iter().position(|shot| shot.payload == *bytes).unwrap();
        let found: Vec<_> = presented.iter().map(|(_, bytes)| number(bytes)).collect();
        let wanted: Vec<_> = wanted.iter().map(|shot| number(&shot.payload)).collect();
        assert_eq!(found, wanted);
    }
}
