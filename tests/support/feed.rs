//! A publisher that continues until it is stopped or disconnected, and records what it sent, and when.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::programme::Programme;
use super::rtmp::Rtmp;

/// A fragment may be as long as this, in milliseconds of media.
const FRAGMENT: u32 = 1_100;

/// What a publisher sends, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) stream: &'static str,
    /// The speed, as a multiple of real time.
    pub(crate) speed: f64,
    /// Milliseconds of media after which the publisher unpublishes and publishes anew.
    pub(crate) length: Option<u32>,
    /// Bytes that are added to each picture.
    pub(crate) weight: usize,
}

/// A publisher on its own thread.
pub(crate) struct Feed {
    thread: JoinHandle<()>,
    books: Arc<Books>,
}

#[derive(Default)]
struct Books {
    sent: Mutex<Vec<Arc<Sent>>>,
    stop: AtomicBool,
    held: AtomicBool,
}

/// One publish.
pub(crate) struct Sent {
    pub(crate) stream: String,
    pub(crate) programme: Programme,
    pub(crate) speed: f64,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// For each tag: when it was given to the socket, its time, and the time of the last tag that the service had taken then.
    tags: Vec<(Instant, u32, u32)>,
    /// When the service confirmed the end of the publish.
    ended: Option<Instant>,
}

impl Feed {
    /// Begins to publish; `serial` is how many publishes of this stream there were before.
    pub(crate) fn start(address: SocketAddr, plan: Plan, serial: usize) -> Self {
        let books = Arc::new(Books::default());
        let kept = Arc::clone(&books);
        let thread = std::thread::spawn(move || {
            for serial in serial.. {
                // The publisher ends when it is stopped, or when the service is gone: the tests test that.
                if publish(address, plan, serial, &kept).is_err() || kept.stop.load(Ordering::Acquire) {
                    break;
                }
            }
        });
        Self { thread, books }
    }

    /// Sends nothing from now on, and stays connected.
    pub(crate) fn hold(&self) {
        self.books.held.store(true, Ordering::Release);
    }

    /// Milliseconds of media that the service has taken, all publishes together.
    pub(crate) fn taken(&self) -> u64 {
        let sent = self.books.sent.lock().expect("the books");
        sent.iter().map(|one| u64::from(one.taken(Instant::now()))).sum()
    }

    /// Whether it still publishes.
    pub(crate) fn goes_on(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends the publishes, properly if the service is still there. Returns what was sent.
    pub(crate) fn over(self) -> Vec<Arc<Sent>> {
        self.books.stop.store(true, Ordering::Release);
        self.thread.join().expect("the publisher does not panic");
        std::mem::take(&mut *self.books.sent.lock().expect("the books"))
    }
}

impl Sent {
    /// Tags of which at least one byte may have been sent.
    pub(crate) fn tags(&self) -> usize {
        self.log.lock().expect("the log").tags.len() + 1
    }

    /// Milliseconds of media that were given to the socket by then.
    pub(crate) fn sent(&self, then: Instant) -> u32 {
        self.last(then).map_or(0, |(_, time, _)| time)
    }

    /// Milliseconds of media that the service had taken from the socket by then: it has answered since.
    pub(crate) fn taken(&self, then: Instant) -> u32 {
        self.last(then).map_or(0, |(_, _, taken)| taken)
    }

    /// Whether any media was sent by then.
    pub(crate) fn began(&self, then: Instant) -> bool {
        self.last(then).is_some()
    }

    /// Milliseconds of media that must be found if everything stopped `then`. Media may be `on_its_way` for so long after the
    /// service took it. All media must be found except that and the fragment in memory. If the publish ended before, all of it
    /// must be found.
    pub(crate) fn owed(&self, then: Instant, on_its_way: Duration) -> f64 {
        let Some(then) = then.checked_sub(on_its_way) else {
            return 0.0;
        };
        if self
            .log
            .lock()
            .expect("the log")
            .ended
            .is_some_and(|at| at <= then)
        {
            return f64::INFINITY;
        }
        f64::from(self.taken(then).saturating_sub(FRAGMENT))
    }

    fn last(&self, then: Instant) -> Option<(Instant, u32, u32)> {
        let log = self.log.lock().expect("the log");
        let count = log.tags.partition_point(|(at, _, _)| *at <= then);
        count.checked_sub(1).map(|last| log.tags[last])
    }
}

fn publish(address: SocketAddr, plan: Plan, serial: usize, books: &Books) -> std::io::Result<()> {
    let (app, key) = plan.stream.split_once('/').expect("app/key");
    let mut client = Rtmp::try_publishing(address, app, key)?;
    let sent = Arc::new(Sent {
        stream: plan.stream.to_owned(),
        programme: Programme::marked(plan.stream, serial, plan.weight),
        speed: plan.speed,
        log: Mutex::default(),
    });
    books.sent.lock().expect("the books").push(Arc::clone(&sent));
    let began = Instant::now();
    let mut taken = 0;
    for number in 0.. {
        let tag = sent.programme.tag(number);
        let due = began + Duration::from_secs_f64(f64::from(tag.time) / 1000.0 / plan.speed);
        // This wait is the pace of the push, not a wait of the test.
        while let Some(left) = due
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            std::thread::park_timeout(left);
        }
        while books.held.load(Ordering::Acquire) && !books.stop.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        if books.stop.load(Ordering::Acquire) || plan.length.is_some_and(|length| tag.time >= length) {
            break;
        }
        client.media(tag.kind, tag.time, &tag.body)?;
        client.ping(tag.time)?;
        taken = client.last_pong().map_or(taken, |token| taken.max(token));
        let mut log = sent.log.lock().expect("the log");
        log.tags.push((Instant::now(), tag.time, taken));
    }
    client.unpublish(key)?;
    sent.log.lock().expect("the log").ended = Some(Instant::now());
    Ok(())
}
