//! Kills at moments nobody chose, under four publishers: what is older than the fragment in memory is there, byte
//! for byte. `make soak` does it for hundreds of kills and prints a line for each.

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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::random::Random;
use support::{Feed, Kept, Plan, Recording, Sent, Service, home_in_memory, kept, recordings, wait_until};

/// Boxes that are killed at the same time.
const BOXES: usize = 3;
/// Kills of a box before it gets an empty directory.
const KILLS: usize = 5;
/// From the socket to the file, on a machine that is busy with other things.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Two as cameras are, one that comes and goes, and one that fills segments as fast as it may.
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
                while count.load(Ordering::Relaxed) < wanted {
                    lines.extend(live_and_die(number, &mut random, &count, wanted));
                }
                lines
            })
        })
        .collect();
    // All of them first: none is left behind with a service that runs.
    let ended: Vec<_> = boxes.into_iter().map(|one| one.join()).collect();
    let lines: Vec<Line> = ended.into_iter().flat_map(|one| one.expect("a box")).collect();
    println!("\n{}", summary(&lines));
}

/// Where one box fails, there is nothing more to learn from the others.
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
         older than that      nothing: every recording is what was sent, byte for byte",
        lines.len(),
        lines.iter().map(|line| line.early.len()).sum::<usize>(),
        lost.get(lost.len() / 2).copied().unwrap_or_default(),
        lost.last().copied().unwrap_or_default()
    )
}

/// One directory, from its first start to its last.
fn live_and_die(number: usize, random: &mut Random, count: &AtomicUsize, wanted: usize) -> Vec<Line> {
    let mut one = Box {
        home: home_in_memory(),
        config: "",
        sent: Vec::new(),
        found: Vec::new(),
    };
    let mut lines = Vec::new();
    for _ in 0..KILLS {
        let kill = count.fetch_add(1, Ordering::Relaxed);
        if kill >= wanted {
            break;
        }
        let death = one.record_until_killed(random);
        for after in &death.early {
            Service::kill_early(one.home.path(), one.config, *after);
        }
        let kept = one.look(&death);
        let line = Line::new(kill + 1, number + 1, &death, &kept);
        println!("{line}");
        lines.push(line);
    }
    one.look_at_everything();
    lines
}

struct Box {
    home: tempfile::TempDir,
    /// More of the configuration.
    config: &'static str,
    /// Everything that was ever sent to it.
    sent: Vec<Arc<Sent>>,
    /// What `ls` said last.
    found: Vec<Recording>,
}

/// How a service ended.
struct Death {
    began: Instant,
    at: Instant,
    /// What was sent to it.
    sent: Vec<Arc<Sent>>,
    /// Starts after it that were killed too, after so long.
    early: Vec<Duration>,
}

impl Box {
    fn record_until_killed(&mut self, random: &mut Random) -> Death {
        let service = Service::start_with(self.home.path(), self.config);
        let began = Instant::now();
        let mut feeds: Vec<Feed> = Vec::new();
        for (number, plan) in PLANS.into_iter().enumerate() {
            // Their seconds do not begin together, and no two streams begin alike.
            let phase = random.between(0, 350);
            wait_until("the next publisher's turn", || {
                feeds.last().is_none_or(|before| before.taken() >= phase)
            });
            let before = self.sent.iter().filter(|sent| sent.stream == plan.stream).count();
            feeds.push(Feed::start(service.address(), plan, before + 3 * number));
        }
        let moment = match random.between(0, 6) {
            0 => random.between(0, 1_000),
            _ => random.between(1_000, 4_000),
        };
        wait_until("the moment", || feeds[0].taken() >= moment);
        assert!(feeds.iter().all(Feed::goes_on), "{}", service.log());
        service.kill();
        let at = Instant::now();
        let sent: Vec<Arc<Sent>> = feeds.into_iter().flat_map(Feed::over).collect();
        self.sent.extend(sent.iter().cloned());
        let early = (0..random.between(0, 3)).map(|_| Duration::from_millis(random.between(0, 50)));
        Death {
            began,
            at,
            sent,
            early: early.collect(),
        }
    }

    /// Starts it again and compares. Gives what became of what was sent to the one that was killed.
    fn look(&mut self, death: &Death) -> Vec<Kept> {
        let data = self.data();
        // Reading needs no repair first. A recording whose first fragment was still on its way has nothing to keep.
        let mut torn = recordings(&data);
        torn.retain(|recording| recording.duration_s > 0.0);
        let service = Service::start_with(self.home.path(), self.config);
        let all = recordings(&data);
        same(&torn, &all);
        assert!(
            all.iter().all(|recording| recording.state == "closed"),
            "{all:#?}"
        );
        assert!(service.stop().0.success());
        let (old, new): (Vec<Recording>, Vec<Recording>) = all
            .iter()
            .cloned()
            .partition(|one| self.found.iter().any(|old| old.id == one.id));
        same(&self.found, &old);
        self.found = all;
        let kept = kept(&data, &new, &death.sent, self.home.path());
        for one in &kept {
            let when = format!("killed after {:?}", death.at.duration_since(death.began));
            one.holds(one.sent.owed(death.at, ON_ITS_WAY), &when);
        }
        kept
    }

    /// Everything once more, after all kills; and mending is done once: a start that has nothing to do changes
    /// nothing.
    fn look_at_everything(&mut self) {
        let data = self.data();
        let files = tape(&data);
        assert!(
            Service::start_with(self.home.path(), self.config)
                .stop()
                .0
                .success()
        );
        assert!(
            tape(&data) == files,
            "a start that had nothing to do changed the tape"
        );
        let all = recordings(&data);
        same(&self.found, &all);
        kept(&data, &all, &self.sent, self.home.path());
        assert!(!data.join("lost+found").exists(), "something could not be read");
    }

    fn data(&self) -> PathBuf {
        support::service::data_dir(self.home.path())
    }
}

/// Fails unless both list the same recordings; open or closed is not looked at.
#[track_caller]
fn same(before: &[Recording], after: &[Recording]) {
    let facts = |recordings: &[Recording]| {
        let mut facts: Vec<String> = recordings
            .iter()
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
    let (before, after) = (facts(before), facts(after));
    assert!(
        before == after,
        "the listing changed, from\n{}\nto\n{}",
        before.join("\n"),
        after.join("\n")
    );
}

/// Every file of the store that holds media, and what is in it.
fn tape(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![data.join("tape"), data.join("lost+found")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files.insert(
                    entry.path().display().to_string(),
                    std::fs::read(entry.path()).unwrap(),
                );
            }
        }
    }
    files
}

/// What one kill did, for people.
struct Line {
    kill: usize,
    number: usize,
    after: Duration,
    early: Vec<Duration>,
    /// Sent, kept and lost of each stream, milliseconds.
    streams: Vec<(Plan, [u32; 3])>,
}

impl Line {
    const HEAD: &str = "
                     starts      media in ms: sent - lost = kept
kill  box  after     killed, ms  live/cam1             live/cam2             live/cam3 (comes and goes)  live/cam4 (30 x)
----  ---  --------  ----------  --------------------  --------------------  --------------------------  ----------------------";

    fn new(kill: usize, number: usize, death: &Death, kept: &[Kept]) -> Self {
        let streams = PLANS.map(|plan| {
            let mut sums = [0; 3];
            for one in kept.iter().filter(|one| one.sent.stream == plan.stream) {
                let sent = one.sent.sent(death.at);
                let kept = sent.min(one.both as u32);
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
        Ok(())
    }
}
