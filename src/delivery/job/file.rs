//! The transfer of one file.

mod going;
mod head;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;

use going::Going;
use head::{has_head, head, labels};

use super::{Answer, End, Fault, MOST_FILE, NoMaterial, Reached, Request, SECOND, Transfer, senseless};
use crate::delivery::decide::{FileFacts, FileStep, next_of_file, whole_crc};
use crate::delivery::layout::PART;
use crate::delivery::remote::same_etag;
use crate::delivery::source::{OpenFile, Read, from_tape};
use crate::format::View;
use crate::media::Micros;
use crate::store::{DeliveryChange, Layout, LibrarySource, Piece, Upload};

/// Most restarts of an upload in one run of a job; after more the file is refused.
const RESTARTS: u32 = 2;

impl Transfer<'_> {
    pub(super) async fn send_file(
        &mut self,
        view: View<LibrarySource>,
        complete: bool,
    ) -> Result<Reached, End> {
        let (format, id) = (self.job.format, self.rendition.id);
        let mut look = self.cx.looks().remove(&self.job).unwrap_or_default();
        let row = has_head(format).then(|| self.material.row.clone());
        let opened = self.cx.read(move |library| {
            let pieces = library.pieces(id)?;
            let labels = labels(&pieces, row.as_ref(), (id.part, &view));
            let file = OpenFile::open(format, view, labels, &mut look)?;
            Ok((file, pieces, look))
        });
        let (file, pieces, look) = self.material.visit.looking(self.cx, opened).await?;
        if self.cx.is_live() && !complete {
            self.cx.looks().insert(self.job, look);
        }
        let any_order = self.cx.remote.takes_parts_in_any_order();
        let numbered = pieces
            .into_iter()
            .filter_map(|piece| Some((piece.name.parse().ok()?, piece)));
        let mut going = Going {
            facts: FileFacts {
                front: file.front,
                settled: file.settled,
                len: file.len,
                complete,
                may_grow: self.cx.is_live() && any_order && !self.is_named_late(),
            },
            file: Arc::new(file),
            parts: numbered.collect(),
            front: None,
            ahead: None,
            used: BytesMut::new(),
            marked: Mutex::new(None),
            restarts: 0,
        };
        if let Some(Upload {
            layout: Layout::Equal(_),
            ..
        }) = self.rendition.upload
        {
            self.look_at_front(&mut going).await?;
        }
        let mut sent_some = false;
        loop {
            self.cx.may_go_on()?;
            let step = next_of_file(&going.facts, &self.rendition, &going.parts, &|body| {
                going.mark(body)
            });
            if step == FileStep::Wait {
                return Ok(Reached::Tape(self.next_part(&going)));
            }
            if !self.name().await? {
                return Ok(Reached::Tape(SECOND));
            }
            if sent_some && self.gives_way() {
                return Ok(Reached::Turn);
            }
            let sent = going.parts.values().map(|part| part.bytes).sum();
            self.show(sent, going.facts.len);
            match step {
                FileStep::Wait => return Ok(Reached::Tape(SECOND)),
                FileStep::Put => return self.put(&going).await,
                FileStep::Begin(layout) => {
                    if complete && let Some(len) = self.is_there_already(&going).await? {
                        return self.delivered(len).await;
                    }
                    self.begin(layout).await?;
                    if layout != Layout::Growing {
                        self.look_at_front(&mut going).await?;
                    }
                }
                FileStep::Sweep => self.sweep().await?,
                FileStep::Restart => self.restart(&mut going).await?,
                FileStep::Part { .. } | FileStep::Complete if !self.was_looked_at() => {
                    self.look(&mut going).await?;
                }
                FileStep::Part {
                    number,
                    range,
                    marked,
                } => {
                    let bytes = going.read(number, range.clone()).await?;
                    self.send_part(&mut going, number, range.start, marked, bytes)
                        .await?;
                    sent_some = true;
                }
                FileStep::Complete => {
                    if let Some(reached) = self.complete(&mut going).await? {
                        return Ok(reached);
                    }
                }
            }
        }
    }

    /// The time until the next part may be there: half of the time that it takes at the recording's rate, because that rate
    /// varies.
    fn next_part(&self, going: &Going) -> Micros {
        let sent: u64 = going.parts.values().map(|part| part.bytes).sum();
        let next = match self.rendition.upload {
            // In an upload of a growing file, part 1 comes last.
            Some(_) => sent.saturating_add(2 * PART),
            None => 2 * PART,
        };
        let missing = i64::try_from(next.saturating_sub(going.facts.settled)).unwrap_or(i64::MAX);
        let row = &self.material.row;
        let rate = i64::try_from(row.bytes).unwrap_or(i64::MAX) / (row.duration / SECOND).max(1);
        let half = missing.saturating_mul(SECOND / 2) / rate.max(1);
        half.clamp(SECOND, MOST_FILE)
    }

    async fn look_at_front(&self, going: &mut Going) -> Result<(), End> {
        let file = going.file.clone();
        going.front = Some(from_tape(move || file.front_crc()).await?);
        Ok(())
    }

    async fn put(&mut self, going: &Going) -> Result<Reached, End> {
        self.still_here().await?;
        let len = going.facts.len;
        if let Some(there) = self.is_there_already(going).await? {
            return self.delivered(there).await;
        }
        let file = going.file.clone();
        let read = from_tape(move || file.read(0, len, BytesMut::new())).await?;
        let request = Request::Put {
            key: self.rendition.key.clone(),
            body: read.payload,
            about: self.about(self.job.format.mime(), None),
        };
        let Answer::Stored { etag } = self.ask(request).await? else {
            return Err(senseless("a file"));
        };
        self.check(len, read.crc, etag).await
    }

    /// The bytes that the store has of the file of a recording that was found again, if it has it. What people wrote about the
    /// recording may have been another text when it was sent: it is not sent again for that.
    async fn is_there_already(&mut self, going: &Going) -> Result<Option<u64>, End> {
        if !self.material.found_again {
            return Ok(None);
        }
        let Some(seen) = self.seen(self.rendition.key.clone()).await? else {
            return Ok(None);
        };
        let lengths = if has_head(self.job.format) {
            going.file.lengths()
        } else {
            going.facts.len..=going.facts.len
        };
        let same = lengths.contains(&seen.bytes)
            && seen.recording.as_deref() == Some(&self.job.recording.to_string());
        if !same {
            return Ok(None);
        }
        self.rendition.bytes = seen.bytes;
        self.rendition.etag = seen.etag;
        Ok(Some(seen.bytes))
    }

    /// Begins an upload. The journal says first that an upload may have begun.
    async fn begin(&mut self, layout: Layout) -> Result<(), End> {
        self.still_here().await?;
        if self.material.found_again {
            // The journal that was lost may have known of an upload.
            self.sweep().await?;
        }
        self.rendition.upload = Some(Upload { id: None, layout });
        self.write_down().await?;
        let request = Request::Create {
            key: self.rendition.key.clone(),
            about: self.about(self.job.format.mime(), None),
        };
        let Answer::Created { upload } = self.ask(request).await? else {
            return Err(senseless("the beginning of an upload"));
        };
        self.rendition.upload = Some(Upload {
            id: Some(upload),
            layout,
        });
        self.write_down().await?;
        self.cx.looked_at().insert(self.rendition.id);
        // On a slow link the recording may have been deleted meanwhile: then the new upload is given up.
        let here = self.still_here().await;
        if let Err(End::Material(NoMaterial::Gone)) = here {
            let forget = DeliveryChange::Forget(self.rendition.id);
            self.cx.commit(vec![forget]).await?;
        }
        here
    }

    /// Gives up every upload that was begun under the key.
    pub(super) async fn sweep(&mut self) -> Result<(), End> {
        let key = self.rendition.key.clone();
        match self.ask(Request::Uploads { key: key.clone() }).await {
            Ok(Answer::Uploads(uploads)) => {
                for upload in uploads {
                    let key = key.clone();
                    self.ask(Request::Abort { key, upload }).await?;
                }
            }
            Ok(_) => return Err(senseless("a list of uploads")),
            // A key may not have the permission to list uploads, and some services do not know this request. Then a rule of the
            // bucket removes them.
            Err(End::Fault(Fault::Unsupported(_) | Fault::Refused(_) | Fault::Damaged(_))) => {
                tracing::debug!(%key, "the object store does not list the uploads that were begun");
            }
            Err(other) => return Err(other),
        }
        self.rendition.upload = None;
        self.write_down().await
    }

    async fn restart(&mut self, going: &mut Going) -> Result<(), End> {
        going.restarts += 1;
        if going.restarts > RESTARTS {
            return Err(End::Fault(Fault::Damaged(format!(
                "{}: the upload had to begin again {RESTARTS} times",
                self.rendition.key
            ))));
        }
        tracing::warn!(key = %self.rendition.key, "the upload begins again: what was sent is not a part of the file any more");
        self.cx
            .commit(vec![DeliveryChange::Restart(self.rendition.id)])
            .await?;
        self.rendition.upload = None;
        going.parts.clear();
        going.ahead = None;
        Ok(())
    }

    fn was_looked_at(&self) -> bool {
        self.cx.looked_at().contains(&self.rendition.id)
    }

    /// Asks the store, once after each start, whether it still has the parts that the journal names.
    async fn look(&mut self, going: &mut Going) -> Result<(), End> {
        let (key, upload) = self.upload()?;
        match self.ask(Request::Parts { key, upload }).await {
            Ok(Answer::Parts(None)) => (),
            Ok(Answer::Parts(Some(seen))) => going.parts.retain(|number, piece| {
                seen.iter().any(|part| {
                    let same = part.etag.is_empty() || same_etag(&part.etag, &piece.etag);
                    part.number == *number && part.bytes == piece.bytes && same
                })
            }),
            Ok(_) => return Err(senseless("a list of parts")),
            Err(End::Fault(Fault::UploadGone)) => {
                if self.is_complete_already(going).await? {
                    return Ok(());
                }
                return self.restart(going).await;
            }
            // The journal names the sent parts. If the store lacks one, it says so when the upload is completed.
            Err(End::Fault(Fault::Unsupported(_) | Fault::Refused(_))) => {
                tracing::debug!(key = %self.rendition.key, "the object store does not list the parts of an upload");
            }
            Err(other) => return Err(other),
        }
        self.cx.looked_at().insert(self.rendition.id);
        Ok(())
    }

    async fn send_part(
        &mut self,
        going: &mut Going,
        number: u32,
        offset: u64,
        marked: u64,
        read: Read,
    ) -> Result<(), End> {
        self.expect_shown()?;
        let (key, upload) = self.upload()?;
        let grows = going.front.is_none();
        let mut piece = Piece {
            name: number.to_string(),
            bytes: read.payload.len(),
            crc: read.crc,
            etag: String::new(),
            mark: going.mark(marked),
        };
        let request = Request::Part {
            key,
            upload,
            number,
            offset: (!grows).then_some(offset),
            body: read.payload.clone(),
        };
        going.parts.insert(number, piece.clone());
        going.read_ahead(&self.rendition);
        let answer = self.ask(request).await;
        going.parts.remove(&number);
        going.used = read.payload.into_memory();
        match answer {
            Ok(Answer::Stored { etag }) => piece.etag = etag,
            Ok(_) => return Err(senseless("a part")),
            Err(End::Fault(Fault::UploadGone)) => return self.restart(going).await,
            Err(other) => return Err(other),
        }
        let mut pieces = vec![DeliveryChange::Piece(self.rendition.id, piece.clone())];
        if number == 1 && has_head(self.job.format) {
            pieces.insert(
                0,
                DeliveryChange::Piece(self.rendition.id, head(&going.file.labels)),
            );
        }
        self.cx.commit(pieces).await?;
        going.parts.insert(number, piece);
        Ok(())
    }

    /// Completes the upload; `None` if it has to begin again.
    async fn complete(&mut self, going: &mut Going) -> Result<Option<Reached>, End> {
        self.still_here().await?;
        let (key, upload) = self.upload()?;
        let parts = going.parts.iter();
        let request = Request::Complete {
            key,
            upload,
            parts: parts
                .map(|(number, piece)| (*number, piece.etag.clone()))
                .collect(),
        };
        let etag = match self.ask(request).await {
            Ok(Answer::Stored { etag }) => Ok(etag),
            Ok(Answer::Doubted { etag }) => self.check_doubted(going, &etag).await.map(|()| etag),
            Ok(_) => Err(senseless("the end of an upload")),
            Err(End::Fault(Fault::UploadGone)) => {
                if self.is_complete_already(going).await? {
                    Ok(self.rendition.etag.clone())
                } else {
                    self.restart(going).await?;
                    return Ok(None);
                }
            }
            Err(other) => Err(other),
        };
        let (crc, len) = whole_crc(&going.parts);
        let checked = match etag {
            Ok(etag) => self.check(len, crc, etag).await,
            Err(error) => Err(error),
        };
        match checked {
            Err(End::Fault(Fault::Damaged(reason))) => {
                tracing::warn!(key = %self.rendition.key, "{reason}");
                self.restart(going).await?;
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Reads the whole object again. This is done once: afterwards the store is known to make ETags in another way.
    async fn check_doubted(&self, going: &Going, etag: &str) -> Result<(), End> {
        if self.cx.other_etags.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (crc, len) = whole_crc(&going.parts);
        self.read_back(&self.rendition.key, len, crc).await?;
        tracing::info!(
            key = %self.rendition.key,
            "the store's ETag {etag} is made otherwise than Amazon's; what it has was read and is right"
        );
        self.cx.other_etags.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// True when the upload is complete already: the answer to its completion may have been lost. The object has the length of
    /// the file, and belongs to this recording.
    async fn is_complete_already(&mut self, going: &Going) -> Result<bool, End> {
        let next = next_of_file(&going.facts, &self.rendition, &going.parts, &|body| {
            going.mark(body)
        });
        if next != FileStep::Complete {
            return Ok(false);
        }
        let Some(seen) = self.seen(self.rendition.key.clone()).await? else {
            return Ok(false);
        };
        let (_, len) = whole_crc(&going.parts);
        let theirs =
            seen.recording.is_none() || seen.recording.as_deref() == Some(&self.job.recording.to_string());
        let same = seen.bytes == len && theirs;
        if same {
            self.rendition.etag = seen.etag;
            self.cx.looked_at().insert(self.rendition.id);
        }
        Ok(same)
    }

    /// Checks size and ETag of the object in the store, and its content if that is configured.
    async fn check(&mut self, len: u64, crc: u32, etag: String) -> Result<Reached, End> {
        let seen = self.make_sure(&self.rendition.key, len, &etag).await?;
        if self.cx.delivery.read_back {
            self.read_back(&self.rendition.key, len, crc).await?;
        }
        self.rendition.bytes = len;
        self.rendition.crc = Some(crc);
        self.rendition.etag = if etag.is_empty() { seen } else { etag };
        self.delivered(len).await
    }

    fn upload(&self) -> Result<(String, String), End> {
        let upload = self.rendition.upload.as_ref();
        match upload.and_then(|upload| upload.id.clone()) {
            Some(id) => Ok((self.rendition.key.clone(), id)),
            None => Err(End::Fault(Fault::UploadGone)),
        }
    }
}
