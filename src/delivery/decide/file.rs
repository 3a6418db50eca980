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
    /// An upload may have begun and its id is unknown: give up every upload that was begun under the key.
    Sweep,
    Part {
        number: u32,
        /// The part's bytes in the file as it is now.
        range: Range<u64>,
        /// Bytes of the body up to the end of this part: the part's mark is made of them.
        marked: u64,
    },
    /// Complete the upload: the store makes one object of the parts.
    Complete,
    /// The sent parts do not belong to the file any more: cancel the upload and begin again.
    Restart,
}

/// Decides the next step of a file. `mark` gives the mark of the first so many bytes of the body.
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
    // An upload has at least two parts: with fewer settled bytes the file may still turn out to be a small one.
    if facts.may_grow && facts.settled >= layout::growing_part(2).end {
        FileStep::Begin(Layout::Growing)
    } else {
        FileStep::Wait
    }
}

fn next_equal(size: u64, facts: &FileFacts, pieces: &Parts, mark: &dyn Fn(u64) -> String) -> FileStep {
    if !facts.complete {
        // The file was complete when the upload began, and is open again: only a journal that was made again says so.
        return FileStep::Restart;
    }
    // All parts have the same mark, as the file is whole.
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
    // The last part's mark also covers all parts before it.
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
        // The last part was not full, as it was the end of the file. If there is more now, the upload begins again.
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

/// Decides about part 1, when all other parts are there. It has the front, and as much of the body as fits beside it.
fn first_part(facts: &FileFacts, body: u64, pieces: &Parts) -> FileStep {
    let end = facts.front.saturating_add(body.min(PART));
    match pieces.get(&1) {
        // The front contains the recording's date, and the part was sent with another date.
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
