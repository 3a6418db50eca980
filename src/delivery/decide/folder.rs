//! A folder: HLS.
//!
//! The init of a chunk is sent before the chunk, and the playlist that names the chunk after it. So at any moment a player can
//! play every chunk that the playlist names. The master playlist is sent after the first playlist.

use std::collections::HashMap;

use crate::store::Piece;

/// The files that the store has, by their names.
pub(in crate::delivery) type Files = HashMap<String, Piece>;

/// The tape's state of the folder now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct FolderFacts {
    /// Files that decode the chunks: name and mark.
    pub(in crate::delivery) inits: Vec<(String, String)>,
    /// The settled chunks.
    pub(in crate::delivery) chunks: Vec<ChunkFacts>,
    /// The mark of the master playlist.
    pub(in crate::delivery) master: String,
    /// The recording is closed: the folder does not grow any more.
    pub(in crate::delivery) complete: bool,
    /// Milliseconds that must still be recorded before there may be another chunk.
    pub(in crate::delivery) next_ms: u64,
}

/// A chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct ChunkFacts {
    pub(in crate::delivery) name: String,
    pub(in crate::delivery) bytes: u64,
    pub(in crate::delivery) mark: String,
    /// The number of the init that decodes the chunk.
    pub(in crate::delivery) init: usize,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum FolderStep {
    /// Wait for more tape.
    Wait,
    /// Put a file: an init or a chunk.
    File { name: String, mark: String },
    /// Put the playlist of the first so many chunks, to which more will be added.
    Playlist { chunks: usize, mark: String },
    /// Put the playlist of all chunks.
    LastPlaylist { mark: String },
    /// Put the master playlist: of the chunks so far while the folder grows, or of all chunks.
    Master { mark: String },
    /// The folder is complete.
    Done,
}

/// The name under which a master playlist that was put is remembered.
pub(in crate::delivery) const MASTER: &str = "master.m3u8";

/// The mark of a live playlist begins with this word, that of the last playlist with the other.
const FIRST: &str = "first";
const ALL: &str = "all";

/// The name under which a playlist that was put is remembered. It cannot be a file's.
pub(in crate::delivery) const PLAYLIST: &str = "index.m3u8";

/// Decides the next step of a folder. With `hold`, viewers got a playlist a moment ago and there is more to send, so the next
/// playlist waits.
pub(in crate::delivery) fn next_of_folder(facts: &FolderFacts, pieces: &Files, hold: bool) -> FolderStep {
    let mark_of = |name: &str| pieces.get(name).map(|piece| piece.mark.as_str());
    let file = |name: &str, mark: &str| FolderStep::File {
        name: name.to_owned(),
        mark: mark.to_owned(),
    };
    if let Some(step) = master(facts, &mark_of) {
        return step;
    }
    for (number, chunk) in facts.chunks.iter().enumerate() {
        if let Some((name, mark)) = facts.inits.get(chunk.init)
            && mark_of(name) != Some(mark)
        {
            return file(name, mark);
        }
        if mark_of(&chunk.name) == Some(&chunk.mark) {
            continue;
        }
        // On a slow link viewers get each chunk as it arrives, also when the recording has ended meanwhile.
        return match so_far(facts, number, &mark_of) {
            Some(step) if !hold && (!facts.complete || was_seen(&mark_of)) => step,
            _ => file(&chunk.name, &chunk.mark),
        };
    }
    if facts.complete {
        last_playlist(facts, &mark_of).unwrap_or(FolderStep::Done)
    } else {
        so_far(facts, facts.chunks.len(), &mark_of).unwrap_or(FolderStep::Wait)
    }
}

/// True when the store has a playlist that viewers may have seen while the recording grew.
pub(in crate::delivery) fn was_seen<'a>(mark_of: &impl Fn(&str) -> Option<&'a str>) -> bool {
    mark_of(PLAYLIST).is_some_and(|mark| mark.starts_with(FIRST))
}

/// How many chunks a playlist names, by its mark.
fn listed(mark: &str) -> usize {
    let count = mark.split(' ').nth(1);
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn last_mark(facts: &FolderFacts, chunks: usize) -> &str {
    let last = chunks.checked_sub(1).and_then(|last| facts.chunks.get(last));
    last.map_or("", |chunk| chunk.mark.as_str())
}

/// Puts the playlist of the first so many chunks, unless it is there.
fn so_far<'a>(
    facts: &FolderFacts,
    chunks: usize,
    mark_of: &impl Fn(&str) -> Option<&'a str>,
) -> Option<FolderStep> {
    let mark = format!("{FIRST} {chunks} {}", last_mark(facts, chunks));
    // A chunk that viewers saw stays in the playlist, also when the chunk has to be put again.
    let listed = mark_of(PLAYLIST).map_or(0, listed);
    let news = chunks > listed || chunks == listed && mark_of(PLAYLIST) != Some(&mark);
    (chunks > 0 && news).then_some(FolderStep::Playlist { chunks, mark })
}

/// Puts the master playlist, unless it is there. It names the other playlist, which has to be there first.
fn master<'a>(facts: &FolderFacts, mark_of: &impl Fn(&str) -> Option<&'a str>) -> Option<FolderStep> {
    mark_of(PLAYLIST)?;
    let of = if facts.complete { ALL } else { FIRST };
    let mark = format!("{of} {}", facts.master);
    (mark_of(MASTER) != Some(&mark)).then_some(FolderStep::Master { mark })
}

/// Puts the playlist of all chunks, unless it is there.
fn last_playlist<'a>(facts: &FolderFacts, mark_of: &impl Fn(&str) -> Option<&'a str>) -> Option<FolderStep> {
    let chunks = facts.chunks.len();
    let mark = format!("{ALL} {chunks} {}", last_mark(facts, chunks));
    (mark_of(PLAYLIST) != Some(&mark)).then_some(FolderStep::LastPlaylist { mark })
}
