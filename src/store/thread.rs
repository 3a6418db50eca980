//! The handle on the store, and the thread behind it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::Flock;
use tokio::sync::watch;

use super::open_tape::{OpenTape, OpenTapes};
use super::queue::Queue;
use super::recover::Occasion;
use super::recover::start;
use super::review::{Held, HeldNow};
use super::writer::Writer;
use super::{
    Clock, Command, Disk, OnFull, OpenRecording, Progress, RealDisk, RecoveryReport, Refused, StoreError,
    disk,
};
use crate::media::{Micros, StreamName};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The storage directory; made when it is not there. Its parent must exist.
    pub dir: PathBuf,
    /// The device's id, written into every segment.
    pub device: String,
    /// The name of this box, which no other box has. On the storage device only the journal contains it.
    pub own: String,
    /// How often the tape is made durable.
    pub durability: Duration,
    /// A new segment begins at the first keyframe after this much media.
    pub segment_duration: Duration,
    /// A new segment begins at the first keyframe after this many bytes.
    pub segment_bytes: u64,
    /// Most bytes that the tape may take; `None` is as many as `min_free` leaves.
    pub quota: Option<u64>,
    /// Bytes of the file system that are left to others; `None` is 512 MiB, or a twentieth of a small card.
    pub min_free: Option<u64>,
    /// What happens to new media when only media may be evicted that was never delivered.
    pub on_full: OnFull,
    /// How long a recording is kept after its end; `None` is until its space is needed.
    pub keep: Option<Micros>,
    /// True when recordings are delivered: an undelivered recording is kept, however old it is.
    pub delivers: bool,
    /// Bytes that are reserved so that the journal can be written when all other space is taken.
    pub journal_reserve: u64,
    /// [`Store::room`] waits while more bytes than this wait to be written.
    pub queue_soft: usize,
    /// When more bytes than this wait to be written, whole GOPs are dropped, oldest first.
    pub queue_hard: usize,
}

impl StoreSettings {
    /// The defaults of the product for a directory and a device.
    pub fn new(dir: impl Into<PathBuf>, device: impl Into<String>) -> Self {
        let device = device.into();
        Self {
            dir: dir.into(),
            own: device.clone(),
            device,
            durability: Duration::from_secs(1),
            segment_duration: Duration::from_secs(60),
            segment_bytes: 32 << 20,
            quota: None,
            min_free: None,
            on_full: OnFull::OverwriteOldest,
            keep: None,
            delivers: false,
            journal_reserve: 8 << 20,
            queue_soft: 4 << 20,
            queue_hard: 32 << 20,
        }
    }
}

/// The result of opening a store.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Added to CLOCK_BOOTTIME, it gives the present tape time. It lies past everything on any tape: the line never goes back,
    /// whatever clocks and reboots do.
    pub tape_base: Micros,
    /// The repairs of this start.
    pub report: RecoveryReport,
    /// Recordings that wait for their publishers.
    pub open: Vec<OpenRecording>,
    /// The recorder's values: for each namespace the ids and their bodies.
    pub kept: BTreeMap<String, Vec<(String, String)>>,
    /// Where the numbers of chunks begin.
    pub chunks: ChunkCounts,
}

/// What a start knows of the chunks that were played before.
#[derive(Clone, Debug, Default)]
pub struct ChunkCounts {
    /// No chunk that was played out of memory before had this number or a higher one.
    pub from: u64,
    /// The streams whose tape ended shortly before: the target duration in seconds, and the tape time of the end.
    pub targets: Vec<(StreamName, u16, Micros)>,
}

/// The target durations of streams are known whose tape ended within this time before the start.
const RECENT: Micros = 190_000_000;

/// The store of this process; clones share it. Dropping the last clone shuts the store down.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    progress: watch::Receiver<Progress>,
    open_tapes: OpenTapes,
    held: HeldNow,
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

