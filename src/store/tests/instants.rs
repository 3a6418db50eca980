//! Each instant that a list shows plays: of recordings over breaks, restarts, power cuts, clocks that are set late, and evictions.
//!
//! `EDGEREEL_TEST_RANGES=10000 cargo test --release --lib store::tests::instants` tries so many random ranges. The seed is fixed;
//! `PROPTEST_RNG_SEED` chooses another one.

use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::rig::{Publisher, Rig, stream, tempdir};
use super::space::SEGMENT;
use crate::format::mp4::read::Mp4Reader;
use crate::format::{FileFormat, Plan, View, VirtualFile as _};
use crate::media::{Micros, RecordingId, TrackKind};
use crate::model::Origin;
use crate::store::clock::Clock as _;
use crate::store::clock::tests::TestClock;
use crate::store::crash::{CrashDisk, Survives};
use crate::store::journal::Journal;
use crate::store::{
    Command, Filter, Library, LibrarySource, RecordingRow, RecordingSpec, RecordingState, StoreSettings,
    TimelineQuery,
};

const SECOND: Micros = 1_000_000;
/// UTC at the beginning of a case.
const UTC: Micros = 1_790_000_000_000_000;
/// Times are rounded to ticks, and back.
const ROUNDING: Micros = 2_000;
/// The length of a packet of sound.
const PACKET: Micros = 200_000;
/// As many ranges as a run of all tests has time for.
const RANGES: u32 = 100;
/// The ranges of a case: one behind each event.
const EACH: usize = 20;

/// What happens to the stream.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// It sends so many seconds. A publish begins if there is none, and goes on with the recording that waits.
    Send(i64),
    /// So many seconds of its media were dropped.
    Lose(i64),
    /// Its connection breaks for so many seconds.
    Break(i64),
    /// Its recording ends, and another one follows without a frame between.
    Split,
    /// Its recording ends.
    Close,
    /// A part of the tape becomes a clip.
    Clip(Pick),
    /// The process dies.
    Kill,
    /// The power goes, and comes back.
    PowerCut(Boot),
    /// The clock is set right.
    Synchronise,
    /// The clock is stepped by so many seconds.
    Step(i64),
}

/// What the clock says after the power came back.
#[derive(Clone, Copy, Debug)]
enum Boot {
    Right,
    /// The box has no battery.
    Ancient,
    /// The clock goes on from so many seconds before the power went.
    Behind(i64),
}

/// A range of a listed recording.
#[derive(Clone, Copy, Debug)]
struct Pick {
    /// The recording, modulo how many there are.
    row: usize,
    /// Where it begins: a share of what is listed, in 65,536ths.
    at: u16,
    /// It begins exactly where a listed part begins or ends.
    snaps: bool,
    length: Micros,
    format: FileFormat,
}

struct World {
    rig: Rig,
    live: Option<Live>,
    /// The recording that grows, or waits for its publisher, and the tape time of its end.
    recording: Option<(RecordingId, Micros)>,
    /// What a right clock says.
    truth: Micros,
    ids: u64,
}

struct Live {
    publisher: Publisher,
    next: i64,
}

fn pick() -> impl Strategy<Value = Pick> {
    let format = prop_oneof![
        4 => Just(FileFormat::Mp4),
        1 => Just(FileFormat::Fmp4),
        1 => Just(FileFormat::Flv),
        1 => Just(FileFormat::Adts),
    ];
    (
        0_usize..100,
        any::<u16>(),
        prop::bool::weighted(0.3),
        1_i64..60_000,
        format,
    )
        .prop_map(|(row, at, snaps, milliseconds, format)| Pick {
            row,
            at,
            snaps,
            length: milliseconds * 1_000,
            format,
        })
}

fn event() -> impl Strategy<Value = Event> {
    let boot = prop_oneof![
        2 => Just(Boot::Right),
        1 => Just(Boot::Ancient),
        1 => (1_i64..300).prop_map(Boot::Behind),
    ];
    // A GOP lasts two seconds.
    let seconds = |most: i64| (1..=most / 2).prop_map(|pairs| pairs * 2);
    prop_oneof![
        12 => seconds(24).prop_map(Event::Send),
        1 => seconds(10).prop_map(Event::Lose),
        3 => (1_i64..200).prop_map(Event::Break),
        2 => Just(Event::Split),
        2 => Just(Event::Close),
        2 => pick().prop_map(Event::Clip),
        2 => Just(Event::Kill),
        2 => boot.prop_map(Event::PowerCut),
        2 => Just(Event::Synchronise),
        1 => (-7_200_i64..7_200).prop_map(Event::Step),
    ]
}

