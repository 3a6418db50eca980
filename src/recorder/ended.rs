//! Why recordings end: the words in events, and the kind by which metrics count them.

use std::collections::BTreeMap;

use super::publish::EndReason;
use crate::store::Command;

pub(super) const SPLIT: &str = "split";
pub(super) const SPLIT_BY_SIZE: &str = "split by size";
pub(super) const RESTARTED: &str = "restarted";
pub(super) const STOPPED: &str = "stopped";
pub(super) const FINISHED: &str = "finished";
pub(super) const TIME_IS_OVER: &str = "its time is over";
pub(super) const NOBODY_CAME: &str = "nobody came back";
pub(super) const RULES_CHANGED: &str = "the rules changed";
pub(super) const TEMPLATE_CHANGED: &str = "the template changed";
pub(super) const TASK_CHANGED: &str = "its task was changed";
pub(super) const TASK_STOPPED: &str = "its task was stopped";
pub(super) const TASK_IS_OVER: &str = "its task is over";

/// What ended a recording, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndedBy {
    /// It was split, and the next one begins there.
    Split,
    /// The publisher ended its publish.
    Publisher,
    /// The connection broke, and nobody came back in time.
    Broken,
    /// Another publisher took over.
    TakenOver,
    /// Its time was over.
    Time,
    /// A command.
    Command,
    /// A rule, a template or a task was changed.
    Rules,
    /// It was made of a range of the tape, and complete at once.
    Clip,
    /// The service stopped.
    Shutdown,
}

impl EndedBy {
    /// All of them.
    pub const ALL: [EndedBy; 9] = [
        EndedBy::Split,
        EndedBy::Publisher,
        EndedBy::Broken,
        EndedBy::TakenOver,
        EndedBy::Time,
        EndedBy::Command,
        EndedBy::Rules,
        EndedBy::Clip,
        EndedBy::Shutdown,
    ];

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            EndedBy::Split => "split",
            EndedBy::Publisher => "publisher",
            EndedBy::Broken => "broken",
            EndedBy::TakenOver => "taken_over",
            EndedBy::Time => "time",
            EndedBy::Command => "command",
            EndedBy::Rules => "rules",
            EndedBy::Clip => "clip",
            EndedBy::Shutdown => "shutdown",
        }
    }

    /// What ended a recording, by the words that the recorder gives as the reason.
    fn of(reason: &str) -> Self {
        match reason {
            SPLIT | SPLIT_BY_SIZE => EndedBy::Split,
            RESTARTED | STOPPED | FINISHED | TASK_STOPPED => EndedBy::Command,
            TIME_IS_OVER | TASK_IS_OVER => EndedBy::Time,
            NOBODY_CAME => EndedBy::Broken,
            RULES_CHANGED | TEMPLATE_CHANGED | TASK_CHANGED => EndedBy::Rules,
            other => Self::of_publish(other),
        }
    }

    fn of_publish(reason: &str) -> Self {
        let known = [
            (EndReason::Unpublished, EndedBy::Publisher),
            (EndReason::TakenOver, EndedBy::TakenOver),
            (EndReason::Kicked, EndedBy::Command),
            (EndReason::Shutdown, EndedBy::Shutdown),
        ];
        let found = known.iter().find(|(end, _)| end.to_string() == reason);
        match found {
            Some((_, by)) => *by,
            None if reason.starts_with(&EndReason::Broken(String::new()).to_string()) => EndedBy::Broken,
            None => {
                defect!("a recording ended for a reason that is not known: {reason}");
                EndedBy::Broken
            }
        }
    }
}

/// The numbers of recordings that these commands close, by what ended them.
pub(super) fn closed(commands: &[Command]) -> BTreeMap<EndedBy, u64> {
    let mut counts = BTreeMap::new();
    for command in commands {
        if let Command::RecordingClosed { reason, .. } = command {
            *counts.entry(EndedBy::of(reason)).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_publish_has_its_kind() {
        for (reason, by) in [
            (EndReason::Unpublished, EndedBy::Publisher),
            (EndReason::Broken("reset by peer".to_owned()), EndedBy::Broken),
            (EndReason::TakenOver, EndedBy::TakenOver),
            (EndReason::Kicked, EndedBy::Command),
            (EndReason::Shutdown, EndedBy::Shutdown),
        ] {
            assert_eq!(EndedBy::of(&reason.to_string()), by, "{reason}");
        }
    }
}
