use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::format::hls::live::{JoinedChunk, JoinedPlaylist, Shape};
use crate::format::hls::{Start, Update, Uris};

/// Segments of a tape, each with whether it is sealed.
type Tape = Vec<(Vec<Piece>, bool)>;

fn never(_: Gap) -> Result<bool, Infallible> {
    Ok(false)
}

fn list(tape: &Tape, stretch: Stretch, now: Micros, more: bool) -> Option<Listed> {
    let mut listing = Listing::new(stretch);
    for (pieces, is_sealed) in tape {
        listing.segment(pieces, *is_sealed, &mut never).unwrap();
    }
    listing.finish(now, more)
}

fn range(from_s: i64, to_s: i64) -> Stretch {
    let at = |seconds: i64| EIGHT + seconds * SECOND;
    Stretch::of(Shift::Range {
        from: at(from_s),
        to: at(to_s),
        at_once: false,
    })
    .unwrap()
}

fn from(from_s: i64) -> Stretch {
    Stretch::of(Shift::From {
        from: EIGHT + from_s * SECOND,
    })
    .unwrap()
}

fn numbers(listed: &[JoinedChunk]) -> Vec<(u64, u64)> {
    listed
        .iter()
        .map(|joined| (joined.chunk.number, joined.last))
        .collect()
}

/// Chunks of two seconds each: their numbers from `first` on, from so many seconds on.
fn twos(first: u64, from_s: i64, count: usize) -> Vec<Piece> {
    pieces(first, from_s * SECOND, &vec![2_000; count])
}

#[test]
fn a_range_in_the_past_is_complete_and_cut_outward_where_chunks_begin() {
    let tape = vec![(twos(10, 0, 30), true), (twos(40, 60, 30), false)];
    let now = EIGHT + 120 * SECOND;
    let listed = list(&tape, range(3, 7), now, true).unwrap();
    assert_eq!(numbers(&listed.chunks), [(11, 11), (12, 12), (13, 13)]);
    assert_eq!((listed.shape, listed.target_s), (Shape::Closed, 6));
    // Before the tape, and beyond it.
    let listed = list(&tape, range(-100, 3), now, true).unwrap();
    assert_eq!(numbers(&listed.chunks), [(10, 10), (11, 11)]);
    assert_eq!(list(&tape, range(-100, 0), now, true), None);
    assert_eq!(list(&tape, range(500, 600), now, true), None);
}

#[test]
fn a_range_that_ends_in_the_future_grows_until_its_end_is_on_the_tape() {
    let so_far = |seconds: i64| vec![(twos(0, 0, usize::try_from(seconds / 2).unwrap()), false)];
    let at = |seconds: i64| EIGHT + seconds * SECOND;
    let wanted = range(4, 21);
    let mut before = Vec::new();
    for now in 6..21 {
        let listed = list(&so_far(now), wanted, at(now), true).unwrap();
        assert_eq!(
            (listed.shape, listed.target_s),
            (Shape::Event { ended: false }, 6)
        );
        assert!(listed.chunks.starts_with(&before), "only gets longer");
        before = listed.chunks;
    }
    // The end has passed, but the last chunk is not complete yet.
    let listed = list(&so_far(20), wanted, at(21), true).unwrap();
    assert_eq!(listed.shape, Shape::Event { ended: false });
    let listed = list(&so_far(22), wanted, at(22), true).unwrap();
    assert_eq!(listed.target_s, 6, "it stays when the playlist has its end");
    assert_eq!((listed.shape, listed.chunks.len()), (Shape::Closed, 9));
    // Nothing more comes, or nothing came for long.
    assert_eq!(
        list(&so_far(20), wanted, at(21), false).unwrap().shape,
        Shape::Closed
    );
    assert_eq!(
        list(&so_far(20), wanted, at(81), true).unwrap().shape,
        Shape::Closed
    );
    // The stream is over, and the range is not.
    let listed = list(&so_far(10), wanted, at(12), false).unwrap();
    assert_eq!(listed.shape, Shape::Event { ended: false });
    // All of it at once.
    let shift = Shift::Range {
        from: at(4),
        to: at(21),
        at_once: true,
    };
    let listed = list(&so_far(10), Stretch::of(shift).unwrap(), at(12), true).unwrap();
    assert_eq!((listed.shape, listed.chunks.len()), (Shape::Closed, 3));
}

