//! Kills at random moments, under four publishers: media older than the fragment in memory is there, byte for byte. In one of
//! three directories the tape has a quota. There, the oldest media is evicted all the time, and new segments take over its
//! files while the kills come. `make soak` does this for hundreds of kills and prints a line for each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "what is tested is looked at from outside, as anyone would"
)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::random::Random;
use support::{
    Feed, Kept, Plan, Recording, Sent, Service, Told, gone_in_order, home_in_memory, kept, recordings,
    verified, wait_until,
};

/// The number of boxes that are killed at the same time.
const BOXES: usize = 3;
/// The number of kills of a box before it gets an empty directory.
const KILLS: usize = 5;
/// The least possible quota, and segments of a 32nd of it. The file system is in memory, and other programs use it, too.
const QUOTA: &[(&str, &str)] = &[
    ("EDGEREEL__STORAGE__QUOTA", "64 MiB"),
    ("EDGEREEL__STORAGE__MIN_FREE", "1 MiB"),
];
const QUOTA_BYTES: u64 = 64 << 20;
/// The bytes that each picture of the fast stream is larger with a quota, and the milliseconds of that stream that use up the
/// quota.
const WEIGHT: usize = 24_000;
const USED_UP: u64 = 110_000;
/// A segment grows beyond its expected size by the media that arrives in a tick.
const BEYOND: u64 = 8 << 20;
/// The time from the socket to the file, on a machine that is busy with other work.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Two streams as from cameras, one that comes and goes, and one that fills segments as fast as it may.
const PLANS: [Plan; 4] = [
    plan("live/cam1", 1.0, None),
    plan("live/cam2", 1.0, None),
    plan("live/cam3", 1.0, Some(1_700)),
    plan("live/cam4", 30.0, None),
];

const fn plan(stream: &'static str, speed: f64, length: Option<u32>) -> Plan {
    Plan {
        stream,
        speed,
        length,
        weight: 0,
    }
}

#[test]
fn a_kill_at_any_moment_costs_a_fragment() {
    let wanted = std::env::var("EDGEREEL_TEST_KILLS").ok();
    let wanted: usize = wanted.map_or(BOXES * KILLS, |text| text.parse().expect("a number of kills"));
    let mut random = Random::new();
    println!("{}", Line::HEAD);
    let count = Arc::new(AtomicUsize::new(0));
    let boxes: Vec<_> = (0..BOXES)
        .map(|number| {
            let (seed, count) = (random.any(), Arc::clone(&count));
            std::thread::spawn(move || {
                let mut random = Random::from(seed);
                let mut lines = Vec::new();
                let _others = EndOthers(Arc::clone(&count), wanted);
                for directory in 0.. {
                    if count.load(Ordering::Relaxed) >= wanted {
                        break;
                    }
                    let limited = (number + directory) % BOXES == 0;
                    lines.extend(live_and_die(number, limited, &mut random, &count, wanted));
                }
                lines
            })
        })
        .collect();
    // All boxes are joined first, so that none is left behind with a running service.
    let ended: Vec<_> = boxes.into_iter().map(|one| one.join()).collect();
    let lines: Vec<Line> = ended.into_iter().flat_map(|one| one.expect("a box")).collect();
    println!("\n{}", summary(&lines));
}

/// After a failure of one box, the others can show nothing more.
struct EndOthers(Arc<AtomicUsize>, usize);

impl Drop for EndOthers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(self.1, Ordering::Relaxed);
        }
    }
}

fn summary(lines: &[Line]) -> String {
    let mut lost: Vec<u32> = lines.iter().flat_map(Line::lost_in_real_time).collect();
    lost.sort_unstable();
    format!(
        "kills                {} while recording, {} more in the starts after them\n\
         lost of a stream     median {} ms, worst {} ms, of those in real time\n\
         older than that      nothing: every recording is what was sent, byte for byte\n\
         given up for room    {} segments, oldest first, each told; {} files were seen to have been taken over",
        lines.len(),
        lines.iter().map(|line| line.early.len()).sum::<usize>(),
        lost.get(lost.len() / 2).copied().unwrap_or_default(),
        lost.last().copied().unwrap_or_default(),
        lines.iter().map(|line| line.given_up).sum::<usize>(),
        lines.iter().map(|line| line.taken_over).sum::<usize>()
    )
}

/// One directory, from its first start to its last.
fn live_and_die(
    number: usize,
    limited: bool,
    random: &mut Random,
    count: &AtomicUsize,
    wanted: usize,
) -> Vec<Line> {
    let mut one = Box {
        home: home_in_memory(),
        limited,
        sent: Vec::new(),
        found: Vec::new(),
        files: BTreeMap::new(),
        given_up: 0,
    };
    let mut lines = Vec::new();
    for _ in 0..KILLS {
        let kill = count.fetch_add(1, Ordering::Relaxed);
        if kill >= wanted {
            break;
        }
        let death = one.record_until_killed(random);
        for after in &death.early {
            Service::kill_early(one.home.path(), one.settings(), *after);
        }
        let (kept, given_up, taken_over) = one.look(&death);
        let line = Line::new(kill + 1, number + 1, &death, &kept, given_up, taken_over);
        println!("{line}");
        lines.push(line);
    }
    assert!(
        !limited || lines.len() < KILLS || one.given_up > 0,
        "nothing was given up: the quota was never used up"
    );
    one.look_at_everything();
    lines
}

