//! What can happen, as types.
//!
//! An event is written to the outbox in the transaction that makes it true, and sent from there at least
//! once and in order. Its kind and body are what a consumer sees: a published contract, so a field may be
//! added, never renamed.
//!
//! Pure: of other rooms this one knows `model` alone. Names and ids are text here, times RFC 3339.

mod device;
pub mod dialect;
mod expired;
mod job;
mod kind;
mod missed;
mod publish;
mod recording;
mod short;

pub use device::{DeviceStarted, JournalSetAside, Recovered, TapeSetAside};
pub use dialect::{Dialect, Posted, Sender};
pub use expired::{AskedBy, ExpiredBy};
pub use job::{JobEnded, JobFile, JobSteps, StillDelivered};
pub use kind::KINDS;
pub use missed::{Miss, TaskMissed};
pub use publish::{PublishAbout, PublishOutcome, Recorded, RecordedBy};
pub use recording::{Evicted, RecordingClosed, RecordingDelivered, RecordingReviewed};
pub use short::{Lack, Missing, Short};

use serde::Serialize;

use crate::model::About;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Event {
    /// The service started, and this is what it found on flash.
    DeviceStarted(DeviceStarted),
    /// The service stops in good order.
    DeviceStopping {},
    /// Somebody publishes to a stream.
    PublishStarted {
        /// The stream.
        stream: String,
        /// The publish.
        publish: String,
        /// Whether the stream is recorded, and how, or why not.
        recorded: Recorded,
        /// Who it is.
        #[serde(flatten)]
        about: PublishAbout,
    },
    /// A publish is over.
    PublishEnded {
        /// The stream.
        stream: String,
        /// The publish.
        publish: String,
        /// The reason, in a word or two.
        reason: String,
        /// What came of it.
        #[serde(flatten)]
        outcome: PublishOutcome,
    },
    /// A recording began.
    RecordingStarted {
        /// The stream.
        stream: String,
        /// The recording.
        recording: String,
        /// When it starts.
        start: String,
        /// Where it plays while it grows and afterwards, as HLS; only where recordings are delivered nowhere, and viewers can
        /// connect.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// What it is of and for.
        #[serde(flatten)]
        about: About,
    },
    /// A recording's publisher is gone. If it is back in time, the recording continues.
    RecordingPaused {
        /// The stream.
        stream: String,
        /// The recording.
        recording: String,
        /// Where its media ends so far.
        at: String,
        /// How the publish ended.
        reason: String,
        /// What it is of and for.
        #[serde(flatten)]
        about: About,
    },
    /// A publisher is back, and its recording continues.
    RecordingResumed {
        /// The stream.
        stream: String,
        /// The recording.
        recording: String,
        /// Where its media ended.
        from: String,
        /// Where the media continues.
        at: String,
        /// What is missing in between, seconds.
        gap_s: f64,
        /// What it is of and for.
        #[serde(flatten)]
        about: About,
    },
    /// A clip is complete: all of it is durable.
    ClipReady(Box<RecordingClosed>),
    /// A recording is complete: all of it is durable.
    RecordingClosed(Box<RecordingClosed>),
    /// A file or folder of a recording is delivered: the object store has confirmed all of it.
    RecordingDelivered(Box<RecordingDelivered>),
    /// Somebody reviewed a recording: passed or blocked it, or wants it to be reviewed.
    RecordingReviewed(Box<RecordingReviewed>),
    /// Something should be recorded, and cannot be.
    RecordingFailed {
        /// The stream.
        stream: String,
        /// The recording, if it had begun.
        #[serde(skip_serializing_if = "Option::is_none")]
        recording: Option<String>,
        /// Why.
        reason: String,
    },
    /// A recording was removed from this box: its retention time is over, or it was evicted, or somebody
    /// deleted it.
    RecordingExpired {
        /// The stream.
        stream: String,
        /// The recording.
        recording: String,
        /// Which of these.
        reason: String,
        /// The reason, for programs.
        by: ExpiredBy,
        /// Who deleted the recording, as far as the journal knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        asked_by: Option<AskedBy>,
        /// For a deleted recording: the seconds of its footage that stay, because other recordings need them.
        #[serde(skip_serializing_if = "Option::is_none")]
        left_s: Option<f64>,
    },
    /// The time of a task is over, and nothing was recorded in it.
    TaskMissed(Box<TaskMissed>),
    /// A picture of a job is in the object store.
    StillDelivered(Box<StillDelivered>),
    /// A job is done, failed or was cancelled.
    JobEnded(Box<JobEnded>),
    /// A channel leaves a recording out, because it is not on the box any more; or a channel that a template wants cannot be made, or
    /// nobody could see it, because the box was off.
    ChannelException {
        /// The channel.
        channel: String,
        /// The stream of the recording.
        stream: String,
        /// The recording.
        recording: String,
        /// When the channel leaves it out: at the next border between two items. When the channel was to begin, where it cannot be made
        /// or nobody could see it.
        at: String,
        /// Why.
        reason: String,
    },
    /// A channel is to be sent to another server, and that fails. It is told once, until it was sent again, and at most once an hour.
    ChannelPushFailed {
        /// The channel.
        channel: String,
        /// The number of the push among those of the channel.
        push: u32,
        /// Where it is sent to, without its key.
        url: String,
        /// True when the server refused; false when it cannot be reached, or is lost.
        refused: bool,
        /// Why.
        reason: String,
    },
    /// Media that was not delivered was evicted for newer media: `on_full = "overwrite-oldest"`.
    MediaEvictedUndelivered(Evicted),
    /// The tape has a gap.
    StreamGap {
        /// The stream.
        stream: String,
        /// Where the gap begins.
        from: String,
        /// Where the tape goes on.
        to: String,
        /// Why.
        reason: String,
    },
    /// A publisher sent something that a viewer may notice.
    StreamException {
        /// The stream.
        stream: String,
        /// `timestamp`, `keyframe`, `codec`, `track`, `form`; also `resolution` and `desync`.
        what: String,
        /// In words.
        detail: String,
    },
    /// A publisher was refused, or was disconnected because it sent too much.
    AuthRefused {
        /// The requested stream, if one was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        stream: Option<String>,
        /// The address of the publisher; absent when one event reports several addresses.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// The reason, without secrets.
        reason: String,
        /// The number of refusals, also of those without their own event.
        count: u64,
    },
    /// The storage device does not accept media. Media that arrives is lost until `storage.recovered`.
    StorageFailed {
        /// The operation, the file, and the system's error.
        reason: String,
        /// The streams that lost media, if known.
        streams: Vec<String>,
    },
    /// The storage device accepts media again.
    StorageRecovered {},
    /// Less than a tenth of the space for media is left, and `on_full = "stop"`.
    StorageLow {
        /// Bytes that are left.
        left: u64,
        /// Bytes that media takes.
        used: u64,
    },
    /// No space is left for media, and nothing may be evicted. Media that arrives is not recorded until
    /// `storage.recovered`.
    StorageFull {
        /// The limit that is reached, and what can be done.
        reason: String,
        /// Bytes that media takes.
        used: u64,
    },
    /// The storage directory was repaired while the service was down.
    StorageRepaired {
        /// What recovery found and did, as at a start.
        recovered: Recovered,
        /// Further repairs, in sentences.
        changes: Vec<String>,
    },
    /// The storage directory came from another box. Recordings are delivered, and nothing is removed from the store of
    /// objects until somebody says that it belongs here (`store.adopt`).
    StorageMoved {},
    /// Somebody accepted the storage directory for this box.
    StorageAdopted {},
    /// The object store can be reached again, or for the first time.
    SyncOnline {
        /// Where it is.
        store: String,
    },
    /// The object store cannot be reached, or accepts nothing. Recordings wait.
    SyncOffline {
        /// Where it is.
        store: String,
        /// What it is about.
        reason: String,
    },
    /// A delivery failed, and waits for `sync.retry`. It does not delay the others.
    SyncError {
        /// The recording.
        recording: String,
        /// The format.
        format: String,
        /// Its key, if it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Why.
        reason: String,
    },
    /// The wall clock is right for the first time in this boot, or was stepped. The dates of everything of this boot are
    /// corrected, also in events that are not sent yet.
    ClockSynced {
        /// By how many seconds the dates moved.
        moved_s: f64,
    },
}