#[test]
fn from_a_moment_on_a_playlist_grows_until_its_programme_is_over() {
    let first = twos(0, 0, 20);
    let at = |seconds: i64| EIGHT + seconds * SECOND;
    let tape = vec![(first.clone(), false)];
    let listed = list(&tape, from(9), at(41), true).unwrap();
    assert_eq!(listed.shape, Shape::Event { ended: false });
    assert_eq!(numbers(&listed.chunks)[0], (4, 4));
    // A short break is no end.
    let tape = vec![(first.clone(), true), (twos(20, 200, 5), false)];
    let listed = list(&tape, from(9), at(211), true).unwrap();
    assert_eq!(
        (listed.shape, listed.chunks.len()),
        (Shape::Event { ended: false }, 21)
    );
    // A long one is, whatever is on the air behind it, unless a recording goes on over it.
    let tape = vec![(first, true), (twos(20, 300, 5), false)];
    let listed = list(&tape, from(9), at(311), true).unwrap();
    assert_eq!(
        (listed.shape, listed.chunks.len()),
        (Shape::Event { ended: true }, 16)
    );
    let mut listing = Listing::new(from(9));
    for (pieces, is_sealed) in &tape {
        let mut bridged = |gap: Gap| {
            assert_eq!(
                gap,
                Gap {
                    from: at(40),
                    to: at(300)
                }
            );
            Ok::<bool, Infallible>(true)
        };
        listing.segment(pieces, *is_sealed, &mut bridged).unwrap();
    }
    let listed = listing.finish(at(311), true).unwrap();
    assert_eq!(
        (listed.shape, listed.chunks.len()),
        (Shape::Event { ended: false }, 21)
    );
    // Nobody publishes any more.
    let listed = list(&tape, from(301), at(320), false).unwrap();
    assert_eq!(
        (listed.shape, listed.chunks.len()),
        (Shape::Event { ended: true }, 5)
    );
}

#[test]
fn what_loses_its_beginning_slides_by_the_numbers_of_the_tape() {
    let tape = vec![(twos(100, 0, 20), false)];
    let stretch = from(-60).since(EIGHT).unwrap();
    let listed = list(&tape, stretch, EIGHT + 41 * SECOND, true).unwrap();
    assert_eq!(listed.shape, Shape::Sliding { ended: false });
    assert_eq!(numbers(&listed.chunks)[0], (100, 100));
    assert_eq!(range(-60, -5).since(EIGHT), None, "nothing is left");
    assert_eq!(range(5, 60).since(EIGHT), Some(range(5, 60)));
    assert_eq!(range(0, 60).within(Some(EIGHT + 60 * SECOND), None), None);
}

/// A list with joined chunks cannot go on with its numbers when it loses its beginning.
#[test]
fn what_is_to_lose_its_beginning_lists_every_chunk_alone_from_the_first_one_on() {
    const HOUR: Micros = 3_600 * SECOND;
    let joins = |stretch: Stretch| stretch.is_joined(stretch.to - 1);
    assert!(joins(from(0)) && joins(range(0, 12_400)));
    assert!(joins(from(0).kept_for(24 * HOUR)) && joins(range(0, 12_400).kept_for(4 * HOUR)));
    assert!(!joins(from(0).kept_for(23 * HOUR)) && !joins(range(0, 12_400).kept_for(3 * HOUR)));
    // What is complete at once loses nothing while it is played.
    let at_once = Shift::Range {
        from: EIGHT,
        to: EIGHT + 12_400 * SECOND,
        at_once: true,
    };
    assert!(joins(Stretch::of(at_once).unwrap().kept_for(HOUR)));
    // From three hours ago on, for three hours: the list is the same text but for what it has lost.
    let tape: Tape = (0..200u64)
        .map(|segment| (twos(segment * 31, i64::try_from(segment).unwrap() * 62, 31), true))
        .collect();
    let mut before: Vec<(u64, u64)> = Vec::new();
    for now_s in (10_000..12_400).step_by(300) {
        let now = EIGHT + now_s * SECOND;
        let stretch = from(0).kept_for(3 * HOUR).since(now - 3 * HOUR).unwrap();
        let listed = numbers(&list(&tape, stretch, now, true).unwrap().chunks);
        let lost = before.iter().position(|chunk| *chunk == listed[0]).unwrap_or(0);
        assert!(listed.starts_with(&before[lost..]), "{now_s}");
        before = listed;
    }
}

#[test]
fn a_long_range_lists_joined_chunks_whose_borders_depend_on_the_tape_alone() {
    let hours: Tape = (0..200u64)
        .map(|segment| (twos(segment * 31, i64::try_from(segment).unwrap() * 62, 31), true))
        .collect();
    let now = EIGHT + 20_000 * SECOND;
    let whole = list(&hours, range(0, 12_400), now, false).unwrap();
    assert_eq!((whole.shape, whole.target_s), (Shape::Closed, 6));
    assert_eq!(&numbers(&whole.chunks)[14..17], [(28, 29), (30, 30), (31, 32)]);
    let later = list(&hours, range(1_003, 12_400), now, false).unwrap();
    assert!(whole.chunks.ends_with(&later.chunks));
    // From a moment on: two hours of single chunks, then joined ones.
    let open = list(&hours, from(0), now, true).unwrap();
    let numbers = numbers(&open.chunks);
    let joined = numbers.iter().position(|(first, last)| first < last).unwrap();
    assert!((3_600..3_602).contains(&joined), "{joined}");
    assert!(whole.chunks.ends_with(&open.chunks[joined..]));
}