struct Box {
    home: tempfile::TempDir,
    /// Whether the box's tape has a quota.
    limited: bool,
    /// Everything that was ever sent to the box, and until when it must be there.
    sent: Vec<(Arc<Sent>, f64)>,
    /// The last output of `ls`.
    found: Vec<Recording>,
    /// The files of the tape by their inodes, at the last look.
    files: BTreeMap<u64, PathBuf>,
    /// The number of segments that the box reported as evicted.
    given_up: usize,
}

/// How a service ended.
struct Death {
    began: Instant,
    at: Instant,
    /// The media that was sent to the service.
    sent: Vec<Arc<Sent>>,
    /// The number of starts after it that were killed too, and after how long.
    early: Vec<Duration>,
}

impl Box {
    fn record_until_killed(&mut self, random: &mut Random) -> Death {
        let service = self.start();
        let began = Instant::now();
        let mut feeds: Vec<Feed> = Vec::new();
        for (number, mut plan) in PLANS.into_iter().enumerate() {
            if self.limited && plan.speed > 1.0 {
                plan.weight = WEIGHT;
            }
            // The seconds of the streams do not begin together, and no two streams begin alike.
            let phase = random.between(0, 350);
            wait_until("the next publisher's turn", || {
                feeds.last().is_none_or(|before| before.taken() >= phase)
            });
            let of_stream = self.sent.iter().filter(|(sent, _)| sent.stream == plan.stream);
            let before = of_stream.count();
            feeds.push(Feed::start(service.address(), plan, before + 3 * number));
        }
        let moment = match random.between(0, 6) {
            0 => random.between(0, 1_000),
            _ => random.between(1_000, 4_000),
        };
        // The first kill comes when the quota is used up. From then on, every new segment evicts an old one.
        let filled = if self.limited && self.sent.is_empty() {
            USED_UP
        } else {
            0
        };
        wait_until("the moment", || {
            feeds[0].taken() >= moment && feeds[3].taken() >= filled
        });
        assert!(feeds.iter().all(Feed::goes_on), "{}", service.log());
        service.kill();
        let at = Instant::now();
        let sent: Vec<Arc<Sent>> = feeds.into_iter().flat_map(Feed::over).collect();
        let owed = sent.iter().map(|one| (Arc::clone(one), one.owed(at, ON_ITS_WAY)));
        self.sent.extend(owed);
        let early = (0..random.between(0, 3)).map(|_| Duration::from_millis(random.between(0, 50)));
        Death {
            began,
            at,
            sent,
            early: early.collect(),
        }
    }

    /// Starts the box again and compares. Returns what was kept of the media that was sent to the killed service, the number of
    /// evicted segments, and the number of files that were taken over.
    fn look(&mut self, death: &Death) -> (Vec<Kept>, usize, usize) {
        let data = self.data();
        // A reader needs no repair first. A recording whose first fragment was still on its way has nothing to keep.
        let mut torn = recordings(&data);
        torn.retain(|recording| recording.duration_s > 0.0);
        assert!(self.start().stop().0.success());
        let all = recordings(&data);
        let told = Told::read(&data);
        same(&torn, &all, &told);
        assert!(
            all.iter().all(|recording| recording.state == "closed"),
            "{all:#?}"
        );
        let (old, new): (Vec<Recording>, Vec<Recording>) = all
            .iter()
            .cloned()
            .partition(|one| self.found.iter().any(|old| old.id == one.id));
        same(&self.found, &old, &told);
        let kept = kept(&data, &new, &death.sent, self.home.path());
        let when = format!("killed after {:?}", death.at.duration_since(death.began));
        gone_in_order(&kept, &told, |sent| sent.owed(death.at, ON_ITS_WAY), &when);
        verified(&data);
        self.found = all;
        let given_up = told.segments - self.given_up;
        self.given_up = told.segments;
        (kept, given_up, self.look_at_files())
    }

    /// The number of files that have another name than before. Fails if the files are larger than the quota allows.
    fn look_at_files(&mut self) -> usize {
        let (mut files, mut bytes) = (BTreeMap::new(), 0);
        for path in tape(&self.data()) {
            let file = std::fs::metadata(&path).unwrap();
            bytes += file.len();
            files.insert(file.ino(), path);
        }
        assert!(
            !self.limited || bytes <= QUOTA_BYTES + BEYOND,
            "the tape takes {bytes} bytes"
        );
        let before = std::mem::replace(&mut self.files, files);
        let renamed =
            |(inode, path): &(&u64, &PathBuf)| before.get(inode).is_some_and(|before| before != *path);
        self.files.iter().filter(renamed).count()
    }

