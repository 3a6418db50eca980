//! One take: the service records four publishers on a device that logs every request. The service is killed once during the
//! take, and is asked to stop at the end. Each promise is noted together with the device's count of requests. In a take with
//! little space, the tape fills the space several times over, and each new segment takes over the file of an old one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::device::Recorder;
use super::image::Image;
use super::log::WriteLog;
use crate::support::random::Random;
use crate::support::service::data_dir;
use crate::support::{Feed, Plan, Recording, Sent, Service, Told, recordings, wait_until};

/// Two streams as from cameras, one that comes and goes, and one that fills segments.
pub(super) const PLANS: [Plan; 4] = [
    plan("live/cam1", 1.0, None),
    plan("live/cam2", 1.0, None),
    plan("live/cam3", 1.0, Some(2_100)),
    plan("live/cam4", 20.0, None),
];

const fn plan(stream: &'static str, speed: f64, length: Option<u32>) -> Plan {
    Plan {
        stream,
        speed,
        length,
        weight: 0,
    }
}

/// The bytes that each picture of the fast stream is larger in a take with little space: 3.5 MB arrive in a second.
const WEIGHT: usize = 7_000;
/// The bytes that the tape may use in such a take.
const ROOM: u64 = 14 << 20;
/// The journal, with its reserve.
const JOURNAL: u64 = 12 << 20;

/// Reads the number of requests that the device was given.
type Count = Arc<dyn Fn() -> u64 + Send + Sync>;

pub(super) struct Take {
    pub(super) log: WriteLog,
    /// The number of requests before the service began.
    pub(super) first: usize,
    /// The number of requests at each observed moment.
    clock: Vec<(Instant, usize)>,
    pub(super) runs: Vec<Run>,
    pub(super) durable: Vec<Durable>,
    pub(super) closed: Vec<Closed>,
    /// The configuration of the service.
    pub(super) settings: Settings,
    /// The number of segments that were evicted for space.
    pub(super) given_up: usize,
}

/// Variables that configure a service.
#[derive(Clone, Default)]
pub(super) struct Settings(Vec<(&'static str, String)>);

impl Settings {
    /// A take with little space on the file system that is mounted there. The least possible quota makes small segments.
    #[allow(
        clippy::useless_conversion,
        reason = "the width of these fields differs between 32- and 64-bit targets"
    )]
    fn little_room(card: &Path) -> Self {
        let space = nix::sys::statvfs::statvfs(card).expect("how much is free");
        let free = u64::from(space.blocks_available()) * u64::from(space.fragment_size());
        let min_free = free.checked_sub(ROOM + JOURNAL).expect("room");
        Self(vec![
            ("EDGEREEL__STORAGE__QUOTA", "64 MiB".to_owned()),
            ("EDGEREEL__STORAGE__MIN_FREE", format!("{min_free} B")),
        ])
    }

    /// The variables in the form of a command, with more of them.
    fn with<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        own.chain(more.iter().copied()).collect()
    }

    /// Starts another service on a storage device.
    #[track_caller]
    pub(super) fn start(&self, card: &Path) -> Service {
        Service::start_among(card, &self.with(&[]))
    }
}

/// The media that was sent to the service from one of its starts on.
pub(super) struct Run {
    pub(super) sent: Vec<Arc<Sent>>,
    /// The time when the service was killed or asked to stop. Media that was sent later does not count.
    pub(super) ended: Instant,
}

/// The service called media durable.
pub(super) struct Durable {
    pub(super) sent: Arc<Sent>,
    pub(super) until: f64,
    /// The number of requests when the line was read.
    pub(super) entries: usize,
}

/// A recording was listed as closed.
pub(super) struct Closed {
    pub(super) recording: Recording,
    /// The number of requests when that was seen.
    pub(super) entries: usize,
}

/// A line of the log, when it was read.
struct Heard {
    stream: String,
    publish: String,
    until: f64,
    entries: usize,
}

/// Starts the service once for each of `runs`, which give the milliseconds of media of each run.
pub(super) fn record(folder: &Path, runs: &[u64], limited: bool, random: &mut Random) -> Take {
    let recorder = Recorder::start(folder, &Image::default());
    let card = folder.join("card");
    let mount = recorder.mount_new(&card);
    let count: Count = Arc::new(recorder.counter());
    let ticking = Ticking::start(Arc::clone(&count));
    let settings = if limited {
        Settings::little_room(&card)
    } else {
        Settings::default()
    };
    let mut take = Take {
        log: WriteLog::default(),
        first: count() as usize,
        clock: Vec::new(),
        runs: Vec::new(),
        durable: Vec::new(),
        closed: Vec::new(),
        settings,
        given_up: 0,
    };
    for (number, length) in runs.iter().enumerate() {
        let last = number + 1 == runs.len();
        one_run(&card, *length, last, limited, &count, random, &mut take);
    }
    take.clock = ticking.stop();
    take.given_up = Told::read(&data_dir(&card)).segments;
    mount.unmount();
    take.log = recorder.finish();
    assert!(
        take.closed.len() > 2 && take.durable.len() > 10,
        "hardly anything was promised"
    );
    assert!(
        !limited || take.given_up > 3,
        "the tape did not fill its room: {} segments were given up",
        take.given_up
    );
    take
}

