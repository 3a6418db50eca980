//! All numbers of the box, for metrics; and whether the service works and is ready.

use std::time::Duration;

use super::{Api, process};
use crate::delivery::Failure;
use crate::media::{Micros, StreamName};
use crate::model::reply::{
    ClockHealth, Healthy, LinkHealth, ProcessHealth, Ready, StorageHealth, StreamHealth, Why,
};
use crate::recorder::{EndedBy, StreamCounts};
use crate::store::{GapCause, GapCounts, RecordingCounts, SyncTimes};

/// The journal is waited for so long. On a storage device that stalls, its numbers are left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Numbers by the words of a label. Every word is there, also with zero.
pub type ByWord = Vec<(&'static str, u64)>;

/// The signs of life of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Why the service counts as stuck; empty while it is alive.
    pub stuck: Vec<Why>,
    /// How long the storage device has accepted nothing, if that is longer than usual.
    pub stall: Option<Duration>,
}

/// All numbers of the box at one moment. Counts begin with the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The program.
    pub build: Build,
    /// UTC when the service started.
    pub started: Micros,
    /// UTC when the process started, where the system tells it.
    pub process_started: Option<Micros>,
    /// Open file descriptors of the process.
    pub open_files: u64,
    /// As in `health`.
    pub process: ProcessHealth,
    /// As in `health`.
    pub streams: StreamHealth,
    /// As in `health`.
    pub storage: StorageHealth,
    /// As in `health`.
    pub clock: ClockHealth,
    /// The streams that are known: recorded since the start, or named by a rule. At most 256.
    pub named: Vec<StreamFigures>,
    /// All other streams together.
    pub others: StreamFigures,
    /// Publishes that were refused, by the kind of the reason.
    pub refused: ByWord,
    /// How long syncs took.
    pub syncs: SyncTimes,
    /// Bytes that wait for the storage device.
    pub queue_bytes: u64,
    /// Bytes of media in memory, of all streams.
    pub ring_bytes: u64,
    /// Recordings that ended, by what ended them.
    pub ended: ByWord,
    /// Numbers of the journal; `None` when it cannot be read in time.
    pub journal: Option<JournalFigures>,
    /// Delivery; `None` when nothing is delivered.
    pub delivery: Option<DeliveryFigures>,
    /// The connection to the broker; `None` without a broker.
    pub mqtt: Option<LinkFigures>,
    /// Log lines that were dropped.
    pub log_lost: u64,
}

/// The program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// The release.
    pub version: &'static str,
    /// The processor that it was built for.
    pub arch: &'static str,
    /// The commit that it was built of; empty where the build did not name it.
    pub revision: &'static str,
}

/// The numbers of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamFigures {
    /// The stream; `None` for several together.
    pub stream: Option<StreamName>,
    /// True while it is on the air.
    pub is_live: bool,
    /// Bytes that came in.
    pub received_bytes: u64,
    /// Pictures that came in.
    pub video_frames: u64,
    /// Packets of sound that came in.
    pub audio_frames: u64,
    /// Gaps in the tape, by cause.
    pub gaps: ByWord,
    /// Time between the last two keyframes, while it is on the air.
    pub keyframe_interval: Option<Micros>,
    /// UTC when the last frame came.
    pub last_frame: Option<Micros>,
}

/// Numbers of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFigures {
    /// Recordings in each state.
    pub recordings: RecordingCounts,
    /// Events that wait for any listener.
    pub outbox_events: u64,
    /// For each callback its name, the events that it did not accept and is offered again, and those that it is not.
    pub callbacks: Vec<(String, u64, u64)>,
}

/// Numbers of delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFigures {
    /// Whether the object store was reached when it was last needed; `None` before that.
    pub reached: Option<bool>,
    /// Bytes that it confirmed.
    pub sent_bytes: u64,
    /// Transfers that failed, by the kind of the failure.
    pub failures: ByWord,
    /// What waits; `None` when the journal cannot be read in time.
    pub waiting: Option<WaitingFigures>,
}

/// Numbers of what waits for delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitingFigures {
    /// Renditions that wait, by format.
    pub formats: ByWord,
    /// Bytes of tape of the recordings that wait.
    pub bytes: u64,
    /// Recordings with failed deliveries.
    pub set_aside: u64,
    /// How long ago the recording ended that has waited longest; zero when nothing waits.
    pub lag: Micros,
}

/// The connection to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFigures {
    /// True while it is connected.
    pub is_up: bool,
    /// As in `health`.
    pub counts: LinkHealth,
}