/// Space for a minute of the tape.
fn tune(settings: &mut StoreSettings) {
    settings.quota = Some(15 * SEGMENT);
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(TestClock::new(5 * SECOND));
        clock.set_utc(UTC, true);
        Self {
            rig: Rig::with(tempdir(), CrashDisk::default(), clock, tune),
            live: None,
            recording: None,
            truth: UTC,
            ids: 0,
        }
    }

    fn run(&mut self, event: Event) {
        match event {
            Event::Send(seconds) => self.send(seconds),
            Event::Lose(seconds) => self.lose(seconds),
            Event::Break(seconds) => {
                self.hang_up();
                self.pass(seconds);
            }
            Event::Split => {
                self.close();
                self.record();
            }
            Event::Close => self.close(),
            Event::Clip(pick) => self.clip(pick),
            Event::Kill => self.restart(None),
            Event::PowerCut(boot) => self.restart(Some(boot)),
            Event::Synchronise => {
                self.rig.clock.set_utc(self.truth, true);
                self.pass(1);
            }
            Event::Step(seconds) => {
                let clock = &self.rig.clock;
                clock.set_utc(clock.utc() + seconds * SECOND, clock.synced());
                self.pass(1);
            }
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.truth += seconds * SECOND;
        self.rig.pass(seconds * SECOND);
    }

    fn next_id(&mut self) -> RecordingId {
        self.ids += 1;
        RecordingId::from_bytes(u128::from(self.ids).to_be_bytes())
    }

    fn send(&mut self, seconds: i64) {
        if self.live.is_none() {
            self.ids += 1;
            let (publisher, start) = self.rig.publish(self.ids, "a");
            let mut batch = vec![start];
            if let Some((recording, _)) = self.recording {
                batch.push(Command::RecordingResumed {
                    recording,
                    publish: publisher.publish,
                    start: publisher.zero,
                });
            }
            self.rig.handle(batch);
            self.live = Some(Live { publisher, next: 0 });
        }
        self.record();
        for _ in 0..seconds {
            let Some(live) = &mut self.live else { return };
            let append = live.publisher.append(live.next);
            live.next += 1;
            self.rig.handle(vec![append]);
            self.pass(1);
        }
        self.note_end();
    }

    /// A recording of the publish begins here, if there is none.
    fn record(&mut self) {
        if self.recording.is_some() || self.live.is_none() {
            return;
        }
        let id = self.next_id();
        let Some(live) = &self.live else { return };
        let start = live.publisher.zero + live.next * SECOND;
        let command = Command::RecordingStarted {
            recording: id,
            publish: live.publisher.publish,
            start,
            spec: Arc::new(RecordingSpec::built_in()),
        };
        self.rig.handle(vec![command]);
        self.recording = Some((id, start));
    }

    fn note_end(&mut self) {
        if let (Some(live), Some((_, end))) = (&self.live, &mut self.recording) {
            *end = live.publisher.zero + live.next * SECOND;
        }
    }

    fn lose(&mut self, seconds: i64) {
        let Some(live) = self.live.as_mut().filter(|live| live.next > 0) else {
            return;
        };
        let command = Command::Gap {
            publish: live.publisher.publish,
            from: live.next * SECOND,
            to: (live.next + seconds) * SECOND,
            bytes: 1,
            reason: "stalled",
        };
        live.next += seconds;
        self.rig.handle(vec![command]);
        self.pass(seconds);
    }

    fn hang_up(&mut self) {
        let Some(live) = self.live.take() else { return };
        let mut batch = Vec::new();
        if let Some((recording, end)) = self.recording {
            batch.push(Command::RecordingPaused {
                recording,
                end,
                reason: "broken".to_owned(),
            });
        }
        batch.push(live.publisher.end());
        self.rig.handle(batch);
    }

    fn close(&mut self) {
        if let Some((recording, end)) = self.recording.take() {
            self.rig.handle(vec![Command::RecordingClosed {
                recording,
                end,
                reason: "closed".to_owned(),
            }]);
        }
    }

    fn clip(&mut self, pick: Pick) {
        let Some((_, from)) = chosen(&self.rig.library(), pick) else {
            return;
        };
        let found = self
            .rig
            .library()
            .clip_bounds(&stream("a"), from, from + pick.length);
        let Some(found) = found.unwrap() else { return };
        let mut spec = RecordingSpec::built_in();
        (spec.about.origin, spec.asked) = (Origin::Clip, Some(found.asked));
        let command = Command::Clip {
            recording: self.next_id(),
            stream: stream("a"),
            start: found.start,
            end: found.end,
            spec: Arc::new(spec),
        };
        self.rig.handle(vec![command]);
        self.pass(1);
    }

    /// Ends the process without a clean stop, and starts it again; in another boot after a power cut.
    fn restart(&mut self, power: Option<Boot>) {
        let rig = std::mem::replace(&mut self.rig, Rig::new());
        let Rig {
            dir,
            disk,
            clock,
            writer,
            ..
        } = rig;
        drop(writer);
        let disk = match power {
            None => disk,
            Some(boot) => {
                let utc = clock.utc();
                self.truth += 30 * SECOND;
                clock.reboot(SECOND);
                match boot {
                    Boot::Right => clock.set_utc(self.truth, true),
                    Boot::Ancient => clock.set_utc(30 * SECOND, false),
                    Boot::Behind(seconds) => clock.set_utc(utc - seconds * SECOND, false),
                }
                CrashDisk::after_crash(&disk.image(), Survives::Nothing)
            }
        };
        self.live = None;
        self.rig = Rig::with(dir, disk, clock, tune);
        let waiting = Journal::open_read(self.rig.dir.path())
            .unwrap()
            .waiting()
            .unwrap();
        self.recording = waiting.first().map(|open| (open.recording, open.end));
    }
}