impl Event {
    /// The body as JSON: the `data` of the CloudEvent.
    pub fn body(&self) -> String {
        // Nothing in an event can fail to be JSON; should that ever change, the kind alone still goes out.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// UTC microseconds as RFC 3339 with all six digits, the one way edgereel writes a time.
///
/// ```
/// assert_eq!(edgereel::event::rfc3339(1_780_000_000_000_001), "2026-05-28T20:26:40.000001Z");
/// ```
pub fn rfc3339(utc_micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(utc_micros) {
        Ok(time) => format!("{time:.6}"),
        // Out of the calendar: only a clock that is mad gets here, and a recorder has to live with it.
        Err(_) => format!("{:.6}", jiff::Timestamp::UNIX_EPOCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_fields_alone() {
        let event = Event::PublishEnded {
            stream: "live/cam1".into(),
            publish: "p".into(),
            reason: "broken".into(),
            outcome: PublishOutcome::default(),
        };
        assert_eq!(event.kind(), "publish.ended");
        assert_eq!(
            event.body(),
            r#"{"stream":"live/cam1","publish":"p","reason":"broken"}"#
        );
        assert_eq!(Event::StorageRecovered {}.body(), "{}");
        assert!(
            Event::DeviceStarted(DeviceStarted::default())
                .body()
                .contains(r#""recovered":{"sealed":0"#)
        );
    }

    #[test]
    fn times_have_microseconds_whatever_they_are() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00.000000Z");
    }
}