#[test]
fn a_clock_that_goes_back_and_tape_that_was_deleted_leave_a_discontinuity() {
    let mut back = twos(30, 60, 30);
    for piece in &mut back {
        piece.utc -= 30 * SECOND;
    }
    let tape = vec![(twos(0, 0, 30), true), (back, false)];
    let now = EIGHT + 100 * SECOND;
    let listed = list(&tape, range(40, 50), now, true).unwrap();
    assert_eq!(
        numbers(&listed.chunks),
        [
            (20, 20),
            (21, 21),
            (22, 22),
            (23, 23),
            (24, 24),
            (35, 35),
            (36, 36),
            (37, 37),
            (38, 38),
            (39, 39)
        ]
    );
    let breaks: Vec<u64> = listed
        .chunks
        .iter()
        .filter(|joined| joined.chunk.discontinuity)
        .map(|joined| joined.chunk.number)
        .collect();
    assert_eq!(breaks, [35]);
}

#[test]
fn a_delay_is_what_was_live_at_an_earlier_moment() {
    let pieces = [twos(0, 0, 30), twos(30, 160, 30), twos(60, 1_000, 30)].concat();
    let at = |seconds: i64, more: bool| {
        window(&pieces, (EIGHT + seconds * SECOND, 3, 2), more, &mut never).unwrap()
    };
    let shown = |seconds: i64, more: bool| {
        at(seconds, more).map(|shifted| (numbers(&shifted.chunks)[0].0, shifted.chunks.len(), shifted.ended))
    };
    assert_eq!(shown(1, true), None, "before the first chunk");
    assert_eq!(shown(2, true), Some((0, 1, false)));
    assert_eq!(shown(13, true), Some((3, 3, false)));
    assert_eq!(shown(100, true), Some((27, 3, false)), "a short break");
    assert_eq!(shown(163, true), Some((28, 3, false)));
    // The programme is over: its end is said for ten minutes.
    assert_eq!(shown(221, true), Some((57, 3, true)));
    assert_eq!(shown(820, true), Some((57, 3, true)));
    assert_eq!(shown(821, true), None);
    assert_eq!(shown(1_003, true), Some((60, 1, false)), "another programme");
    assert_eq!(shown(1_060, true), Some((87, 3, false)));
    assert_eq!(shown(1_060, false), Some((87, 3, true)));
    let bridged = window(&pieces, (EIGHT + 900 * SECOND, 3, 2), true, &mut |_| {
        Ok::<_, Infallible>(true)
    });
    assert!(
        !bridged.unwrap().unwrap().ended,
        "a recording waits for its publisher"
    );
}

#[test]
fn the_texts_of_playlists_say_what_may_become_of_them() {
    let tape = vec![(twos(7, 0, 4), true)];
    let text = |stretch: Stretch, began| {
        let listed = list(&tape, stretch, EIGHT + 90 * SECOND, false).unwrap();
        let playlist = JoinedPlaylist {
            target_s: listed.target_s,
            chunks: &listed.chunks,
            shape: listed.shape,
            start: Start::Beginning,
            began,
            encryption: None,
        };
        let uris = Uris::new("cam1/c/", None).unwrap();
        String::from_utf8(playlist.text(&uris, Update::Whole)).unwrap()
    };
    let init = Init::of(&Tracks::default()).name;
    assert_eq!(
        text(range(3, 6), None),
        format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:8\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n\
             #EXT-X-MAP:URI=\"cam1/c/{init}\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-30T08:00:02.000Z\n#EXTINF:2.000,\ncam1/c/8.m4s\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-11-30T08:00:04.000Z\n#EXTINF:2.000,\ncam1/c/9.m4s\n#EXT-X-ENDLIST\n"
        )
    );
    let growing = text(from(3), Some(EIGHT + 1));
    assert!(growing.contains("#EXT-X-PLAYLIST-TYPE:EVENT\n") && growing.ends_with("#EXT-X-ENDLIST\n"));
    assert!(
        growing.contains("\n#EXT-TX-TS-START-TIME:1796025600\n#EXT-X-MAP"),
        "{growing}"
    );
    let long = list(&tape, range(0, 7_300), EIGHT + 9_000 * SECOND, false).unwrap();
    let playlist = JoinedPlaylist {
        target_s: long.target_s,
        chunks: &long.chunks,
        shape: long.shape,
        start: Start::Beginning,
        began: None,
        encryption: None,
    };
    let text = String::from_utf8(playlist.text(&Uris::default(), Update::Delta)).unwrap();
    assert!(
        text.contains("#EXTINF:4.000,\n7-8.m4s\n") && text.contains("\n9-10.m4s\n"),
        "{text}"
    );
}

