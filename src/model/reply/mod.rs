//! One type for what each command answers. MQTT, the control socket, `--json` and the schemas in `docs/` are made of it. The
//! answers of `/healthz` and `/readyz` are here, too.
//!
//! A published contract: a field may be added, never renamed. Names and ids are text here, times RFC 3339, lengths of time
//! seconds. A field that is always there is `null` where it has no value; one that is only there at times says so in its
//! text.

mod audit;
mod callback;
mod category;
mod channel;
mod channel_push;
mod clip;
mod device;
mod fingerprint;
mod health;
mod help;
mod job;
mod probe;
mod recording;
mod rule;
mod store;
mod stream;
mod sync;
mod task;
mod template;
mod timeline;
mod timeshift;
mod token;
mod verify;

pub use audit::{AuditEntry, AuditList};
pub use callback::{Callback, CallbackStatus};
pub use category::{Category, CategoryDeleted, CategoryList};
pub use channel::{Channel, ChannelDeleted, ChannelItem, ChannelList, ChannelPlay, ChannelState};
pub use channel_push::{ChannelPush, ChannelPushes, ChannelUnpushed, PushState};
pub use clip::{ClipMade, ClipState};
pub use device::{
    ConfigReloaded, ConfigShown, DeviceAbout, DeviceBroker, DeviceClock, LogLevel, LogLine, LogTail,
};
pub use fingerprint::{FingerprintFound, FingerprintMatch, FingerprintOf, FingerprintState};
pub use health::{
    ClockHealth, Health, LinkHealth, OutboxHealth, ProcessHealth, ReviewHealth, StorageHealth, StreamHealth,
    SyncHealth,
};
pub use help::{Argument, CommandAbout, CommandHelp, CommandsHelp, Help, Kind, Values};
pub use job::{Job, JobBegun, JobList, JobProgress, StillsBegun};
pub use probe::{Healthy, Ready, Why};
pub use recording::{
    ComposedOf, Delivery, Gap, NotReviewed, Recording, RecordingComposed, RecordingDeleted, RecordingFacts,
    RecordingKey, RecordingKeys, RecordingList, RecordingProtected, RecordingReviewed, RecordingTagged,
    Recordings, RecordingsBegun, RecordingsReviewed, RecordingsSplit, ReviewOf, Reviewed, SharesTape, Track,
};
pub use rule::{Origin, Rule, RuleDeleted, RuleList, RulePut};
pub use store::{StoreAdopted, StoreKept, StoreSpace, StoreStatus, StoreStream};
pub use stream::{LeftOutTrack, Stream, StreamKicked, StreamList};
pub use sync::{SyncLimit, SyncPaused};
pub use task::{Task, TaskList, TaskMissedTime, TaskSource};
pub use template::{Template, TemplateDeleted, TemplateList, TemplatePut};
pub use timeline::{Timeline, TimelineClip, TimelineDay, TimelineSpan};
pub use timeshift::{TimeShiftRange, TimeShiftRanges, TimeShiftStream, TimeShiftStreams};
pub use token::TokenMade;
pub use verify::{Problem, ProblemFragment, Verified};

use serde::Serialize;

/// The command was carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Done {}

/// A request with the same id was begun before the service was interrupted, and its object does not exist any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Already {
    /// Always true: it was done before, or there was nothing to do.
    pub already: bool,
}