    /// Compares everything once more, after all kills. A second start has nothing to repair and changes nothing.
    fn look_at_everything(&mut self) {
        let data = self.data();
        assert!(self.start().stop().0.success());
        let contents = |paths: Vec<PathBuf>| -> BTreeMap<PathBuf, Vec<u8>> {
            let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
            paths.into_iter().map(read).collect()
        };
        let files = contents(tape(&data));
        assert!(self.start().stop().0.success());
        assert!(
            contents(tape(&data)) == files,
            "a start that had nothing to do changed the tape"
        );
        let (all, told) = (recordings(&data), Told::read(&data));
        same(&self.found, &all, &told);
        let sent: Vec<Arc<Sent>> = self.sent.iter().map(|(sent, _)| Arc::clone(sent)).collect();
        let kept = kept(&data, &all, &sent, self.home.path());
        let owed = |sent: &Sent| {
            let mut all = self.sent.iter();
            let found = all.find(|(one, _)| std::ptr::eq(Arc::as_ptr(one), sent));
            found.map_or(0.0, |(_, owed)| *owed)
        };
        gone_in_order(&kept, &told, owed, "at the end");
        verified(&data);
    }

    fn start(&self) -> Service {
        Service::start_among(self.home.path(), self.settings())
    }

    fn settings(&self) -> &'static [(&'static str, &'static str)] {
        if self.limited { QUOTA } else { &[] }
    }

    fn data(&self) -> PathBuf {
        support::service::data_dir(self.home.path())
    }
}

/// Fails unless both list the same recordings, except for tape that was reported as evicted. The state, open or closed, is not
/// compared.
#[track_caller]
fn same(before: &[Recording], after: &[Recording], told: &Told) {
    let facts = |recordings: &[Recording]| {
        let untouched = recordings.iter().filter(|one| !told.recording(&one.id));
        let mut facts: Vec<String> = untouched
            .map(|one| {
                format!(
                    "{} {} {}..{} {} s {} bytes {:?} gaps {:?}",
                    one.id, one.stream, one.start, one.end, one.duration_s, one.bytes, one.tracks, one.gaps
                )
            })
            .collect();
        facts.sort();
        facts
    };
    let (first, second) = (facts(before), facts(after));
    assert!(
        first == second,
        "the listing changed, from\n{}\nto\n{}",
        first.join("\n"),
        second.join("\n")
    );
    for one in after.iter().filter(|one| told.recording(&one.id)) {
        let old = before.iter().find(|old| old.id == one.id);
        assert!(
            old.is_some_and(|old| old.end == one.end && old.start <= one.start && old.bytes >= one.bytes),
            "tape of {one:?} was given up; it was {old:?}"
        );
    }
}

/// Every file of the store that holds media.
fn tape(data: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![data.join("tape"), data.join("lost+found")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files
}

/// The result of one kill, for people.
struct Line {
    kill: usize,
    number: usize,
    after: Duration,
    early: Vec<Duration>,
    /// Sent, lost, and kept or evicted media of each stream, in milliseconds.
    streams: Vec<(Plan, [u32; 3])>,
    given_up: usize,
    taken_over: usize,
}

impl Line {
    const HEAD: &str = "
                     starts      media in ms: sent - lost = kept, or given up for room later                                        segments  files
kill  box  after     killed, ms  live/cam1             live/cam2             live/cam3 (comes and goes)  live/cam4 (30 x)        given up  taken over
----  ---  --------  ----------  --------------------  --------------------  --------------------------  ----------------------  --------  ----------";

    fn new(
        kill: usize,
        number: usize,
        death: &Death,
        kept: &[Kept],
        given_up: usize,
        taken_over: usize,
    ) -> Self {
        let streams = PLANS.map(|plan| {
            let mut sums = [0; 3];
            for one in kept.iter().filter(|one| one.sent.stream == plan.stream) {
                let sent = one.sent.sent(death.at);
                // The media was evicted for space, not lost by the kill. What happened to its end is not known.
                let gone = given_up > 0 && one.is_gone(one.sent.owed(death.at, Duration::ZERO));
                let kept = if gone { sent } else { sent.min(one.both as u32) };
                for (sum, value) in sums.iter_mut().zip([sent, sent - kept, kept]) {
                    *sum += value;
                }
            }
            (plan, sums)
        });
        Self {
            kill,
            number,
            after: death.at.duration_since(death.began),
            early: death.early.clone(),
            streams: streams.into(),
            given_up,
            taken_over,
        }
    }

    fn lost_in_real_time(&self) -> impl Iterator<Item = u32> {
        let real = self.streams.iter().filter(|(plan, _)| plan.speed == 1.0);
        real.map(|(_, [_, lost, _])| *lost)
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let early: Vec<String> = self
            .early
            .iter()
            .map(|after| after.as_millis().to_string())
            .collect();
        let after = format!("{:.2} s", self.after.as_secs_f64());
        write!(
            f,
            "{:>4}  {:>3}  {after:>8}  {:<10}",
            self.kill,
            self.number,
            early.join(", ")
        )?;
        for ((_, [sent, lost, kept]), width) in self.streams.iter().zip([20, 20, 26, 22]) {
            let text = format!("{sent:>5} - {lost:>4} = {kept:>5}");
            write!(f, "  {text:<width$}")?;
        }
        write!(f, "  {:>8}  {:>10}", self.given_up, self.taken_over)
    }
}
