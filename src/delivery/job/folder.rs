//! The transfer of a folder: HLS.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::{Answer, End, NoMaterial, Reached, Request, SECOND, Transfer, senseless};
use crate::delivery::decide::{Files, FolderFacts, FolderStep, next_of_folder, was_seen};
use crate::delivery::remote::Payload;
use crate::delivery::source::{FileSource, OpenFolder, Read, from_tape};
use crate::format::View;
use crate::format::hls::{MASTER, PLAYLIST};
use crate::media::Micros;
use crate::store::{DeliveryChange, LibrarySource, Piece};

const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const CHUNK_TYPE: &str = "video/iso.segment";
const INIT_TYPE: &str = "video/mp4";

/// No cache may keep a playlist that still grows.
const NOT_KEPT: Option<&str> = Some("no-cache");

/// Files that are sent at once to a store that is far away, when more than one waits.
pub(in crate::delivery) const AT_ONCE: usize = 3;

/// A file that took no longer than this spends its time on the round trip, and the link has room for another file.
const QUICK: Micros = SECOND + SECOND / 2;

/// While more chunks wait, the next playlist waits this long. With the time of one chunk, that is at most one and a half target
/// durations, as long as the link carries the stream.
const HOLD: Micros = 3 * SECOND;

/// A file of the folder that is to be sent.
struct Outgoing {
    piece: Piece,
    payload: Payload,
    source: Option<Arc<FileSource>>,
    mime: &'static str,
    cache: Option<&'static str>,
}

