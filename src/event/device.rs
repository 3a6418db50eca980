//! What a start found.

use serde::Serialize;

/// The body of `device.started`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceStarted {
    /// The release that runs.
    pub version: String,
    /// The kernel's id of this boot, in hexadecimal.
    pub boot_id: String,
    /// What recovery found.
    pub recovered: Recovered,
}

/// What start-up found on flash and did about it. All zero after a clean shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recovered {
    /// Segments that were being written, now sealed at their last whole fragment.
    pub sealed: u64,
    /// Bytes of torn fragments cut from their ends.
    pub truncated_bytes: u64,
    /// Segments begun without one whole fragment, removed.
    pub empty: u64,
    /// Files without a row whose identity was readable, now on the tape.
    pub adopted: u64,
    /// Files nobody could read, now in `lost+found`.
    pub lost_found: u64,
    /// Sealed segments whose file is gone.
    pub missing: u64,
    /// Segments that were missing before and are back.
    pub returned: u64,
    /// Publishes that were interrupted by the end of the last run.
    pub publishes_ended: u64,
    /// Recordings that wait for their publishers.
    pub recordings_paused: u64,
    /// Recordings closed at the end of their tape.
    pub recordings_closed: u64,
    /// The journal that could not be used any more. The contents of this event were found again from the files.
    pub journal_set_aside: Option<JournalSetAside>,
    /// The tape from which no journal could be made. Nothing of it was removed, and an empty tape was begun.
    pub tape_set_aside: Option<TapeSetAside>,
    /// The first of the files that were lost, damaged or moved, each with what is wrong with it.
    pub files: Vec<String>,
}

/// A journal that was damaged, or written by a later release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JournalSetAside {
    /// The folder where it is kept.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A tape from which no journal could be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TapeSetAside {
    /// The folder where it is kept.
    pub path: String,
    /// What went wrong with it.
    pub reason: String,
}

impl Recovered {
    /// True when the last shutdown left nothing to do.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}
