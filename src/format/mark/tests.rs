use crate::format::flv::Flv;
use crate::format::hls::Hls;
use crate::format::index::FragmentIndex;
use crate::format::mp4::Mp4;
use crate::format::testing::{self, Reel, Take, all};
use crate::format::{Fmp4, Growing, TapeSource, View};
use crate::media::{Micros, TrackKind};

/// The front, the settled part of the body, and the body.
struct Grown {
    settled: usize,
    body: Vec<u8>,
    file: Box<dyn Growing>,
}

fn grown(mut file: impl Growing + 'static) -> Grown {
    let front = usize::try_from(file.front()).unwrap();
    let body = all(&mut file).split_off(front);
    Grown {
        settled: usize::try_from(file.settled()).unwrap(),
        body,
        file: Box::new(file),
    }
}

fn files<S: TapeSource + Clone + 'static>(view: &View<S>) -> Vec<Grown> {
    let mut files = vec![
        grown(Flv::open(view.clone()).unwrap()),
        grown(Mp4::open(view.clone()).unwrap()),
    ];
    files.extend(Mp4::open_audio(view.clone()).ok().map(grown));
    files.extend(Fmp4::open(view.clone()).ok().map(grown));
    files
}

/// The view as it was when its tape ended at `end`.
fn at(view: &View<Reel>, end: Micros) -> View<Reel> {
    view.clone().cut(Micros::MIN, end).unwrap()
}

fn ends(takes: &[Take]) -> impl Iterator<Item = Micros> + use<> {
    let view = testing::view(takes);
    let (start, end) = view.bounds().unwrap().unwrap();
    (1..)
        .map(move |n| start + n * 730_000)
        .take_while(move |at| *at < end)
}

/// Where fragments begin: a growing tape has whole fragments.
fn fragments(view: &View<Reel>) -> Vec<Micros> {
    let kinds = [TrackKind::Video, TrackKind::Audio];
    let begins = view.segments.iter().flat_map(|segment| {
        let index = view.index(segment).unwrap();
        let begin = |fragment: &FragmentIndex| {
            let runs = kinds.map(|kind| (kind, fragment.run(kind)));
            let runs = runs.into_iter().filter(|(_, run)| !run.samples.is_empty());
            runs.map(|(kind, run)| segment.tape(kind, run.first_dts)).min()
        };
        index.fragments.iter().filter_map(begin).collect::<Vec<_>>()
    });
    begins.skip(1).collect()
}

/// Views that grow: one with all kinds of breaks, changes and late sound, one of just two segments, and one whose sound drops
/// out.
fn tapes() -> [Vec<Take>; 3] {
    [
        testing::eventful(),
        testing::two_segments(),
        testing::dropping_out(),
    ]
}

#[test]
fn what_is_settled_stays_and_has_the_same_mark_however_much_follows() {
    for takes in tapes() {
        let whole = testing::view(&takes);
        let mut compared = 0;
        for end in ends(&takes) {
            let (short, long) = (at(&whole, end), files(&whole));
            if short.segments.is_empty() || short.bounds().unwrap().is_none() {
                continue;
            }
            // A view whose codec changes later is no fragmented MP4.
            for (short, long) in files(&short).iter().zip(&long) {
                assert!(short.settled <= short.body.len());
                let settled = &short.body[..short.settled];
                assert!(long.body.starts_with(settled), "tape until {end}");
                let bytes = short.settled as u64;
                assert_eq!(short.file.mark(bytes), long.file.mark(bytes), "tape until {end}");
                compared += usize::from(bytes > 0);
            }
        }
        assert!(compared > 20, "{compared}");
    }
}

