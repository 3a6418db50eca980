//! A folder: HLS.
//!
//! What a chunk needs goes before it, and the playlist that names it after it: whoever reads the playlist at any moment can
//! play what it says.

use std::collections::HashMap;

use crate::store::Piece;

/// The files that the store has, by their names.
pub(in crate::sync) type Files = HashMap<String, Piece>;

/// What the tape says of the folder now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sync) struct FolderFacts {
    /// Files that decode the chunks: name and mark.
    pub(in crate::sync) inits: Vec<(String, String)>,
    /// Those chunks that will stay as they are.
    pub(in crate::sync) chunks: Vec<ChunkFacts>,
    /// Nothing will be added to it.
    pub(in crate::sync) complete: bool,
}

/// A chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sync) struct ChunkFacts {
    pub(in crate::sync) name: String,
    pub(in crate::sync) bytes: u64,
    pub(in crate::sync) mark: String,
    /// Which of the inits decodes it.
    pub(in crate::sync) init: usize,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sync) enum FolderStep {
    /// Wait for more tape.
    Wait,
    /// Put a file: an init or a chunk.
    File { name: String, mark: String },
    /// Put the playlist of the first so many chunks, to which more will be added.
    Playlist { chunks: usize, mark: String },
    /// Put the playlist of all of them.
    LastPlaylist { mark: String },
    /// All of it is there.
    Done,
}

/// The name under which a playlist that was put is remembered. It cannot be a file's.
pub(in crate::sync) const PLAYLIST: &str = "index.m3u8";

/// Decides.
pub(in crate::sync) fn next_of_folder(facts: &FolderFacts, pieces: &Files) -> FolderStep {
    let mark_of = |name: &str| pieces.get(name).map(|piece| piece.mark.as_str());
    let file = |name: &str, mark: &str| FolderStep::File {
        name: name.to_owned(),
        mark: mark.to_owned(),
    };
    for (number, chunk) in facts.chunks.iter().enumerate() {
        if let Some((name, mark)) = facts.inits.get(chunk.init)
            && mark_of(name) != Some(mark)
        {
            return file(name, mark);
        }
        if mark_of(&chunk.name) == Some(&chunk.mark) {
            continue;
        }
        // On a slow link viewers get each chunk as it comes.
        return match playlist(facts, number, &mark_of) {
            Some(step) if !facts.complete => step,
            _ => file(&chunk.name, &chunk.mark),
        };
    }
    let step = playlist(facts, facts.chunks.len(), &mark_of);
    step.unwrap_or(match facts.complete {
        true => FolderStep::Done,
        false => FolderStep::Wait,
    })
}

/// Puts the playlist of the first so many chunks, unless it is there.
fn playlist<'a>(
    facts: &FolderFacts,
    chunks: usize,
    mark_of: &impl Fn(&str) -> Option<&'a str>,
) -> Option<FolderStep> {
    let last = chunks.checked_sub(1).and_then(|last| facts.chunks.get(last));
    let last = last.map_or("", |chunk| chunk.mark.as_str());
    if facts.complete {
        let mark = format!("all {chunks} {last}");
        return (mark_of(PLAYLIST) != Some(&mark)).then_some(FolderStep::LastPlaylist { mark });
    }
    let mark = format!("first {chunks} {last}");
    (chunks > 0 && mark_of(PLAYLIST) != Some(&mark)).then_some(FolderStep::Playlist { chunks, mark })
}