/// A tape of segments with chunks of any length, breaks between some, and a clock that is set anew at some breaks.
fn any_tape() -> impl Strategy<Value = Vec<Vec<Piece>>> {
    let segment = (
        prop::collection::vec(20u64..6_490, 1..40),
        prop_oneof![4 => Just(0i64), 1 => 1i64..2_000_000_000],
        prop_oneof![9 => Just(0i64), 1 => -3_000_000_000i64..3_000_000_000],
        0u64..3,
    );
    prop::collection::vec(segment, 1..12).prop_map(|segments| {
        let (mut number, mut start, mut clock) = (0, 0, 0);
        let mut tape = Vec::new();
        for (lengths, gap, step, lost) in segments {
            start += gap;
            number += if gap > 0 { lost } else { 0 };
            clock += if gap > 0 { step } else { 0 };
            let mut segment = pieces(number, start, &lengths);
            for piece in &mut segment {
                piece.utc += clock;
            }
            number += lengths.len() as u64;
            start = segment.last().map_or(start, Piece::end);
            tape.push(segment);
        }
        tape
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_instant_of_the_tape_within_a_range_is_in_one_chunk(
        tape in any_tape(),
        from_us in -1_000_000_000i64..5_000_000_000,
        length_us in 1_000_000i64..20_000_000_000,
    ) {
        let shift = Shift::Range { from: EIGHT + from_us, to: EIGHT + from_us + length_us, at_once: true };
        let stretch = Stretch::of(shift).unwrap();
        let sealed: Tape = tape.iter().map(|pieces| (pieces.clone(), true)).collect();
        let listed = list(&sealed, stretch, EIGHT, false).map_or(Vec::new(), |listed| {
            let longest = listed.chunks.iter().map(|joined| joined.chunk.duration_us).max().unwrap();
            assert!((longest + 500_000) / 1_000_000 <= listed.target_s.into());
            listed.chunks
        });
        for piece in tape.concat() {
            let times = listed.iter().filter(|joined| {
                (joined.chunk.number..=joined.last).contains(&piece.chunk.number)
            });
            let is_within = piece.utc < stretch.to && piece.ends() > stretch.from;
            let times = times.count();
            // A joined chunk that is partly within has others with it.
            prop_assert!(times == 1 || times == 0 && !is_within, "chunk {}: {times}", piece.chunk.number);
        }
        // Lengths add up: nothing between two chunks of a segment is lost.
        for joined in &listed {
            let own: u64 = tape.concat().iter()
                .filter(|piece| (joined.chunk.number..=joined.last).contains(&piece.chunk.number))
                .map(|piece| piece.chunk.duration_us)
                .sum();
            prop_assert_eq!(own, joined.chunk.duration_us);
        }
    }

    #[test]
    fn a_growing_playlist_only_gets_longer_and_ends_once(
        tape in any_tape(),
        from_us in 0i64..500_000_000,
    ) {
        let stretch = Stretch::of(Shift::From { from: EIGHT + from_us }).unwrap();
        let all: Vec<Piece> = tape.concat();
        let end = all.iter().map(Piece::ends).max().unwrap();
        let (mut before, mut ended): (Vec<JoinedChunk>, bool) = (Vec::new(), false);
        let mut grown: Tape = Vec::new();
        for segment in &tape {
            grown.push((Vec::new(), false));
            for piece in segment {
                grown.last_mut().unwrap().0.push(piece.clone());
                let Some(listed) = list(&grown, stretch, end.min(stretch.to - 1), true) else { continue };
                prop_assert!(listed.chunks.starts_with(&before));
                prop_assert!(!ended || listed.chunks == before);
                ended = listed.shape == Shape::Event { ended: true };
                before = listed.chunks;
            }
            grown.last_mut().unwrap().1 = true;
        }
    }

    #[test]
    fn the_sequence_of_a_delayed_playlist_never_goes_back(tape in any_tape(), most in 1usize..12) {
        let pieces = tape.concat();
        let end = pieces.iter().map(Piece::ends).max().unwrap() + SAYS_SO;
        let mut first = 0;
        for at in (EIGHT..end).step_by(7_000_000) {
            let shifted = window(&pieces, (at, most, 6), false, &mut never).unwrap();
            let Some(shifted) = shifted else { continue };
            prop_assert!(shifted.chunks.len() <= most);
            let numbers = numbers(&shifted.chunks);
            prop_assert!(numbers.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
            prop_assert!(numbers[0].0 >= first);
            first = numbers[0].0;
        }
    }
}
