//! Streams that are had encrypted alone: their chunks, live and at another time, with keys of the stream.
//!
//! ```text
//! /<app>/<stream>/c/k/<key>/4711.m4s         chunk 4711, encrypted with this key
//! /<app>/<stream>/c/k/<key>/4711-4713.m4s    joined chunks, with the key of the first one
//! /<app>/<stream>/c/k/<key>/key              the key, for who may watch all of its chunks
//! ```

use std::ops::Range;
use std::sync::Arc;

use hyper::Method;

use super::{answer, of_key};
use crate::doors::http::answer::{Answer, Refusal};
use crate::doors::http::body::Source;
use crate::doors::http::door::Door;
use crate::doors::http::files::{Bounds, Reading, Sent};
use crate::doors::http::held::{Of, Sight, hidden};
use crate::doors::http::live;
use crate::format::hls::encryption::{StreamEncryption, StreamKeyId};
use crate::format::{FileError, VirtualFile};
use crate::media::{Micros, StreamName};
use crate::store::{Library, OpenTape};

/// How a stream is encrypted where it is had encrypted alone.
pub(in crate::doors::http) fn of_stream(
    door: &Door,
    stream: &StreamName,
) -> Result<Option<StreamEncryption>, Refusal> {
    let encrypt = door.api.encrypt(stream, None);
    let encrypt = encrypt.filter(|encrypt| !encrypt.also_clear);
    let keys = door.api.hls_keys();
    let encryption = encrypt.map(|encrypt| keys.encryption_of_stream(stream, encrypt));
    encryption.transpose().map_err(of_key)
}

/// Answers with the 16 bytes of a key of a stream. A viewer that may have media of a time gets a key only where all chunks of the key are
/// of that time, and a viewer that may not moderate only where none of them is held back.
pub(in crate::doors::http) async fn key(
    door: &Arc<Door>,
    stream: &StreamName,
    (id, bounds, sight): (StreamKeyId, Bounds, &Sight),
    method: &Method,
) -> Result<Answer, Refusal> {
    let open = door.store.open_tape(stream);
    let first = *id.numbers().start();
    let ring = live::ring(door, stream, first);
    let in_memory = ring.is_some_and(|ring| ring.chunks.iter().any(|chunk| chunk.number >= first));
    let (name, hides) = (stream.clone(), sight.clone());
    let read = move |library: &Library| {
        // Who may watch now gets no key of what may be watched when that right is over.
        let has_begun = in_memory || live::has_reached(library, &name, first, open.as_deref())?;
        let opens = bounds == (None, None) || opens(library, (&name, open.as_deref()), &id, bounds)?;
        let is_held = hides.hides_some(&name) && {
            let range = tape_of(library, (&name, open.as_deref()), &id)?;
            range.is_none_or(|(from, to)| hides.hides_of_stream(&name, from, to, Of::Stream))
        };
        Ok((has_begun, is_held, opens))
    };
    match door.read(read).await? {
        (true, false, true) => {}
        (true, true, _) => return Err(hidden(Of::Stream)),
        (true, false, false) => return Err(refused(stream)),
        (false, ..) => {
            return Err(Refusal::not_found(format!(
                "no chunk of {stream} has this key yet"
            )));
        }
    }
    let key = door.api.hls_keys().key_of_stream(stream, &id);
    Ok(answer(&key.map_err(of_key)?, method))
}

/// Which of these files with chunks a viewer has the keys of. They are in order, each with the numbers of its first and its last chunk.
pub(in crate::doors::http) async fn opened(
    door: &Arc<Door>,
    stream: &StreamName,
    (encryption, bounds): (&StreamEncryption, Bounds),
    numbers: Vec<(u64, u64)>,
) -> Result<Vec<bool>, Refusal> {
    if bounds == (None, None) || numbers.is_empty() {
        return Ok(vec![true; numbers.len()]);
    }
    let open = door.store.open_tape(stream);
    let (name, encryption) = (stream.clone(), encryption.clone());
    let read = move |library: &Library| {
        let key_id = |number| encryption.key_id(number);
        kept(&numbers, key_id, |id| {
            opens(library, (&name, open.as_deref()), id, bounds)
        })
    };
    let kept = door.read(read).await?;
    if kept.iter().all(|kept| !kept) {
        return Err(refused(stream));
    }
    Ok(kept)
}

/// Which of the chunks have keys that open. What is between two of them is of the same time, as long as no number is missing between
/// them: of a key that has missing chunks, nobody knows the time.
fn kept<E>(
    numbers: &[(u64, u64)],
    key_id: impl Fn(u64) -> StreamKeyId,
    mut opens: impl FnMut(&StreamKeyId) -> Result<bool, E>,
) -> Result<Vec<bool>, E> {
    let mut kept = Vec::with_capacity(numbers.len());
    for run in numbers.chunk_by(|one, next| one.1.checked_add(1) == Some(next.0)) {
        let ids: Vec<StreamKeyId> = run.iter().map(|(first, _)| key_id(*first)).collect();
        let within = within(&ids, &mut opens)?;
        kept.extend((0..ids.len()).map(|at| within.contains(&at)));
    }
    Ok(kept)
}

