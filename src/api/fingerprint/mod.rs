//! `fingerprint.…`: recordings found again by their pictures. Who has a media worker makes fingerprints; it is told here that one is
//! asked for.

mod make;
mod search;

use self::make::{create, get};
use self::search::search;
use super::command::{Command, Effect, Kind, Reach, Right, Values, carries_out, needs};
use crate::model::reply::{Argument, FingerprintFound, FingerprintOf};

const ONE: &[Argument] = &[needs(
    "recording",
    Kind::Text,
    "the recording's id, or the beginning of the id",
)
.of(Values::Recordings)];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "fingerprint.create",
        about: "Make a fingerprint of a recording, and choose the pictures that represent it",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(create -> FingerprintOf),
    },
    Command {
        name: "fingerprint.get",
        about: "Show how far the fingerprint of a recording is",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: ONE,
        carry_out: carries_out!(get -> FingerprintOf),
    },
    Command {
        name: "fingerprint.search",
        about: "Find where else the pictures of a recording are, of a part of it, or one picture",
        effect: Effect::Reads,
        right: Right::Watch,
        reach: Reach::Streams,
        arguments: search::ARGUMENTS,
        carry_out: carries_out!(search -> FingerprintFound),
    },
];