/// Sound may be in a later fragment than its pictures. It may drop out there, or come much later than before. Bytes that were
/// sent do not change.
#[test]
fn what_is_settled_stays_also_where_sound_lags_behind_its_pictures() {
    let takes = testing::without_sound(&[(600, 750), (1_550, 1_700), (1_900, 2_050), (3_100, 3_900)]);
    let long = testing::without_sound(&[(700, 4_000)]);
    for (takes, lag, from) in [
        (&takes, 200, 0),
        (&takes, 1_300, 0),
        (&long, 200, 0),
        (&takes, 1_400, 1_000),
    ] {
        let view = testing::view_as_it_came(takes, 0, |kind, ms| match kind {
            TrackKind::Audio if ms >= from => ms + lag,
            _ => ms,
        });
        let steps = testing::steps(&view, true);
        let (whole, mut compared) = (files(&view), 0);
        for step in &steps {
            for (short, long) in files(step).iter().zip(&whole) {
                assert!(long.body.starts_with(&short.body[..short.settled]), "{lag}");
                let bytes = short.settled as u64;
                assert_eq!(short.file.mark(bytes), long.file.mark(bytes), "{lag}");
                compared += usize::from(bytes > 0);
            }
        }
        assert!(compared > 8, "{compared}");
        let whole = Hls::growing(view, 1_000).unwrap();
        for step in steps {
            let short = Hls::growing(step, 1_000).unwrap();
            for chunk in 0..short.settled() {
                let name = short.chunk_name(chunk);
                let bytes = all(&mut short.named(&name).unwrap());
                assert!(bytes == all(&mut whole.named(&name).unwrap()), "{lag}: {name}");
                assert_eq!(short.chunk_mark(chunk), whole.chunk_mark(chunk));
            }
        }
    }
}

#[test]
fn what_has_the_same_mark_is_the_same() {
    let takes = testing::eventful();
    let whole = testing::view(&takes);
    let others: Vec<View<Reel>> = ends(&takes).step_by(3).map(|end| at(&whole, end)).collect();
    let (mut same, mut different) = (0, 0);
    let long = files(&whole);
    for other in others.iter().filter(|view| !view.segments.is_empty()) {
        for (one, other) in long.iter().zip(&files(other)) {
            for n in (1..=other.body.len()).step_by(1 + other.body.len() / 50) {
                if one.file.mark(n as u64) == other.file.mark(n as u64) {
                    assert_eq!(one.body[..n], other.body[..n]);
                    same += 1;
                } else {
                    different += 1;
                }
            }
        }
    }
    assert!(same > 100 && different > 20, "{same} {different}");
}

#[test]
fn another_tape_has_another_mark() {
    let one = testing::view_of(&testing::two_segments(), 0);
    let other = testing::view_of(&testing::two_segments(), 1);
    for (one, other) in files(&one).iter().zip(&files(&other)) {
        let whole = one.body.len() as u64;
        assert_ne!(one.file.mark(whole), other.file.mark(whole));
        assert_eq!(one.file.mark(0), other.file.mark(0));
    }
}

#[test]
fn settled_chunks_stay_and_the_live_playlist_only_gets_longer() {
    for takes in tapes() {
        let whole = Hls::growing(testing::view(&takes), 500).unwrap();
        let mut most = 0;
        for end in fragments(&testing::view(&takes)) {
            let Ok(short) = Hls::growing(at(&testing::view(&takes), end), 500) else {
                continue;
            };
            for chunk in 0..short.settled() {
                let name = short.chunk_name(chunk);
                let bytes = all(&mut short.named(&name).unwrap());
                assert_eq!(bytes.len() as u64, short.chunk_len(chunk));
                assert_eq!(bytes, all(&mut whole.named(&name).unwrap()), "{name} at {end}");
                assert_eq!(short.chunk_mark(chunk), whole.chunk_mark(chunk));
                let init = |hls: &Hls<Reel>| hls.inits().nth(hls.chunk_init(chunk)).unwrap();
                assert_eq!(init(&short), init(&whole));
            }
            assert_eq!(
                short.live_playlist(short.settled()),
                whole.live_playlist(short.settled())
            );
            most = most.max(short.settled());
        }
        assert!(most > 0, "{most}");
        let text = String::from_utf8(whole.live_playlist(most)).unwrap();
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !text.contains("ENDLIST"));
        assert!(
            String::from_utf8(whole.live_playlist(most + 1))
                .unwrap()
                .starts_with(&text)
        );
    }
}
