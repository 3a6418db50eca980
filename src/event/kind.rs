//! The names of events.

use super::Event;

/// The kinds of all events.
pub const KINDS: [&str; 32] = [
    "device.started",
    "device.stopping",
    "publish.started",
    "publish.ended",
    "recording.started",
    "recording.paused",
    "recording.resumed",
    "recording.closed",
    "clip.ready",
    "recording.delivered",
    "recording.reviewed",
    "recording.failed",
    "recording.expired",
    "task.missed",
    "job.ended",
    "channel.exception",
    "channel.push_failed",
    "media.evicted_undelivered",
    "stream.gap",
    "stream.exception",
    "auth.refused",
    "storage.failed",
    "storage.low",
    "storage.full",
    "storage.recovered",
    "storage.repaired",
    "storage.moved",
    "storage.adopted",
    "sync.online",
    "sync.offline",
    "sync.error",
    "clock.synced",
];

impl Event {
    /// The kind, as in topics and CloudEvents.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::DeviceStarted(_) => "device.started",
            Event::DeviceStopping {} => "device.stopping",
            Event::PublishStarted { .. } => "publish.started",
            Event::PublishEnded { .. } => "publish.ended",
            Event::RecordingStarted { .. } => "recording.started",
            Event::RecordingPaused { .. } => "recording.paused",
            Event::RecordingResumed { .. } => "recording.resumed",
            Event::RecordingClosed(_) => "recording.closed",
            Event::ClipReady(_) => "clip.ready",
            Event::RecordingDelivered(_) => "recording.delivered",
            Event::RecordingReviewed(_) => "recording.reviewed",
            Event::RecordingFailed { .. } => "recording.failed",
            Event::RecordingExpired { .. } => "recording.expired",
            Event::TaskMissed(_) => "task.missed",
            Event::JobEnded(_) => "job.ended",
            Event::ChannelException { .. } => "channel.exception",
            Event::ChannelPushFailed { .. } => "channel.push_failed",
            Event::MediaEvictedUndelivered(_) => "media.evicted_undelivered",
            Event::StreamGap { .. } => "stream.gap",
            Event::StreamException { .. } => "stream.exception",
            Event::AuthRefused { .. } => "auth.refused",
            Event::StorageFailed { .. } => "storage.failed",
            Event::StorageLow { .. } => "storage.low",
            Event::StorageFull { .. } => "storage.full",
            Event::StorageRecovered {} => "storage.recovered",
            Event::StorageMoved {} => "storage.moved",
            Event::StorageAdopted {} => "storage.adopted",
            Event::StorageRepaired { .. } => "storage.repaired",
            Event::SyncOnline { .. } => "sync.online",
            Event::SyncOffline { .. } => "sync.offline",
            Event::SyncError { .. } => "sync.error",
            Event::ClockSynced { .. } => "clock.synced",
        }
    }
}