fn one_run(
    card: &Path,
    length: u64,
    last: bool,
    limited: bool,
    count: &Count,
    random: &mut Random,
    take: &mut Take,
) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (hears, counts) = (Arc::clone(&heard), Arc::clone(count));
    let variables = take
        .settings
        .with(&[("EDGEREEL_LOG", "info,edgereel::store=trace")]);
    let service = Service::start_heard(card, &variables, move |line| {
        let entries = counts() as usize;
        if let Some(heard) = Heard::parse(line, entries) {
            hears.lock().expect("what was heard").push(heard);
        }
    });
    let mut feeds: Vec<Feed> = Vec::new();
    for (number, mut plan) in PLANS.into_iter().enumerate() {
        if limited && plan.speed > 1.0 {
            plan.weight = WEIGHT;
        }
        // The seconds of the streams do not begin together, and no two streams begin alike.
        let phase = random.between(0, 350);
        wait_until("the next publisher's turn", || {
            feeds.last().is_none_or(|before| before.taken() >= phase)
        });
        let sent = take.runs.iter().flat_map(|run| &run.sent);
        let serial = sent.filter(|sent| sent.stream == plan.stream).count();
        feeds.push(Feed::start(service.address(), plan, serial + 3 * number));
    }
    let data = service.data();
    let closed = &mut take.closed;
    let mut look = || {
        for recording in recordings(&data) {
            let known = closed
                .iter()
                .any(|known: &Closed| known.recording.id == recording.id);
            if recording.state == "closed" && !known {
                let entries = count() as usize;
                closed.push(Closed { recording, entries });
            }
        }
    };
    let mut next = 0;
    wait_until("the end of the run", || {
        if feeds[0].taken() >= next {
            look();
            next = feeds[0].taken() + 300;
        }
        feeds[0].taken() >= length
    });
    assert!(feeds.iter().all(Feed::goes_on), "{}", service.log());
    let ended = Instant::now();
    if last {
        assert!(service.stop().0.success());
        look();
    } else {
        service.kill();
    }
    let sent: Vec<Arc<Sent>> = feeds.into_iter().flat_map(Feed::over).collect();
    let heard = std::mem::take(&mut *heard.lock().expect("what was heard"));
    take.durable.extend(whose(heard, &sent));
    take.runs.push(Run { sent, ended });
}

/// The service gives publishes ids that publishers do not know. But the publishes of a stream come in the order in which they
/// were made, and only the last may have been too short for an id.
#[track_caller]
fn whose(heard: Vec<Heard>, sent: &[Arc<Sent>]) -> Vec<Durable> {
    let mut all = Vec::new();
    for plan in PLANS {
        let mut publishes: Vec<String> = Vec::new();
        let of_stream: Vec<&Arc<Sent>> = sent.iter().filter(|sent| sent.stream == plan.stream).collect();
        for heard in heard.iter().filter(|heard| heard.stream == plan.stream) {
            if publishes.last() != Some(&heard.publish) {
                publishes.push(heard.publish.clone());
            }
            all.push(Durable {
                sent: Arc::clone(of_stream[publishes.len() - 1]),
                until: heard.until,
                entries: heard.entries,
            });
        }
    }
    all
}

impl Heard {
    fn parse(line: &str, entries: usize) -> Option<Self> {
        let words = line.split_once(" durable ")?.1;
        let field = |name: &str| {
            let mut fields = words.split_whitespace().filter_map(|word| word.split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Some(Self {
            stream: field("stream")?.to_owned(),
            publish: field("publish")?.to_owned(),
            until: field("until_ms")?.parse().ok()?,
            entries,
        })
    }
}

impl Take {
    /// The last moment at which the device had been given no more than so many requests. Media that was sent later cannot be on
    /// it.
    pub(super) fn moment(&self, entries: usize) -> Instant {
        let seen = self.clock.partition_point(|(_, count)| *count <= entries);
        self.clock[seen.saturating_sub(1)].0
    }
}

/// A thread that reads the count of requests again and again.
struct Ticking {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<(Instant, usize)>>,
}

impl Ticking {
    fn start(count: Count) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut clock = Vec::new();
            while !asked.load(Ordering::Acquire) {
                // The time is read first: a request between the two readings counts as later than it was.
                let now = Instant::now();
                clock.push((now, count() as usize));
                std::thread::park_timeout(Duration::from_millis(1));
            }
            clock
        });
        Self { stop, thread }
    }

    fn stop(self) -> Vec<(Instant, usize)> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the clock")
    }
}