/// The parts of a recording that its row says are there, in the order of the tape.
fn listed(row: &RecordingRow) -> Vec<Range<Micros>> {
    let begins = std::iter::once(row.start).chain(row.gaps.iter().map(|gap| gap.to));
    let ends = row.gaps.iter().map(|gap| gap.from).chain([row.end]);
    begins.zip(ends).map(|(from, to)| from..to).collect()
}

/// The recording that is chosen, and an instant at which its row says that it plays.
fn chosen(library: &Library, pick: Pick) -> Option<(RecordingRow, Micros)> {
    let mut rows = library.recordings(&Filter::default()).unwrap();
    rows.retain(|row| row.duration > 0);
    if rows.is_empty() {
        return None;
    }
    let row = rows.swap_remove(pick.row % rows.len());
    let parts = listed(&row);
    let whole: Micros = parts.iter().map(|part| (part.end - part.start).max(0)).sum();
    if whole == 0 {
        // The clock went back within the recording. Its beginning and its end are what they are.
        return None;
    }
    let mut left = whole * Micros::from(pick.at) / (1 << 16);
    for part in &parts {
        let length = part.end - part.start;
        if left < length {
            let at = match (pick.snaps, left < length / 2) {
                (false, _) => part.start + left,
                (true, true) => part.start,
                (true, false) => part.end - 1,
            };
            return Some((row, at));
        }
        left -= length.max(0);
    }
    panic!("{whole} µs are listed, and none is chosen: {row:?}");
}

/// When the samples of a track play, UTC, without samples that follow each other told apart.
fn played(view: &View<LibrarySource>, kind: TrackKind) -> Vec<Range<Micros>> {
    let mut all = Vec::new();
    for segment in &view.segments {
        let base = match kind {
            TrackKind::Video => segment.base.video,
            TrackKind::Audio => segment.base.audio,
        };
        let utc = |ticks: u64| {
            let ticks = base + i64::try_from(ticks).unwrap();
            segment.publish_zero_utc + segment.tracks.micros(kind, ticks)
        };
        for run in view.index(segment).unwrap().runs(kind) {
            all.push(utc(run.first_dts)..utc(run.end_dts()));
        }
    }
    all.sort_by_key(|part| part.start);
    let mut joined: Vec<Range<Micros>> = Vec::new();
    for part in all {
        match joined.last_mut() {
            Some(last) if part.start <= last.end + ROUNDING => last.end = last.end.max(part.end),
            _ => joined.push(part),
        }
    }
    joined
}

/// The view that the HTTP door makes of a row.
fn view(library: &Library, row: &RecordingRow) -> View<LibrarySource> {
    let view = match row.state {
        RecordingState::Open => library.growing_view(row.id),
        _ => library.view(row.id),
    };
    view.unwrap()
}