impl Store {
    /// Locks the directory, repairs what the last run left, and starts the storage thread.
    pub fn open(
        settings: StoreSettings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Store, Opened), StoreError> {
        let dir = &settings.dir;
        // The journal and the lock are SQLite's and the kernel's. So they are on the real disk, whatever disk carries the tape.
        RealDisk.create_dir(dir).map_err(StoreError::disk("make", dir))?;
        let lock = disk::lock(dir)?;
        let (mut journal, report) = start(dir, disk.as_ref(), clock.as_ref(), Occasion::Start)?;
        if !journal.bind(&settings.own, clock.utc())? {
            tracing::warn!(
                "{}: came from another box, or is of a release that did not note whose it is: what is recorded is delivered, \
                 and NOTHING IS REMOVED from the store of objects until you run `edgereel store adopt`",
                dir.display()
            );
        }
        let tape_base = journal
            .boot(&clock.boot_id())?
            .map_or(0, |(tape_base, _, _)| tape_base);

        let open = journal.waiting()?;
        let mut kept: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (namespace, id, body) in journal.kept()? {
            kept.entry(namespace).or_default().push((id, body));
        }

        let tape_now = tape_base.saturating_add(clock.boot());
        let chunks = ChunkCounts {
            from: journal.first_number()?,
            targets: journal.recent_targets(tape_now.saturating_sub(RECENT))?,
        };

        let queue = Arc::new(Queue::new(settings.queue_soft, settings.queue_hard));
        let writer = Writer::new(settings, disk, clock.clone(), journal)?;
        let (open_tapes, held) = (writer.open_tapes(), writer.held());
        let (sender, progress) = watch::channel(writer.progress().clone());
        let mut shell = Shell {
            queue: queue.clone(),
            clock,
            progress: sender,
            lock: Some(lock),
        };
        let thread = std::thread::Builder::new()
            .name("storage".to_owned())
            .spawn(move || shell.run(writer));
        let thread = thread.map_err(|error| StoreError::Thread {
            reason: format!("it could not be started: {error}"),
        })?;
        let inner = Inner {
            queue,
            progress,
            open_tapes,
            held,
            thread: Mutex::new(Some(thread)),
        };
        let store = Store {
            inner: Arc::new(inner),
        };
        let opened = Opened {
            tape_base,
            report,
            open,
            kept,
            chunks,
        };
        Ok((store, opened))
    }

    /// Hands a command to the storage thread. Never blocks, and never refuses media: when the card has stalled for longer than
    /// [`StoreSettings::queue_hard`] holds, the oldest GOPs of the publish that holds most are dropped.
    pub fn submit(&self, command: Command) -> Result<(), Refused> {
        self.inner.queue.put(command)
    }

    /// Carries out the submitted commands and seals everything, as [`shutdown`](Self::shutdown) does. The thread goes on,
    /// because listeners may still acknowledge events.
    pub async fn seal(&self) -> Result<(), StoreError> {
        let (done, sealed) = tokio::sync::oneshot::channel();
        let unfinished = |reason: String| StoreError::Unfinished { reason };
        self.submit(Command::Seal { done })
            .map_err(|refused| unfinished(refused.to_string()))?;
        match sealed.await {
            Ok(result) => result.map_err(unfinished),
            Err(_) => Err(unfinished("the storage thread ended".to_owned())),
        }
    }

    /// Bytes that were handed over and are not written yet.
    pub fn backlog_bytes(&self) -> usize {
        self.inner.queue.backlog()
    }

    /// Bytes of media that were dropped since the start because the card did not take them in time.
    pub fn let_go_bytes(&self) -> u64 {
        self.inner.queue.let_go()
    }

    /// Sets [`StoreSettings::queue_hard`] anew.
    pub fn set_queue_hard(&self, bytes: usize) {
        self.inner.queue.set_limit(bytes);
    }

    /// True while the backlog is below the soft limit.
    pub fn has_room(&self) -> bool {
        self.inner.queue.has_room()
    }

