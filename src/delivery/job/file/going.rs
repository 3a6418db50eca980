//! A file while it is sent: what is known of it, and the part that is read ahead.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use tokio::task::JoinHandle;

use crate::delivery::decide::{FileFacts, FileStep, Parts, next_of_file};
use crate::delivery::job::{End, NoMaterial};
use crate::delivery::source::{OpenFile, Read};

/// An open file, and the parts of it that the store has.
pub(super) struct Going {
    pub(super) file: Arc<OpenFile>,
    pub(super) facts: FileFacts,
    pub(super) parts: Parts,
    /// CRC-32C of the front, for an upload in equal parts. The front contains dates, which may be corrected between two parts.
    pub(super) front: Option<u32>,
    pub(super) ahead: Option<Ahead>,
    /// The memory of a part that was sent, for the next part that is read.
    pub(super) used: BytesMut,
    /// The last mark and its length: the mark is asked for several times, and making it looks at every fragment.
    pub(super) marked: Mutex<Option<(u64, String)>>,
    pub(super) restarts: u32,
}

/// The part that is probably sent next.
pub(super) struct Ahead {
    number: u32,
    bytes: JoinHandle<Result<Read, NoMaterial>>,
}

impl Going {
    /// The mark by which the journal remembers a part.
    pub(super) fn mark(&self, body: u64) -> String {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = match marked.take() {
            Some((known, mark)) if known == body => mark,
            _ => self.file.mark(body),
        };
        *marked = Some((body, mark.clone()));
        match self.front {
            Some(crc) => format!("{mark}{crc:08x}"),
            None => mark,
        }
    }

    pub(super) async fn read(&mut self, number: u32, range: Range<u64>) -> Result<Read, End> {
        let ahead = self.ahead.take().filter(|ahead| ahead.number == number);
        let bytes = match ahead {
            Some(ahead) => ahead.bytes,
            None => self.reading(range),
        };
        let read = bytes.await;
        let lost = || NoMaterial::Tape("reading it failed, which is a defect of edgereel".to_owned());
        Ok(read.unwrap_or_else(|_| Err(lost()))?)
    }

    fn reading(&mut self, range: Range<u64>) -> JoinHandle<Result<Read, NoMaterial>> {
        let (file, buffer) = (self.file.clone(), std::mem::take(&mut self.used));
        tokio::task::spawn_blocking(move || file.read(range.start, range.end, buffer))
    }

    /// Reads the part that is probably sent next, while another one is sent.
    pub(super) fn read_ahead(&mut self, rendition: &crate::store::Rendition) {
        let next = next_of_file(&self.facts, rendition, &self.parts, &|body| self.mark(body));
        self.ahead = match next {
            FileStep::Part { number, range, .. } => Some(Ahead {
                number,
                bytes: self.reading(range),
            }),
            _ => None,
        };
    }
}
