//! A folder goes: HLS.

use std::sync::Arc;

use super::{Answer, End, NoMaterial, Reached, Request, Transfer, senseless};
use crate::format::View;
use crate::format::hls::PLAYLIST;
use crate::store::{DeliveryChange, LibrarySource, Piece};
use crate::sync::decide::{Files, FolderFacts, FolderStep, next_of_folder};
use crate::sync::source::{OpenFolder, Read, from_library, from_tape};

const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const CHUNK_TYPE: &str = "video/iso.segment";
const INIT_TYPE: &str = "video/mp4";

/// Nobody on the way may keep a playlist that still grows.
const NOT_KEPT: Option<&str> = Some("no-cache");

impl Transfer<'_> {
    pub(super) async fn send_folder(
        &mut self,
        view: View<LibrarySource>,
        complete: bool,
    ) -> Result<Reached, End> {
        let id = self.rendition.id;
        let grows = self.cx.is_live();
        let opened = from_library(&self.cx.dir, move |library| {
            let folder = OpenFolder::open(view, grows)?;
            let facts = folder.facts(complete);
            Ok((Arc::new(folder), facts, library.pieces(id)?))
        });
        let (folder, facts, pieces) = opened.await?;
        let mut files: Files = pieces
            .into_iter()
            .map(|piece| (piece.name.clone(), piece))
            .collect();
        if facts.chunks.is_empty() {
            return match complete {
                true => Err(NoMaterial::Void("there is no picture and no sound in it".to_owned()).into()),
                false => Ok(Reached::Tape),
            };
        }
        if !complete && !self.cx.is_live() {
            return Ok(Reached::Tape);
        }
        let bytes = facts.chunks.iter().map(|chunk| chunk.bytes).sum();
        let mut looked = !self.material.found_again;
        loop {
            self.cx.may_go_on()?;
            let step = next_of_folder(&facts, &files);
            if step == FolderStep::Wait || !self.name().await? {
                return Ok(Reached::Tape);
            }
            if !looked && complete && self.playlist_is_there(&folder).await? {
                return self.folder_is_there(&facts, &files, bytes).await;
            }
            looked = true;
            self.show(files.values().map(|piece| piece.bytes).sum(), bytes);
            let (name, mark, body, mime, cache) = match step {
                FolderStep::Wait => return Ok(Reached::Tape),
                FolderStep::Done => return self.folder_is_there(&facts, &files, bytes).await,
                FolderStep::File { name, mark } => {
                    let (folder, wanted) = (folder.clone(), name.clone());
                    let read = from_tape(move || folder.read(&wanted));
                    let body = read.await?;
                    let mime = match facts.inits.iter().any(|(init, _)| *init == name) {
                        true => INIT_TYPE,
                        false => CHUNK_TYPE,
                    };
                    (name, mark, body, mime, None)
                }
                FolderStep::Playlist { chunks, mark } => {
                    let body = Read::of(folder.playlist(Some(chunks)));
                    (PLAYLIST.to_owned(), mark, body, PLAYLIST_TYPE, NOT_KEPT)
                }
                FolderStep::LastPlaylist { mark } => {
                    let body = Read::of(folder.playlist(None));
                    (PLAYLIST.to_owned(), mark, body, PLAYLIST_TYPE, None)
                }
            };
            let piece = self.put_file(name, mark, body, mime, cache).await?;
            files.insert(piece.name.clone(), piece);
        }
    }

    async fn put_file(
        &self,
        name: String,
        mark: String,
        read: Read,
        mime: &'static str,
        cache: Option<&'static str>,
    ) -> Result<Piece, End> {
        self.still_here().await?;
        let mut piece = Piece {
            bytes: read.payload.bytes.len() as u64,
            crc: read.crc,
            etag: String::new(),
            mark,
            name,
        };
        let key = self.key_of(&piece.name);
        let (about, body) = (self.about(mime, cache), read.payload);
        let Answer::Stored { etag } = self.cx.ask(Request::Put { key, body, about }).await? else {
            return Err(senseless("a file"));
        };
        piece.etag = etag;
        let change = DeliveryChange::Piece(self.rendition.id, piece.clone());
        self.cx.commit(vec![change]).await?;
        Ok(piece)
    }

    /// Of a recording that was found again: the store may have its last playlist, which came after all else.
    async fn playlist_is_there(&self, folder: &Arc<OpenFolder>) -> Result<bool, End> {
        let Some(seen) = self.seen().await? else {
            return Ok(false);
        };
        let ours = seen.recording.as_deref() == Some(&self.job.recording.to_string());
        Ok(ours && seen.bytes == folder.playlist(None).len() as u64)
    }

    async fn folder_is_there(
        &mut self,
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
        self.rendition.bytes = match files.is_empty() {
            true => chunks,
            false => files.values().map(|piece| piece.bytes).sum(),
        };
        self.rendition.etag = files
            .get(PLAYLIST)
            .map_or(String::new(), |piece| piece.etag.clone());
        self.delivered().await
    }
}