    /// Waits until the backlog is below the soft limit. In this way a slow card slows a publisher that is faster than real
    /// time.
    pub async fn room(&self) {
        self.inner.queue.room().await;
    }

    /// The progress of the tape, now and at each change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.progress.clone()
    }

    /// The open segment of a stream, as far as it was durable at the last tick. Never blocks.
    pub fn open_tape(&self, stream: &StreamName) -> Option<Arc<OpenTape>> {
        self.inner.open_tapes.of(stream)
    }

    /// What is held back from viewers, now and at each change.
    pub fn held(&self) -> watch::Receiver<Arc<Held>> {
        self.inner.held.watch()
    }

    /// Asks the thread for a sign of life and returns the number of signs so far. A number that does not grow within some
    /// seconds means that the card holds the thread up.
    pub fn heartbeat(&self) -> u64 {
        self.inner.queue.beat()
    }

    /// Carries out the submitted commands, seals everything and ends the thread. Blocks as long as the card does. Idempotent;
    /// later submits are refused.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        self.inner.shutdown()
    }
}

impl Inner {
    fn shutdown(&self) -> Result<(), StoreError> {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StoreError::Thread {
                reason: "it panicked, which is a defect of edgereel".to_owned(),
            }),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown() {
            tracing::error!("{error}");
        }
    }
}

/// The longest pause of the thread, also when nothing is recorded: the clock may be set meanwhile.
const IDLE: Duration = Duration::from_secs(10);

/// The pause between two attempts to find a store that is away.
const RETURN: Duration = Duration::from_secs(1);

/// The loop of the thread: it waits, and lets the writer work.
struct Shell {
    queue: Arc<Queue>,
    clock: Arc<dyn Clock>,
    progress: watch::Sender<Progress>,
    /// The directory's lock, held while any code of this process uses the directory.
    lock: Option<Flock<File>>,
}

impl Shell {
    fn run(&mut self, mut writer: Writer) -> Result<(), StoreError> {
        // However this thread ends, no caller waits for it for ever.
        let _closed = CloseOnDrop(self.queue.clone());
        loop {
            if writer.away().is_some() {
                self.wait_for_store(&mut writer)?;
            }
            let left = writer.next_tick().saturating_sub(self.clock.boot()).max(0);
            let wait = Duration::from_micros(left.unsigned_abs()).min(IDLE);
            let batch = self.queue.take(wait);
            let mut news = !batch.commands.is_empty();
            let ended = writer.progress().recordings_ended;
            let sealed = writer.progress().segments_sealed;
            let events = writer.progress().events;
            writer.handle(batch.commands);
            self.queue.done(batch.cost);
            if batch.closed {
                let result = writer.close();
                self.progress.send_replace(writer.progress().clone());
                return result;
            }
            let now = writer.progress();
            news &= now.failed.is_some() || now.recordings_ended > ended || now.segments_sealed > sealed;
            if writer.next_tick() <= self.clock.boot() {
                writer.tick();
                news = true;
            }
            news |= writer.look();
            news |= writer.progress().events > events;
            if news {
                self.progress.send_replace(writer.progress().clone());
            }
        }
    }
}

impl Shell {
    /// Tries to open the store again, until it is there or the service stops.
    fn wait_for_store(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        loop {
            self.lock = None;
            self.progress.send_replace(writer.progress().clone());
            let closed = self.queue.rest(RETURN);
            match self.bring_back(writer) {
                Ok(()) => {
                    self.progress.send_replace(writer.progress().clone());
                    return Ok(());
                }
                Err(error) => {
                    writer.stay_away(&error);
                    // A caller that stops the service does not wait for a card that may never come back.
                    if let Some(done) = self.queue.take_seal() {
                        let _ = done.send(Err(error.to_string()));
                    }
                }
            }
            if closed {
                let result = writer.close();
                self.progress.send_replace(writer.progress().clone());
                return result;
            }
        }
    }

    fn bring_back(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        self.lock = Some(disk::lock(writer.expect_store()?)?);
        writer.come_back()
    }
}

struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
