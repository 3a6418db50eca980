//! One file: an MP4, an FLV, the sound alone.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::delivery::layout::{self, PART};
use crate::store::{Layout, Piece, Rendition, Upload};

/// The parts that the store has, by their numbers.
pub(in crate::delivery) type Parts = BTreeMap<u32, Piece>;

/// The tape's state of a file now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct FileFacts {
    /// Bytes before the body.
    pub(in crate::delivery) front: u64,
    /// Bytes of the body that will stay as they are.
    pub(in crate::delivery) settled: u64,
    /// Bytes of the whole file so far.
    pub(in crate::delivery) len: u64,
    /// The recording is closed: the file does not grow any more.
    pub(in crate::delivery) complete: bool,
    /// The store takes parts of any size in any order, and the file may go there while it grows.
    pub(in crate::delivery) may_grow: bool,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum FileStep {
    /// Wait for more tape.
    Wait,
    /// Send the whole file in one request.
    Put,
    /// Write down that an upload is about to begin, then begin it.
    Begin(Layout),
    /// Whether an upload was begun is not known: give up whatever was begun under the key.
    Sweep,
    Part {
        number: u32,
        /// Where its bytes are in the file as it is now.
        range: Range<u64>,
        /// How much of the body is sent with it and all before it: what its mark is of.
        marked: u64,
    },
    /// Complete the upload: the store makes one object of the parts.
    Complete,
    /// The sent parts are not parts of the file any more: cancel the upload and begin again.
    Restart,
}

/// Decides. `mark` tells what so many bytes of the body are made of now.
pub(in crate::delivery) fn next_of_file(
    facts: &FileFacts,
    rendition: &Rendition,
    pieces: &Parts,
    mark: &dyn Fn(u64) -> String,
) -> FileStep {
    match &rendition.upload {
        None => first_step(facts),
        Some(Upload { id: None, .. }) => FileStep::Sweep,
        Some(Upload {
            layout: Layout::Equal(size),
            ..
        }) => next_equal(*size, facts, pieces, mark),
        Some(Upload {
            layout: Layout::Growing,
            ..
        }) => next_growing(facts, pieces, mark),
    }
}

fn first_step(facts: &FileFacts) -> FileStep {
    if facts.complete {
        return match layout::equal(facts.len) {
            None => FileStep::Put,
            Some(layout) => FileStep::Begin(layout),
        };
    }
    // With a second part there is an upload; before that the file may still turn out to be a small one.
    if facts.may_grow && facts.settled >= layout::growing_part(2).end {
        FileStep::Begin(Layout::Growing)
    } else {
        FileStep::Wait
    }
}

fn next_equal(size: u64, facts: &FileFacts, pieces: &Parts, mark: &dyn Fn(u64) -> String) -> FileStep {
    if !facts.complete {
        // It was complete when this began, and is open again: only a journal that was made anew says so.
        return FileStep::Restart;
    }
    // One mark for all: the file is whole.
    let body = facts.len.saturating_sub(facts.front);
    if !pieces.is_empty() {
        let now = mark(body);
        if pieces.values().any(|piece| piece.mark != now) {
            return FileStep::Restart;
        }
    }
    for number in 1.. {
        let Some(range) = layout::equal_part(size, number, facts.len) else {
            break;
        };
        match pieces.get(&number) {
            Some(piece) if piece.bytes != range.end - range.start => return FileStep::Restart,
            Some(_) => continue,
            None => {
                return FileStep::Part {
                    number,
                    range,
                    marked: body,
                };
            }
        }
    }
    FileStep::Complete
}

fn next_growing(facts: &FileFacts, pieces: &Parts, mark: &dyn Fn(u64) -> String) -> FileStep {
    let body = facts.len.saturating_sub(facts.front);
    let (mut number, mut sent) = (2, layout::growing_part(2).start);
    let mut last = None;
    while let Some(piece) = pieces.get(&number) {
        sent = sent.saturating_add(piece.bytes);
        last = Some(piece);
        number += 1;
    }
    // The mark of the last one is of all that was sent before it, too.
    if last.is_some_and(|piece| sent > body || piece.mark != mark(sent)) {
        return FileStep::Restart;
    }
    let part = |number, range: Range<u64>, marked| FileStep::Part {
        number,
        range: facts.front.saturating_add(range.start)..facts.front.saturating_add(range.end),
        marked,
    };
    let whole = layout::growing_part(number);
    if sent != whole.start {
        // The last one was not full, as it was the end of the file; and now there is more.
        return if facts.complete && sent == body {
            first_part(facts, body, pieces)
        } else {
            FileStep::Restart
        };
    }
    if !facts.complete {
        return if facts.settled >= whole.end {
            part(number, whole.clone(), whole.end)
        } else {
            FileStep::Wait
        };
    }
    if whole.start < body {
        let end = whole.end.min(body);
        return part(number, whole.start..end, end);
    }
    first_part(facts, body, pieces)
}

/// The front and what of the body has room beside it, when all else is there.
fn first_part(facts: &FileFacts, body: u64, pieces: &Parts) -> FileStep {
    let end = facts.front.saturating_add(body.min(PART));
    match pieces.get(&1) {
        // The front has the date of its recording in it, and what was sent is of another.
        Some(piece) if piece.bytes != end => FileStep::Restart,
        Some(_) => FileStep::Complete,
        None => FileStep::Part {
            number: 1,
            range: 0..end,
            marked: body.min(PART),
        },
    }
}

/// CRC-32C and length of the file that the pieces make, in the order of their numbers.
pub(in crate::delivery) fn whole_crc(pieces: &Parts) -> (u32, u64) {
    pieces.values().fold((0, 0), |(crc, len), piece| {
        let bytes = usize::try_from(piece.bytes).unwrap_or(usize::MAX);
        (crc32c::crc32c_combine(crc, piece.crc, bytes), len + piece.bytes)
    })
}
