//! What players read now: the layouts of files and folders of recordings.
//!
//! A player asks for one file in many requests. The layout of a file says what each of its bytes is made of, and costs a look at
//! every index of the recording. So the last few layouts stay, for a short time. None of them holds a file of the tape open: a
//! response opens what it reads, and lets it go with its last byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::flow::SMALL;
use crate::channel::ListSum;
use crate::format::hls::encryption::Encryption;
use crate::format::hls::{Hls, Prefix};
use crate::format::{FileFormat, Plan};
use crate::media::{Micros, RecordingId};
use crate::store::{LibrarySource, TapeSpan};

/// The most layouts that are kept, and about the most bytes of them.
const MOST: usize = 16;
const MOST_BYTES: usize = 4 << 20;
/// A layout that nobody used for this long is dropped.
const IDLE: Duration = Duration::from_secs(20);

/// What a layout is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) recording: RecordingId,
    pub(super) what: What,
}

/// The file or the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A file of a part of the recording, from and to these times (UTC). `part` is the number of the file, from 1, where the
    /// recording needs several.
    File {
        format: FileFormat,
        from: Option<Micros>,
        to: Option<Micros>,
        part: usize,
        /// True with a track of times.
        times: bool,
    },
    /// The HLS of the recording, or of the part of it from and to these times (UTC), for a viewer that may not have more.
    Folder {
        from: Option<Micros>,
        to: Option<Micros>,
    },
}

/// What of a recording changes its files: its date, its end, its bytes of tape, and what people wrote about it. A part that ends
/// in the past has neither end nor bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) start: Micros,
    pub(super) grown: Option<(Micros, u64)>,
    /// A mark of the words in the head of the file; 0 where there are none.
    pub(super) labels: u64,
}

impl Version {
    /// True if this is the other version, or one of the same recording that has grown since.
    fn is_as_new(&self, other: Version) -> bool {
        let has_grown = other.grown.is_some() && self.grown >= other.grown;
        *self == other || (self.start == other.start && self.labels == other.labels && has_grown)
    }
}

/// A file that is laid out.
pub(super) struct LaidFile {
    pub(super) plan: Plan,
    pub(super) source: LibrarySource,
    /// The strong tag, with its quotes.
    pub(super) etag: String,
    /// UTC of the end of the last sample, in microseconds.
    pub(super) end: Micros,
    /// The number of files that it is one of: each coding and picture size has its own.
    pub(super) parts: usize,
    /// The tape that it has.
    pub(super) ranges: Vec<TapeSpan>,
    pub(super) front: Front,
}

/// The first bytes of a file, once somebody has read them. The file of hours begins with a table that has a little of every
/// segment in it, and to make it again for each player takes longer than all the rest of the first answer.
#[derive(Default)]
pub(super) struct Front(Mutex<Vec<u8>>);

impl Front {
    /// Fills the buffer from `offset` on, if these bytes are kept.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|from| kept.get(from..from.checked_add(buffer.len())?));
        if let Some(bytes) = bytes {
            buffer.copy_from_slice(bytes);
        }
        bytes.is_some()
    }

    /// Keeps the first bytes of the file, or as many of them as responses begin with.
    pub(super) fn keep(&self, bytes: &[u8]) {
        let bytes = bytes.get(..SMALL).unwrap_or(bytes);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() > kept.len() {
            *kept = bytes.to_vec();
        }
    }
}

/// A folder that is laid out.
pub(super) struct LaidFolder {
    pub(super) hls: Hls<()>,
    pub(super) source: LibrarySource,
    /// UTC of the end of the last sample, in microseconds.
    pub(super) end: Micros,
    /// The tape that it has.
    pub(super) ranges: Vec<TapeSpan>,
    /// What the next look at a recording that grows need not look at again.
    pub(super) prefix: Mutex<Option<Prefix>>,
    /// UTC of the recording's first sample when it was laid out, in microseconds.
    pub(super) start: Micros,
    /// True when the recording grew when it was laid out.
    pub(super) growing: bool,
    /// What its list says, once a channel has asked.
    pub(super) list: OnceLock<ListSum>,
}

impl LaidFolder {
    /// The folder, with its chunks encrypted where they are to be.
    pub(super) fn encrypted(&self, encryption: Option<&Arc<Encryption>>) -> Hls<()> {
        let hls = self.hls.with(());
        match encryption {
            Some(encryption) => hls.encrypted(encryption.clone()),
            None => hls,
        }
    }

    /// What the list of its chunks says, which channels compare with theirs at each request. It is gone through once.
    pub(super) fn list(&self) -> ListSum {
        *self.list.get_or_init(|| ListSum::of(&self.hls))
    }
}

/// A layout.
#[derive(Clone)]
pub(super) enum Layout {
    File(Arc<LaidFile>),
    Folder(Arc<LaidFolder>),
}

impl Layout {
    fn weight(&self) -> usize {
        match self {
            Layout::File(file) => file.plan.weight() + file.source.weight() + SMALL,
            Layout::Folder(folder) => folder.hls.weight(),
        }
    }
}

/// The layouts that are kept, the one used last behind.
#[derive(Default)]
pub(super) struct Layouts {
    kept: Mutex<VecDeque<Kept>>,
    turns: Mutex<Vec<(Key, Turn)>>,
}

/// Whoever holds it lays something out that others wait for.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

struct Kept {
    key: Key,
    version: Version,
    layout: Layout,
    used: Instant,
}

impl Layouts {
    /// The layout of this version, if it is kept.
    pub(super) fn find(&self, key: &Key, version: Version, now: Instant) -> Option<Layout> {
        self.take(|kept| kept.key == *key && kept.version == version, now)
    }