impl Transfer<'_> {
    pub(super) async fn send_folder(
        &mut self,
        view: View<LibrarySource>,
        complete: bool,
    ) -> Result<Reached, End> {
        let id = self.rendition.id;
        let grows = self.cx.is_live();
        let mut look = self.cx.looks().remove(&self.job).unwrap_or_default();
        let encryption = self.material.encryption.clone();
        let opened = self.cx.read(move |library| {
            let pieces = library.pieces(id)?;
            let mark_of = |name: &str| pieces.iter().find(|piece| piece.name == name);
            let seen = was_seen(&|name| Some(mark_of(name)?.mark.as_str()));
            let folder = OpenFolder::open(view, encryption, grows || seen, &mut look)?;
            let facts = folder.facts(complete, &mut look);
            Ok((Arc::new(folder), facts, pieces, look))
        });
        let (folder, facts, pieces, look) = self.material.visit.looking(self.cx, opened).await?;
        if grows {
            self.cx.looks().insert(self.job, look);
        }
        let mut files: Files = pieces
            .into_iter()
            .map(|piece| (piece.name.clone(), piece))
            .collect();
        let next = i64::try_from(facts.next_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        if facts.chunks.is_empty() {
            return if complete {
                Err(NoMaterial::Void("there is no picture and no sound in it".to_owned()).into())
            } else {
                Ok(Reached::Tape(next))
            };
        }
        if !complete && !self.cx.is_live() {
            return Ok(Reached::Tape(next));
        }
        let bytes = facts.chunks.iter().map(|chunk| chunk.bytes).sum();
        let mut looked = !self.material.found_again;
        let (mut at_once, mut listed, mut sent_some) = (1, None::<Micros>, false);
        loop {
            self.cx.may_go_on()?;
            if files.contains_key(MASTER) {
                self.announce_master().await?;
            }
            let now = self.cx.clock.boot();
            // Viewers have enough to play while the transfer is behind: chunks go first, and a playlist follows once in a
            // while.
            let hold = listed.is_some_and(|at| now.saturating_sub(at) < HOLD);
            let step = next_of_folder(&facts, &files, hold);
            if step == FolderStep::Wait || !self.name().await? {
                return Ok(Reached::Tape(next));
            }
            if !looked && complete && self.is_there(PLAYLIST, folder.last_playlist().len()).await? {
                // The master playlist may not have been sent after the last playlist.
                self.make_sure_of_master(&folder, &facts).await?;
                return self.folder_is_there(&folder, &facts, &files, bytes).await;
            }
            looked = true;
            self.show(files.values().map(|piece| piece.bytes).sum(), bytes);
            let is_playlist = matches!(step, FolderStep::Playlist { .. });
            let steps = match step {
                FolderStep::Wait => return Ok(Reached::Tape(next)),
                FolderStep::Done => return self.folder_is_there(&folder, &facts, &files, bytes).await,
                FolderStep::File { .. } if sent_some && self.gives_way() => return Ok(Reached::Turn),
                FolderStep::File { .. } => files_ahead(&facts, &files, at_once),
                other => vec![other],
            };
            let mut outgoing = Vec::with_capacity(steps.len());
            for step in steps {
                outgoing.extend(prepare(&folder, &facts, step).await?);
            }
            let began = self.cx.clock.boot();
            let sent = all(outgoing.into_iter().map(|file| self.put_file(file)).collect()).await;
            let took = self.cx.clock.boot().saturating_sub(began);
            if !is_playlist {
                at_once = if took <= QUICK { AT_ONCE } else { 1 };
            }
            for piece in sent {
                let piece = piece?;
                files.insert(piece.name.clone(), piece);
            }
            if is_playlist {
                let now = self.cx.clock.boot();
                listed = Some(now);
                let longest = i64::try_from(folder.longest_s()).unwrap_or(i64::MAX);
                let due = now.saturating_add(longest.saturating_mul(SECOND + SECOND / 2));
                self.cx.due().insert(self.job, due);
            }
            sent_some = true;
        }
    }

    async fn put_file(&self, file: Outgoing) -> Result<Piece, End> {
        self.still_here().await?;
        let (mut piece, body) = (file.piece, file.payload);
        let key = self.key_of(&piece.name);
        let about = self.about(file.mime, file.cache);
        let request = Request::Put {
            key: key.clone(),
            body,
            about,
        };
        let answer = self.ask(request).await;
        if answer.is_err()
            && let Err(gone @ End::Material(NoMaterial::Gone)) = self.still_here().await
        {
            // The recording and its tape were deleted while the file was sent. The store may have a part of the file.
            let _ = self.ask(Request::Remove { key }).await;
            return Err(gone);
        }
        if let Some(reason) = file.source.and_then(|source| source.failure()) {
            // The tape caused this failure, not the network.
            return Err(NoMaterial::Tape(reason).into());
        }
        let Answer::Stored { etag } = answer? else {
            return Err(senseless("a file"));
        };
        if file.cache != NOT_KEPT {
            // A growing playlist is put again in a moment; any other file must be there.
            self.make_sure(&key, piece.bytes, &etag).await?;
        }
        piece.etag = etag;
        let change = DeliveryChange::Piece(self.rendition.id, piece.clone());
        self.cx.commit(vec![change]).await?;
        Ok(piece)
    }

    async fn make_sure_of_master(
        &mut self,
        folder: &Arc<OpenFolder>,
        facts: &FolderFacts,
    ) -> Result<(), End> {
        if !self.is_there(MASTER, folder.master(true).len()).await? {
            let mark = facts.master.clone();
            if let Some(file) = prepare(folder, facts, FolderStep::Master { mark }).await? {
                self.put_file(file).await?;
            }
        }
        self.announce_master().await
    }

    /// Announces the address of the master playlist once it is in the store.
    async fn announce_master(&mut self) -> Result<(), End> {
        if self.rendition.master_url.is_some() {
            return Ok(());
        }
        self.rendition.master_url = Some(self.url_of(&self.key_of(MASTER)));
        self.write_down().await
    }

    /// True when the store has the last playlist of a recording that was found again. That playlist was sent after all files
    /// that it names.
    async fn is_there(&self, name: &str, bytes: usize) -> Result<bool, End> {
        let Some(seen) = self.seen(self.key_of(name)).await? else {
            return Ok(false);
        };
        let ours = seen.recording.as_deref() == Some(&self.job.recording.to_string());
        Ok(ours && seen.bytes == bytes as u64)
    }

    async fn folder_is_there(
        &mut self,
        folder: &OpenFolder,
        facts: &FolderFacts,
        files: &Files,
        chunks: u64,
    ) -> Result<Reached, End> {
        if self.cx.delivery.read_back {
            for piece in files.values() {
                self.read_back(&self.key_of(&piece.name), piece.bytes, piece.crc)
                    .await?;
            }
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.rendition.inits = count(facts.inits.len());
        self.rendition.chunks = count(facts.chunks.len());
        self.rendition.bytes = if files.is_empty() {
            chunks
        } else {
            files.values().map(|piece| piece.bytes).sum()
        };
        self.rendition.etag = files
            .get(PLAYLIST)
            .map_or(String::new(), |piece| piece.etag.clone());
        self.delivered(folder.last_playlist().len() as u64).await
    }
}

/// The next files to send, `most` at most. All later steps are decided when these files are there.
fn files_ahead(facts: &FolderFacts, files: &Files, most: usize) -> Vec<FolderStep> {
    let (mut steps, mut expected) = (Vec::new(), files.clone());
    while steps.len() < most {
        let FolderStep::File { name, mark } = next_of_folder(facts, &expected, true) else {
            break;
        };
        let piece = Piece {
            name: name.clone(),
            bytes: 0,
            crc: 0,
            etag: String::new(),
            mark: mark.clone(),
        };
        expected.insert(name.clone(), piece);
        steps.push(FolderStep::File { name, mark });
    }
    steps
}

/// Reads the content of a step.
async fn prepare(
    folder: &Arc<OpenFolder>,
    facts: &FolderFacts,
    step: FolderStep,
) -> Result<Option<Outgoing>, End> {
    let (name, mark, read, source, mime, cache) = match step {
        FolderStep::Wait | FolderStep::Done => return Ok(None),
        FolderStep::File { name, mark } => {
            let (folder, wanted) = (folder.clone(), name.clone());
            let (read, source) = from_tape(move || folder.read(&wanted)).await?;
            let mime = if facts.inits.iter().any(|(init, _)| *init == name) {
                INIT_TYPE
            } else {
                CHUNK_TYPE
            };
            (name, mark, read, Some(source), mime, None)
        }
        FolderStep::Playlist { chunks, mark } => {
            let read = Read::of(folder.live_playlist(chunks));
            (PLAYLIST.to_owned(), mark, read, None, PLAYLIST_TYPE, NOT_KEPT)
        }
        FolderStep::LastPlaylist { mark } => {
            let read = Read::of(folder.last_playlist());
            (PLAYLIST.to_owned(), mark, read, None, PLAYLIST_TYPE, None)
        }
        FolderStep::Master { mark } => {
            let read = Read::of(folder.master(facts.complete));
            let cache = if facts.complete { None } else { NOT_KEPT };
            (MASTER.to_owned(), mark, read, None, PLAYLIST_TYPE, cache)
        }
    };
    Ok(Some(Outgoing {
        piece: Piece {
            name,
            bytes: read.payload.len(),
            crc: read.crc,
            etag: String::new(),
            mark,
        },
        payload: read.payload,
        source,
        mime,
        cache,
    }))
}

/// Runs all futures at once; gives their results in their order.
async fn all<T>(works: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut works: Vec<_> = works.into_iter().map(|work| (Box::pin(work), None)).collect();
    poll_fn(|cx| {
        for (work, done) in &mut works {
            if done.is_none()
                && let Poll::Ready(value) = work.as_mut().poll(cx)
            {
                *done = Some(value);
            }
        }
        if works.iter().all(|(_, done)| done.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    works.into_iter().filter_map(|(_, done)| done).collect()
}