/// Where the ids begin and end that open.
fn within<E>(
    ids: &[StreamKeyId],
    mut opens: impl FnMut(&StreamKeyId) -> Result<bool, E>,
) -> Result<Range<usize>, E> {
    let (mut first, mut end) = (0, ids.len());
    while let Some(id) = ids.get(first)
        && !opens(id)?
    {
        first += ids.iter().skip(first).take_while(|other| *other == id).count();
    }
    while let Some(id) = ids.get(first..end).and_then(<[_]>::last)
        && !opens(id)?
    {
        let same = ids
            .iter()
            .take(end)
            .rev()
            .take_while(|other| *other == id)
            .count();
        end -= same;
    }
    Ok(first..end.max(first))
}

/// True when all chunks of a key are of a time that a viewer may have. Of chunks that are not on the tape nobody knows that. Blocks.
fn opens(
    library: &Library,
    (stream, open): (&StreamName, Option<&OpenTape>),
    id: &StreamKeyId,
    (from, to): Bounds,
) -> Result<bool, Refusal> {
    let numbers = id.numbers();
    let span = |number: u64| live::span_of(library, stream, number, open);
    let begins = match from {
        Some(from) => span(*numbers.start())?.is_some_and(|(begins, _)| begins >= from),
        None => true,
    };
    let ends = match to {
        Some(to) if begins => span(*numbers.end())?.is_some_and(|(_, ends)| ends <= to),
        _ => true,
    };
    Ok(begins && ends)
}

/// Tape time of the first and the last chunk of a key that there are so far, where both are on the tape. Blocks.
fn tape_of(
    library: &Library,
    (stream, open): (&StreamName, Option<&OpenTape>),
    id: &StreamKeyId,
) -> Result<Option<(Micros, Micros)>, Refusal> {
    let numbers = id.numbers();
    let Some((from, _)) = live::tape_of(library, stream, *numbers.start(), open)? else {
        return Ok(None);
    };
    let to = match live::tape_of(library, stream, *numbers.end(), open)? {
        Some((_, to)) => Some(to),
        // The last chunk is yet to come, or is missing, and then so is this one.
        None => live::newest(library, stream, open)?
            .filter(|(number, _)| *number <= *numbers.end())
            .map(|(_, to)| to),
    };
    Ok(to.map(|to| (from, to)))
}

fn refused(stream: &StreamName) -> Refusal {
    Refusal::refused(format!(
        "{stream} is encrypted, and a key opens more of it than you may have: times (from, to) give only keys whose chunks all lie \
         within them. Use a token without times, longer times, or a smaller key_chunks under [template.hls]"
    ))
}

/// The file with the chunks of these numbers, encrypted.
pub(in crate::doors::http) fn sealed(
    sent: Sent,
    encryption: Option<&StreamEncryption>,
    numbers: (u64, u64),
) -> Sent {
    let Some(encryption) = encryption else {
        return sent;
    };
    let clear = Clear {
        source: sent.source,
        len: sent.len,
    };
    let file = encryption.encrypted(clear, numbers);
    let tag = sent.etag.trim_matches('"');
    Sent {
        len: file.len(),
        etag: format!("\"{tag}-{}\"", encryption.key_id(numbers.0)),
        source: Arc::new(Reading::new(file)),
        ..sent
    }
}

/// What a response would send in clear, as a file.
struct Clear {
    source: Arc<dyn Source>,
    len: u64,
}

impl VirtualFile for Clear {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(buf.len());
        let part = buf.get_mut(..count).unwrap_or_default();
        match self.source.read(offset, part) {
            Ok(()) => Ok(count),
            Err(reason) => Err(FileError::Unsupported {
                format: "hls",
                reason,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_around_a_missing_one_are_left_out_where_their_key_does_not_open() {
        let key_id = |number: u64| format!("5f2a90c1-3-{}", number / 3).parse().unwrap();
        // Chunk 4 is missing, so nobody knows all of the time of the key of 3 to 5. 9 and 10 are joined.
        let numbers = [(0, 0), (1, 1), (2, 2), (3, 3), (5, 5), (6, 6), (7, 8), (9, 10)];
        let opens = |id: &StreamKeyId| Ok::<_, ()>(matches!(id.period, 0 | 2));
        let kept = kept(&numbers, key_id, opens).unwrap();
        assert_eq!(kept, [true, true, true, false, false, true, true, false]);
    }

    #[test]
    fn chunks_whose_keys_open_too_much_are_left_out_at_both_ends() {
        let ids = |periods: &[u64]| -> Vec<StreamKeyId> {
            let id = |period: &u64| format!("5f2a90c1-2-{period}").parse().unwrap();
            periods.iter().map(id).collect()
        };
        for (periods, opens, kept) in [
            (&[3, 4, 4, 5, 5, 6][..], 4..=5, 1..5),
            (&[3, 3, 4], 0..=9, 0..3),
            (&[3, 3, 4], 4..=4, 2..3),
            (&[3, 3, 4], 3..=3, 0..2),
            (&[3, 3, 4], 5..=9, 3..3),
            (&[3], 4..=9, 1..1),
            (&[], 0..=9, 0..0),
        ] {
            let mut asked = 0;
            let found = within(&ids(periods), |id| {
                asked += 1;
                Ok::<_, ()>(opens.contains(&id.period))
            });
            assert_eq!(found.unwrap(), kept, "{periods:?}");
            assert!(asked <= 4, "{asked}");
        }
    }
}