    /// The layout of this version or of a later one, if it is kept: for who waited while it was made.
    pub(super) fn find_as_new(&self, key: &Key, version: Version, now: Instant) -> Option<Layout> {
        self.take(|kept| kept.key == *key && kept.version.is_as_new(version), now)
    }

    fn take(&self, wanted: impl Fn(&Kept) -> bool, now: Instant) -> Option<Layout> {
        let mut kept = self.kept();
        let at = kept.iter().position(wanted)?;
        let found = kept.remove(at)?;
        let layout = found.layout.clone();
        kept.push_back(Kept { used: now, ..found });
        Some(layout)
    }

    /// The folder of any version that has this file. A name of a file stands for the same bytes in all of them, so who plays a
    /// recording that loses its beginning meanwhile plays on.
    pub(super) fn find_folder_with(
        &self,
        key: &Key,
        (file, encryption): (&str, Option<&Arc<Encryption>>),
        now: Instant,
    ) -> Option<Arc<LaidFolder>> {
        let has = |kept: &Kept| match &kept.layout {
            Layout::Folder(folder) => {
                kept.key == *key && folder.encrypted(encryption).serves(file, folder.growing)
            }
            Layout::File(_) => false,
        };
        match self.take(has, now)? {
            Layout::Folder(folder) => Some(folder),
            Layout::File(_) => None,
        }
    }

    /// The layout of an earlier version that the recording has grown out of, with the same beginning. It is not kept any more: the
    /// next one has all its files. One with another beginning stays for those who play it.
    pub(super) fn take_earlier(&self, key: &Key, start: Micros) -> Option<Layout> {
        let mut kept = self.kept();
        let grew =
            |kept: &Kept| kept.key == *key && kept.version.grown.is_some() && kept.version.start == start;
        let at = kept.iter().position(grew)?;
        kept.remove(at).map(|kept| kept.layout)
    }

    /// Keeps a layout for the next requests, in place of an earlier version. A folder that began earlier is kept beside it: its
    /// files have other names.
    pub(super) fn keep(&self, key: Key, version: Version, layout: Layout, now: Instant) {
        let mut kept = self.kept();
        let began_earlier =
            |kept: &Kept| matches!(kept.layout, Layout::Folder(_)) && kept.version.start < version.start;
        kept.retain(|kept| kept.key != key || began_earlier(kept));
        kept.push_back(Kept {
            key,
            version,
            layout,
            used: now,
        });
        let weight = |kept: &VecDeque<Kept>| kept.iter().map(|kept| kept.layout.weight()).sum::<usize>();
        while kept.len() > MOST || (kept.len() > 1 && weight(&kept) > MOST_BYTES) {
            kept.pop_front();
        }
    }

    /// What those hold in turn who find no layout. It is the same as long as somebody has it.
    pub(super) fn turn(&self, key: &Key) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|(_, turn)| Arc::strong_count(turn) > 1);
        if let Some((_, turn)) = turns.iter().find(|(known, _)| known == key) {
            return Arc::clone(turn);
        }
        let turn = Turn::default();
        turns.push((key.clone(), Arc::clone(&turn)));
        turn
    }

    /// Drops what nobody used for a while. Gives the moment at which the next one is due, if any are left.
    pub(super) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept();
        kept.retain(|kept| now.saturating_duration_since(kept.used) < IDLE);
        kept.front().map(|kept| kept.used + IDLE)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_takes_a_layout_of_more_and_of_nothing_else() {
        let version = |start: i64, grown: Option<(i64, u64)>| Version {
            start,
            grown,
            labels: 0,
        };
        let wanted = version(0, Some((10, 100)));
        assert!(wanted.is_as_new(wanted) && version(0, Some((11, 120))).is_as_new(wanted));
        for other in [
            version(0, Some((9, 90))),
            version(1, Some((11, 120))),
            version(0, None),
        ] {
            assert!(!other.is_as_new(wanted), "{other:?}");
        }
        let renamed = Version {
            labels: 7,
            ..version(0, Some((11, 120)))
        };
        assert!(!renamed.is_as_new(wanted) && renamed.is_as_new(renamed));
        let closed = version(0, None);
        assert!(closed.is_as_new(closed) && !wanted.is_as_new(closed));
    }

    #[test]
    fn those_who_want_one_layout_wait_for_each_other_and_for_nobody_else() {
        let layouts = Layouts::default();
        let key = |number: u8| Key {
            recording: RecordingId::from_bytes([number; 16]),
            what: What::Folder { from: None, to: None },
        };
        let (one, other) = (layouts.turn(&key(1)), layouts.turn(&key(2)));
        let held = one.try_lock().unwrap();
        assert!(layouts.turn(&key(1)).try_lock().is_err());
        assert!(other.try_lock().is_ok());
        drop(held);
        assert!(layouts.turn(&key(1)).try_lock().is_ok());
        drop((one, other));
        layouts.turn(&key(3));
        assert_eq!(layouts.turns.lock().unwrap().len(), 1);
    }

    #[test]
    fn the_first_bytes_of_a_file_are_read_once() {
        let (front, mut buffer) = (Front::default(), vec![0; 4]);
        assert!(!front.read(0, &mut buffer));
        // A player that looks whether there are ranges asks for two bytes.
        front.keep(&[1, 2]);
        assert!(!front.read(0, &mut buffer));
        let file: Vec<u8> = (0..=255).cycle().take(2 * SMALL).collect();
        front.keep(&file);
        front.keep(&[1, 2]);
        assert!(front.read(0, &mut buffer) && buffer == [0, 1, 2, 3]);
        assert!(front.read(SMALL as u64 - 4, &mut buffer) && buffer == file[SMALL - 4..SMALL]);
        assert!(!front.read(SMALL as u64 - 3, &mut buffer));
        assert!(!front.read(u64::MAX, &mut buffer));
    }
}