impl Api {
    /// All numbers of the box.
    pub async fn figures(&self) -> Figures {
        let streams = self.recorder.status();
        let progress = self.store.progress().borrow().clone();
        let counts = self.recorder.counts();
        let host = self.host().ok();
        let offset = self.clock.utc_offset();
        let utc = |boot: Micros| boot.saturating_add(offset);
        let row = |stream: Option<&StreamName>, counts: &StreamCounts| {
            let live = streams.iter().find(|live| Some(&live.stream) == stream);
            StreamFigures {
                stream: stream.cloned(),
                is_live: live.is_some(),
                received_bytes: counts.received.bytes,
                video_frames: counts.received.video_frames,
                audio_frames: counts.received.audio_frames,
                gaps: gaps(&counts.gaps),
                keyframe_interval: live.and_then(|live| live.gop),
                last_frame: counts.last_frame.map(utc),
            }
        };
        let uploader = self.uploader().ok();
        let (journal, waiting) = self.journal_figures(uploader.is_some()).await.unzip();
        let delivery = uploader.map(|uploader| {
            let counts = uploader.counts();
            let failures = Failure::ALL.iter().map(|failure| {
                let count = counts.failures.get(failure).copied().unwrap_or(0);
                (failure.as_str(), count)
            });
            DeliveryFigures {
                reached: counts.reached,
                sent_bytes: counts.sent_bytes,
                failures: failures.collect(),
                waiting: waiting.flatten(),
            }
        });
        Figures {
            build: Build {
                version: env!("CARGO_PKG_VERSION"),
                arch: std::env::consts::ARCH,
                revision: option_env!("EDGEREEL_REVISION").unwrap_or_default(),
            },
            started: utc(self.started),
            process_started: process::started().map(utc),
            open_files: process::open_files(),
            process: super::health::process(),
            streams: super::health::streams(&streams, &progress),
            storage: super::health::storage(&progress, None),
            clock: ClockHealth {
                synced: self.clock.synced(),
            },
            named: counts
                .named
                .iter()
                .map(|(stream, counts)| row(Some(stream), counts))
                .collect(),
            others: row(None, &counts.others),
            refused: host.as_ref().map(|host| host.refusals()).unwrap_or_default(),
            syncs: progress.syncs,
            queue_bytes: self.store.backlog_bytes() as u64,
            ring_bytes: self.recorder.ring_bytes() as u64,
            ended: EndedBy::ALL
                .iter()
                .map(|by| (by.as_str(), counts.ended.get(by).copied().unwrap_or(0)))
                .collect(),
            journal,
            delivery,
            mqtt: host.as_ref().and_then(|host| {
                Some(LinkFigures {
                    is_up: host.is_linked(),
                    counts: host.link()?,
                })
            }),
            log_lost: host.as_ref().map_or(0, |host| host.log_lost()),
        }
    }

    /// Numbers of the journal, if it can be read in time; with what waits, if recordings are delivered.
    async fn journal_figures(&self, delivers: bool) -> Option<(JournalFigures, Option<WaitingFigures>)> {
        let callbacks = self.host().map(|host| host.callbacks()).unwrap_or_default();
        let now = self.now();
        let read = self.read(move |library| {
            let mut missed = library.missed_counts()?;
            let journal = JournalFigures {
                recordings: library.recording_counts()?,
                outbox_events: library.outbox_depth()?.events,
                callbacks: callbacks
                    .into_iter()
                    .map(|callback| {
                        let counts = missed.remove(&callback.listener).unwrap_or_default();
                        (callback.name, counts.waiting, counts.given_up)
                    })
                    .collect(),
            };
            if !delivers {
                return Ok((journal, None));
            }
            let (backlog, waiting) = (library.backlog()?, library.waiting()?);
            let formats = crate::format::Format::ALL.iter().map(|format| {
                let count = waiting.formats.get(format).copied().unwrap_or(0);
                (format.as_str(), count)
            });
            let waiting = WaitingFigures {
                formats: formats.collect(),
                bytes: backlog.bytes,
                set_aside: backlog.aside,
                lag: waiting.oldest_end.map_or(0, |end| now.saturating_sub(end).max(0)),
            };
            Ok((journal, Some(waiting)))
        });
        tokio::time::timeout(PATIENCE, read).await.ok()?.ok()
    }

    /// Whether the service works: the main loop and the storage thread give signs of life, as the watchdog wants them.
    pub fn healthy(&self) -> Healthy {
        Healthy::new(self.signs().stuck)
    }

    /// Whether publishers are let in, and their media reaches flash.
    pub fn ready(&self) -> Ready {
        let Signs { stuck, stall } = self.signs();
        let mut reasons = stuck;
        let mut add = |code, message: String| reasons.push(Why { code, message });
        if self.recorder.is_stopping() {
            add("stopping", "the service is stopping".to_owned());
        }
        let progress = self.store.progress();
        let progress = progress.borrow();
        match (&progress.full, &progress.failed) {
            (Some(full), _) => add("storage_full", full.clone()),
            (None, Some(failed)) => add("storage_failed", failed.clone()),
            (None, None) => {}
        }
        if let Some(stall) = stall {
            let seconds = stall.as_secs();
            add(
                "storage_stalled",
                format!("the storage device has accepted nothing for {seconds} s; media waits in memory"),
            );
        }
        Ready::new(reasons)
    }

    fn signs(&self) -> Signs {
        self.host().map(|host| host.signs()).unwrap_or_default()
    }
}

fn gaps(counts: &GapCounts) -> ByWord {
    let causes = GapCause::ALL.iter();
    causes.map(|cause| (cause.as_str(), counts.of(*cause))).collect()
}