/// Checks that everything that is listed from an instant on, up to another one, plays.
fn check(library: &Library, pick: Pick) {
    let Some((row, from)) = chosen(library, pick) else {
        return;
    };
    let to = from + pick.length;
    let part = view(library, &row).trim(from, to).unwrap();
    // A file goes forward on the tape. What is before its beginning there is not in it, also where a clock that went back has
    // dated it later.
    let first = listed(&row).iter().position(|part| part.contains(&from));
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let played = played(&part, kind);
        for listed in listed(&row).into_iter().skip(first.unwrap_or(0)) {
            let (begins, ends) = (listed.start.max(from), listed.end.min(to));
            let plays = |part: &Range<Micros>| part.start <= begins + ROUNDING && ends - ROUNDING <= part.end;
            assert!(
                begins >= ends || played.iter().any(plays),
                "{kind:?} from {from} to {to}: {begins}..{ends} is listed, and {played:?} plays: {row:#?}"
            );
        }
    }
    let listed = listed(&row).into_iter();
    let longest = listed.map(|part| part.end.min(to) - part.start.max(from)).max();
    // Raw sound has whole packets alone.
    if pick.format != FileFormat::Adts || longest > Some(PACKET) {
        read(part, pick.format);
    }
    check_line(library, (&row, from));
}

/// Reads the whole file of a view, as a viewer does.
fn read(view: View<LibrarySource>, format: FileFormat) {
    let view = match format {
        FileFormat::Adts => view.only(TrackKind::Audio),
        _ => view,
    };
    let source = view.source.clone();
    let plan = Plan::of(format, view).unwrap();
    let mut file = plan.open(source);
    let mut bytes = vec![0; usize::try_from(plan.len()).unwrap()];
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + 10_000);
        let count = file.read_at(at as u64, &mut bytes[at..end]).unwrap();
        assert!(count > 0, "{format:?}: nothing at {at} of {}", plan.len());
        at += count;
    }
    if format == FileFormat::Mp4 {
        let reader = Mp4Reader::open(bytes.as_slice(), plan.len()).unwrap();
        let samples = reader.samples().map(|sample| sample.unwrap());
        for picture in samples.filter(|sample| sample.kind == TrackKind::Video) {
            let begins = usize::try_from(picture.offset).unwrap();
            let payload = &bytes[begins..begins + picture.size as usize];
            // The bytes of a picture are all the same.
            assert!(payload.iter().all(|byte| *byte == payload[0]), "{picture:?}");
        }
    }
}

/// Checks that the time line shows an instant of a recording, and that whatever it shows around it plays.
fn check_line(library: &Library, (row, at): (&RecordingRow, Micros)) {
    let query = TimelineQuery {
        from: at - 30 * SECOND,
        to: at + 30 * SECOND,
        resolution: SECOND,
        days: vec![],
        most: 2_000,
    };
    let line = library.timeline(&stream("a"), &query).unwrap();
    let spans: Vec<_> = line.spans().collect();
    let is_near = |from: Micros, to: Micros| from - SECOND <= at && at < to + SECOND;
    assert!(
        spans.iter().any(|span| is_near(span.from, span.to)),
        "{at} is listed and not on the time line: {row:#?} {spans:#?}"
    );
    for span in spans.iter().filter(|span| !span.recordings.is_empty()) {
        let middle = span.from + (span.to - span.from) / 2;
        let plays = |id: &RecordingId| {
            let row = library.recording(*id).unwrap().unwrap();
            let part = view(library, &row).trim(middle - SECOND, middle + SECOND);
            !part.unwrap().segments.is_empty()
        };
        assert!(
            span.recordings.iter().any(plays),
            "{middle} is on the time line and does not play: {span:?}"
        );
    }
}

fn config() -> ProptestConfig {
    let asked = std::env::var("EDGEREEL_TEST_RANGES").ok();
    let ranges: u32 = asked.and_then(|text| text.parse().ok()).unwrap_or(RANGES);
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: ranges.div_ceil(EACH as u32),
        rng_seed: match config.rng_seed {
            RngSeed::Random => RngSeed::Fixed(17),
            chosen => chosen,
        },
        max_shrink_iters: 200,
        failure_persistence: None,
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_instant_that_a_list_shows_plays(events in prop::collection::vec((event(), pick()), EACH)) {
        let mut world = World::new();
        for (event, pick) in events {
            world.run(event);
            check(&world.rig.library(), pick);
        }
    }
}
