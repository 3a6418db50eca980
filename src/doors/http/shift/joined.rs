//! Joined chunks as one file: whole chunks of a segment of the tape, one behind the other.

use std::sync::Arc;

use hyper::{HeaderMap, Method};

use crate::doors::http::answer::{Answer, Refusal};
use crate::doors::http::body::Source;
use crate::doors::http::door::{Allowed, Door};
use crate::doors::http::encrypted;
use crate::doors::http::files::{Bounds, Reading, Sent, of_file, of_store, send};
use crate::doors::http::flow::Pace;
use crate::doors::http::held::{Grant, Of};
use crate::doors::http::live::{span, tape as tape_times};
use crate::format::chunks::TapeChunk;
use crate::format::hls::encryption::StreamEncryption;
use crate::format::hls::live::ChunkFile;
use crate::format::{FileError, TapeSource as _, ViewSegment, VirtualFile as _};
use crate::media::{Micros, StreamName};
use crate::store::{ChunkAt, Library, LibrarySource, OpenTape, TapeSpan};
use crate::timeshift::MOST_JOINED;

/// Joined chunks last 6 s at most, by what playlists say of each; sound may be a moment longer.
const MOST_JOINED_LASTS: Micros = 6_500_000;

/// Answers with the chunks from `first` to `last`.
pub(in crate::doors::http) async fn joined(
    door: &Arc<Door>,
    stream: &StreamName,
    ((first, last), bounds, encryption): ((u64, u64), Bounds, Option<&StreamEncryption>),
    (grant, how): (&Grant, (&Method, &HeaderMap)),
) -> Result<Answer, Refusal> {
    if last.saturating_sub(first) >= MOST_JOINED as u64 {
        return Err(none(first, last));
    }
    let allowed = door.allowed(stream, bounds).await?;
    let open = door.store.open_tape(stream);
    let name = stream.clone();
    let read = move |library: &Library| find(library, &name, (first, last), (open.as_deref(), allowed));
    let (sent, (from, to)) = door.read(read).await?;
    let sent = encrypted::sealed(sent, encryption, (first, last));
    let range = TapeSpan {
        stream: stream.clone(),
        from,
        to,
    };
    grant.sight.tape(std::slice::from_ref(&range), Of::Stream)?;
    let sent = Sent {
        until: grant.until,
        guard: grant.sight.guard(vec![range], Of::Stream),
        ..sent
    };
    Ok(send(door, &sent, how))
}

fn none(first: u64, last: u64) -> Refusal {
    Refusal::not_found(format!("no playlist joins the chunks {first} to {last}"))
}

/// What is sent, and its tape times.
type Found = (Sent, (Micros, Micros));

/// Finds the chunks. Blocks.
fn find(
    library: &Library,
    stream: &StreamName,
    (first, last): (u64, u64),
    (open, allowed): (Option<&OpenTape>, Allowed),
) -> Result<Found, Refusal> {
    if let Some(open) = open {
        let chunks = open.chunks();
        if chunks.iter().any(|chunk| chunk.number == first) {
            let source = library.open_source(open);
            return sent(&open.segment, &chunks, source, ((first, last), allowed));
        }
    }
    match library
        .chunk_at(stream, first)
        .map_err(|error| of_store(&error))?
    {
        ChunkAt::Sealed(sealed, source) => {
            let index = source.index(sealed.segment.id);
            let index = index.map_err(|error| of_file(&FileError::Source(error)))?;
            sent(
                &sealed.segment,
                &sealed.list(&index),
                source,
                ((first, last), allowed),
            )
        }
        ChunkAt::Gone => Err(Refusal::gone(format!(
            "chunk {first} of {stream} is not on the box any more"
        ))),
        ChunkAt::Open | ChunkAt::Never => Err(none(first, last)),
    }
}

fn sent(
    segment: &ViewSegment,
    chunks: &[TapeChunk],
    tape: LibrarySource,
    ((first, last), allowed): ((u64, u64), Allowed),
) -> Result<Found, Refusal> {
    let wanted: Vec<&TapeChunk> = chunks
        .iter()
        .filter(|chunk| (first..=last).contains(&chunk.number))
        .collect();
    // More than a playlist joins would show a viewer more than its right is for: the chunks at the ends of a time are shown whole.
    let lasts: Micros = wanted.iter().map(|chunk| chunk.duration).sum();
    if wanted.len() as u64 != last - first + 1 || first < last && lasts > MOST_JOINED_LASTS {
        return Err(none(first, last));
    }
    if !wanted.iter().any(|chunk| allowed.has(span(segment, chunk))) {
        return Err(Refusal::not_found("there is nothing here that you may see"));
    }
    let times = wanted.iter().map(|chunk| tape_times(segment, chunk));
    let range = times.reduce(|(from, to), (begins, ends)| (from.min(begins), to.max(ends)));
    let mut behind = Behind::default();
    let mut tag = String::new();
    for chunk in wanted {
        let file = ChunkFile::open(segment.clone(), tape.clone(), &chunk.into());
        let file = file.map_err(|error| of_file(&error))?;
        if !tag.is_empty() {
            tag.push('-');
        }
        tag.push_str(&file.tag().to_string());
        behind.add(file.len(), Reading::new(file));
    }
    let sent = Sent {
        len: behind.len,
        etag: format!("\"{tag}\""),
        source: Arc::new(behind),
        tape: Some(tape),
        media_type: "video/mp4",
        pace: Pace::Player,
        changed: None,
        until: None,
        guard: None,
    };
    Ok((sent, range.unwrap_or_default()))
}

/// Files one behind the other.
struct Behind<F> {
    /// Where each file begins, its length, and the file.
    files: Vec<(u64, u64, F)>,
    len: u64,
}

impl<F> Default for Behind<F> {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            len: 0,
        }
    }
}

impl<F> Behind<F> {
    fn add(&mut self, len: u64, file: F) {
        self.files.push((self.len, len, file));
        self.len = self.len.saturating_add(len);
    }
}

impl<F: Source> Source for Behind<F> {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let (mut at, mut rest) = (offset, buffer);
        let is_before = |begins: u64, len: u64| begins.saturating_add(len) <= offset;
        for (begins, len, file) in &self.files {
            if rest.is_empty() {
                return Ok(());
            }
            if is_before(*begins, *len) {
                continue;
            }
            let within = at.saturating_sub(*begins);
            let left = usize::try_from(len.saturating_sub(within)).unwrap_or(usize::MAX);
            let (own, others) = rest.split_at_mut(left.min(rest.len()));
            file.read(within, own)?;
            at = at.saturating_add(own.len() as u64);
            rest = others;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(format!("{} bytes are missing behind {at}", rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl Source for Bytes {
        fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
            let from = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&self.0[from..from + buffer.len()]);
            Ok(())
        }
    }

    #[test]
    fn files_are_read_one_behind_the_other_from_anywhere() {
        let mut behind = Behind::default();
        for part in [&b"abc"[..], b"d", b"", b"efgh"] {
            behind.add(part.len() as u64, Bytes(part.to_vec()));
        }
        let whole = b"abcdefgh";
        for from in 0..=whole.len() {
            for to in from..=whole.len() {
                let mut buffer = vec![0; to - from];
                behind.read(from as u64, &mut buffer).unwrap();
                assert_eq!(buffer, &whole[from..to]);
            }
        }
        assert!(behind.read(6, &mut [0; 3]).is_err());
    }
}
