//! Decides the step of a command before anything is done. Pure.

use super::streams::{Decision, Limits, OpenSegment, decide as rotation};
use crate::media::StreamName;
use crate::store::Command;

/// The step of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The command waits for the commit of this batch. Commands behind it wait, too.
    Wait,
    /// The fragment is appended to the open segment.
    Append,
    /// The open segment ends, and a new one begins. The fragment that begins the new one waits for that.
    Rotate,
    /// The fragment cannot be kept.
    Lose(Lacks),
    /// The command becomes rows of the next commit.
    Enter,
}

/// The reason why a fragment cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacks {
    /// The fragment has no publish: it is not known, or is over.
    Publish,
    /// The fragment has no segment: one was to begin with it and could not. This fragment is lost, whatever it begins with; the
    /// next keyframe tries again.
    Segment,
    /// The fragment does not begin with a keyframe, and no segment is open that it could go on.
    Keyframe,
}

/// The values by which a step is decided.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// An earlier command about the same stream or recording waits for the commit of this batch.
    pub(super) waits: bool,
    /// The stream of the publish that the command is about, if that publish is live.
    pub(super) tape: Option<Tape<'a>>,
    pub(super) limits: Limits,
}

/// The state of a stream.
#[derive(Clone, Copy)]
pub(super) struct Tape<'a> {
    pub(super) open: Option<OpenSegment<'a>>,
    /// A segment could not be begun for the next fragment.
    pub(super) refused: bool,
}

pub(super) fn decide(command: &Command, known: Known<'_>) -> Step {
    if known.waits {
        return Step::Wait;
    }
    let Command::Append { fragment, .. } = command else {
        return Step::Enter;
    };
    let Some(tape) = known.tape else {
        return Step::Lose(Lacks::Publish);
    };
    match rotation(tape.open, fragment, known.limits) {
        Decision::Append => Step::Append,
        Decision::Begin | Decision::Drop if tape.refused => Step::Lose(Lacks::Segment),
        Decision::Begin => Step::Rotate,
        Decision::Drop => Step::Lose(Lacks::Keyframe),
    }
}

/// The moment at which a recording is removed on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// As soon as the recording is closed: its end is known, and the rest of it is on its way.
    WhenClosed,
    /// As soon as a segment of this stream is sealed: it contains footage of the recording, and is still written for another
    /// one.
    WhenSealed(StreamName),
    /// With the next commit. An open segment of this stream ends before it: footage in that segment could not be removed later,
    /// when no row says any more whose it was. Where nobody records, this end costs nothing.
    Now(Option<StreamName>),
}

/// The values by which a removal is decided.
#[derive(Clone, Debug)]
pub(super) struct Removable {
    /// The recording grows, and its end is known.
    pub(super) ends: bool,
    /// The stream of a recording that is over, or is over with the next commit.
    pub(super) over: Option<StreamName>,
    /// A recording of that stream grows.
    pub(super) shared: bool,
    /// A segment of that stream is open.
    pub(super) open: bool,
}

pub(super) fn removal(known: Removable) -> Removal {
    match known.over {
        _ if known.ends => Removal::WhenClosed,
        Some(stream) if known.shared && known.open => Removal::WhenSealed(stream),
        Some(_) if known.shared => Removal::Now(None),
        over => Removal::Now(over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PublishId;
    use crate::store::testing;

    const LIMITS: Limits = Limits {
        duration: 60_000_000,
        bytes: 1_000,
    };

    fn append(key: bool) -> Command {
        Command::Append {
            publish: PublishId::from_bytes([1; 16]),
            fragment: testing::fragment(0, key),
        }
    }

    fn known(tape: Option<Tape<'_>>) -> Known<'_> {
        Known {
            waits: false,
            tape,
            limits: LIMITS,
        }
    }

    fn nothing_open(refused: bool) -> Known<'static> {
        known(Some(Tape { open: None, refused }))
    }

    #[test]
    fn what_stands_behind_something_that_waits_waits() {
        let waits = Known {
            waits: true,
            ..nothing_open(false)
        };
        assert_eq!(decide(&append(true), waits), Step::Wait);
        assert_eq!(decide(&Command::Adopt, waits), Step::Wait);
        assert_eq!(decide(&Command::Adopt, known(None)), Step::Enter);
    }

    #[test]
    fn a_fragment_goes_on_what_is_open_or_begins_a_segment() {
        let tracks = testing::tracks();
        let open = |duration| {
            known(Some(Tape {
                open: Some(OpenSegment {
                    tracks: &tracks,
                    duration,
                    bytes: 0,
                    rotates: false,
                }),
                refused: false,
            }))
        };
        assert_eq!(decide(&append(true), open(0)), Step::Append);
        assert_eq!(decide(&append(false), open(60_000_000)), Step::Append);
        assert_eq!(decide(&append(true), open(60_000_000)), Step::Rotate);
        assert_eq!(decide(&append(true), nothing_open(false)), Step::Rotate);
    }

    #[test]
    fn each_fragment_that_is_lost_is_lost_for_a_reason() {
        assert_eq!(decide(&append(true), known(None)), Step::Lose(Lacks::Publish));
        for key in [true, false] {
            assert_eq!(
                decide(&append(key), nothing_open(true)),
                Step::Lose(Lacks::Segment)
            );
        }
        assert_eq!(
            decide(&append(false), nothing_open(false)),
            Step::Lose(Lacks::Keyframe)
        );
    }

    #[test]
    fn a_recording_is_removed_when_nothing_of_it_can_come_any_more() {
        let stream = || StreamName::new("live", "a").unwrap();
        let asked = |ends, over: bool, shared, open| {
            removal(Removable {
                ends,
                over: over.then(stream),
                shared,
                open,
            })
        };
        assert_eq!(asked(true, true, true, true), Removal::WhenClosed);
        assert_eq!(asked(false, true, true, true), Removal::WhenSealed(stream()));
        assert_eq!(asked(false, true, true, false), Removal::Now(None));
        assert_eq!(asked(false, true, false, true), Removal::Now(Some(stream())));
        assert_eq!(asked(false, true, false, false), Removal::Now(Some(stream())));
        // The journal knows whether the recording may be removed.
        assert_eq!(asked(false, false, true, true), Removal::Now(None));
    }
}
