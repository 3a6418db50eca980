//! Each kind of file that does not belong on the tape: what a start does with it, and that no readable file is ever deleted.
//! The tests use the real disk, because links and directories are its work.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::crashes::script;
use super::moment::JournalFiles;
use super::rig::Rig;
use crate::format::index::SampleIndex;
use crate::media::{RecordingId, SegmentId};
use crate::store::clock::tests::TestClock;
use crate::store::journal::Journal;
use crate::store::recover::Occasion;
use crate::store::recover::start;
use crate::store::{Disk, DiskFile, Entry, Finding, Library, RealDisk, RecoveryReport, Space};

/// A store of two streams on the real disk.
pub(super) struct Store {
    pub(super) dir: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
impl Store {
    pub(super) fn new() -> Self {
        let mut rig = Rig::new();
        script(&mut rig);
        let Rig {
            dir, disk, writer, ..
        } = rig;
        drop(writer);
        for (path, bytes) in disk.files() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            // The file is stored without the room behind its media, so that it contains only what a test puts there.
            let whole = crate::format::fmp4::scan(bytes.as_slice(), bytes.len() as u64).unwrap();
            std::fs::write(path, &bytes[..whole.valid_len as usize]).unwrap();
        }
        Self { dir }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// A segment whose row is gone.
    pub(super) fn orphan(&self, name: &str, sequence: i64) -> Vec<u8> {
        let other = rusqlite::Connection::open(self.path("journal.db")).unwrap();
        let sql = "DELETE FROM segments WHERE sequence = ?1 AND stream = (SELECT stream FROM streams WHERE name = ?2)";
        other.pragma_update(None, "foreign_keys", true).unwrap();
        assert_eq!(other.execute(sql, (sequence, format!("live/{name}"))).unwrap(), 1);
        // What its recordings add up to is gone with it.
        other.execute("UPDATE recordings SET runs = NULL", []).unwrap();
        self.read(&format!("tape/live+{name}/{sequence:08}.mp4"))
    }

    pub(super) fn start(&self) -> RecoveryReport {
        self.start_on(&RealDisk)
    }

    fn start_on(&self, disk: &dyn Disk) -> RecoveryReport {
        let clock = TestClock::new(9_000_000);
        start(self.dir.path(), disk, &clock, Occasion::Start).unwrap().1
    }

    pub(super) fn verify(&self) -> Vec<Finding> {
        let library = Library::with_disk(self.dir.path(), Arc::new(RealDisk)).unwrap();
        library.verify(&mut |_, _| {}).unwrap()
    }

    /// The content of a folder, by path from the store; links are named, not followed.
    pub(super) fn tree(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut out = BTreeMap::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let entry = entry.unwrap();
                let name = entry.path();
                let name = name.strip_prefix(self.dir.path()).unwrap().display().to_string();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_symlink() {
                    let to = std::fs::read_link(entry.path()).unwrap();
                    out.insert(name, format!("-> {}", to.display()).into_bytes());
                } else {
                    out.insert(name, std::fs::read(entry.path()).unwrap());
                }
            }
        }
        out
    }

    /// Checks that after a start these files are in `lost+found` with their content, that the tape is as it was before they
    /// came, and that a second start finds nothing.
    fn moves(&self, before: &BTreeMap<String, Vec<u8>>, strays: &[(&str, &[u8])]) {
        let report = self.start();
        assert_eq!(report.0.lost_found, strays.len() as u64, "{report}");
        assert_eq!(report.0.adopted, 0, "{report}");
        let found = self.tree("lost+found");
        assert_eq!(found.len(), strays.len(), "{:?}", found.keys());
        for (name, bytes) in strays {
            let name = format!("lost+found/{name}");
            assert!(found.get(&name).is_some_and(|found| found == bytes), "{name}");
        }
        assert!(self.tree("tape") == *before, "the tape is another");
        assert!(self.start().is_clean());
        assert_eq!(self.verify(), []);
    }
}

#[test]
fn a_file_in_the_tape_folder_goes_to_lost_found() {
    let store = Store::new();
    let before = store.tree("tape");
    store.put("tape/notes.txt", b"notes");
    store.moves(&before, &[("notes.txt", b"notes")]);
}

#[test]
fn a_directory_in_the_place_of_a_segment_goes_to_lost_found_with_all_in_it() {
    let store = Store::new();
    let before = store.tree("tape");
    std::fs::create_dir(store.path("tape/live+a/00000099.mp4")).unwrap();
    store.put("tape/live+a/00000099.mp4/inside", b"inside");
    store.moves(&before, &[("live+a-00000099.mp4/inside", b"inside")]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
fn a_directory_where_a_row_wants_a_file_goes_too_and_the_segment_is_missing() {
    let store = Store::new();
    let path = store.path("tape/live+a/00000002.mp4");
    let media = store.read("tape/live+a/00000002.mp4");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let report = store.start();
    assert_eq!((report.0.lost_found, report.0.missing), (1, 1), "{report}");
    assert!(store.path("lost+found/live+a-00000002.mp4").is_dir());
    store.put("tape/live+a/00000002.mp4", &media);
    assert_eq!(store.start().0.returned, 1);
    assert_eq!(store.verify(), []);
}

#[test]
fn a_file_that_nobody_can_read_goes_to_lost_found() {
    let store = Store::new();
    let before = store.tree("tape");
    let noise: Vec<u8> = (0..70_000u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    store.put("tape/live+a/00000077.mp4", &noise);
    store.put("tape/live+a/x.mp4", b"short");
    store.moves(
        &before,
        &[("live+a-00000077.mp4", &noise), ("live+a-x.mp4", b"short")],
    );
}

#[test]
fn a_copy_of_a_segment_under_another_name_goes_to_lost_found() {
    let store = Store::new();
    let before = store.tree("tape");
    let media = store.read("tape/live+a/00000001.mp4");
    store.put("tape/live+a/00000050.mp4", &media);
    store.put("tape/live+a/00000001.mp4.bak", &media);
    store.put("tape/live+a/1.mp4", &media);
    let moved = [
        ("live+a-00000050.mp4", media.as_slice()),
        ("live+a-00000001.mp4.bak", &media),
        ("live+a-1.mp4", &media),
    ];
    store.moves(&before, &moved);
}

#[test]
fn a_segment_in_another_streams_folder_goes_to_lost_found_whole() {
    let store = Store::new();
    let before = store.tree("tape");
    let media = store.read("tape/live+b/00000001.mp4");
    store.put("tape/live+a/00000060.mp4", &media);
    std::fs::create_dir(store.path("tape/live+c")).unwrap();
    store.put("tape/live+c/00000001.mp4", &media);
    let moved = [
        ("live+a-00000060.mp4", media.as_slice()),
        ("live+c-00000001.mp4", &media),
    ];
    store.moves(&before, &moved);
}

#[test]
fn a_second_stray_of_the_same_name_does_not_replace_the_first() {
    let store = Store::new();
    let before = store.tree("tape");
    std::fs::create_dir(store.path("lost+found")).unwrap();
    store.put("lost+found/live+a-x", b"first");
    store.put("tape/live+a/x", b"second");
    let report = store.start();
    assert_eq!(report.0.lost_found, 1);
    assert_eq!(store.read("lost+found/live+a-x"), b"first");
    assert_eq!(store.read("lost+found/live+a-x.2"), b"second");
    assert!(store.tree("tape") == before);
}

#[test]
fn what_holds_no_media_is_removed() {
    let store = Store::new();
    let before = store.tree("tape");
    store.put("tape/live+a/00000080.mp4", b"");
    // The file has the header of a segment without a row, and no whole fragment.
    let media = store.orphan("b", 2);
    store.put("tape/live+b/00000002.mp4", &media[..2000]);
    let report = store.start();
    assert_eq!((report.0.empty, report.0.lost_found), (2, 0), "{report}");
    let mut without = before;
    without.remove("tape/live+b/00000002.mp4");
    assert!(store.tree("tape") == without);
    assert!(store.start().is_clean());
}

#[test]
fn a_segment_without_a_row_is_adopted_where_it_lies() {
    let store = Store::new();
    let before = store.tree("tape");
    let media = store.orphan("b", 2);
    store.put("tape/live+b/00000002.mp4", &[&media[..], &[0x77; 600]].concat());
    let report = store.start();
    assert_eq!((report.0.adopted, report.0.truncated_bytes), (1, 0), "{report}");
    assert!(store.tree("tape") == before);
    assert!(store.start().is_clean());
    assert_eq!(store.verify(), []);
}

#[test]
fn what_an_earlier_file_left_behind_a_segment_without_a_row_is_cut() {
    let store = Store::new();
    let before = store.tree("tape");
    let media = store.orphan("b", 2);
    let other = store.read("tape/live+a/00000001.mp4");
    store.put(
        "tape/live+b/00000002.mp4",
        &[media, other, vec![0x55; 5 << 20]].concat(),
    );
    let report = store.start();
    assert_eq!((report.0.adopted, report.0.truncated_bytes), (1, 0), "{report}");
    assert!(store.tree("tape") == before);
    assert_eq!(store.verify(), []);
}

/// The files are so small that a tear would be cut: readable media behind the damaged place must not be cut.
#[test]
fn a_flipped_bit_in_a_segment_without_a_row_costs_no_other_fragment() {
    let store = Store::new();
    let journal = Journal::open_read(store.dir.path()).unwrap();
    let row = journal.segments().unwrap();
    let row = row
        .iter()
        .find(|row| row.stream.as_str() == "live/b" && row.sequence == 2);
    let index = journal.index(row.unwrap().id).unwrap().unwrap();
    let index = SampleIndex::decode(&index).unwrap();
    drop(journal);
    let media = store.orphan("b", 2);
    let name = "tape/live+b/00000002.mp4";
    let rows = JournalFiles::read(store.dir.path());
    for (n, fragment) in index.fragments.iter().enumerate() {
        for at in [0, 30, 50, 70, 200, fragment.len - 9] {
            rows.write(store.dir.path());
            let mut damaged = media.clone();
            damaged[(fragment.offset + at) as usize] ^= 2;
            store.put(name, &damaged);
            let report = store.start();
            let last = n + 1 == index.fragments.len();
            let what = format!("fragment {n}, byte {at}: {report}");
            let media_only = at > 250;
            match (n, last) {
                // The report is as for a torn end.
                (_, true) => assert!(report.0.truncated_bytes <= fragment.len, "{what}"),
                // Without its first fragment none of the media can be decoded: the whole file is kept for a person to examine.
                (0, _) if !media_only => {
                    assert!(store.read("lost+found/live+b-00000002.mp4") == damaged, "{what}");
                    std::fs::remove_dir_all(store.path("lost+found")).unwrap();
                    continue;
                }
                _ => assert!(store.read(name) == damaged, "{what}"),
            }
            assert_eq!(report.0.adopted, 1, "{what}");
            let journal = Journal::open_read(store.dir.path()).unwrap();
            let found = journal.segment(row_id(&journal)).unwrap().unwrap();
            let whole = match (last, media_only) {
                (false, true) => media.len() as u64,
                _ => fragment.offset,
            };
            assert_eq!(found.bytes, whole, "{what}");
            drop(journal);
            assert!(store.start().is_clean(), "{what}");
        }
    }
}

#[test]
fn a_lone_fragment_with_a_flipped_bit_is_not_removed() {
    let store = Store::new();
    let media = store.orphan("b", 2);
    let name = "tape/live+b/00000002.mp4";
    // The file is cut behind its first fragment.
    let second = fmp4_second(&media);
    let mut lone = media[..second].to_vec();
    lone[second - 7] ^= 1;
    store.put(name, &lone);
    let report = store.start();
    assert_eq!((report.0.empty, report.0.lost_found), (0, 1), "{report}");
    assert!(store.read("lost+found/live+b-00000002.mp4") == lone);
    assert!(store.start().is_clean());
}

/// The byte at which the second fragment of a segment begins.
fn fmp4_second(media: &[u8]) -> usize {
    let header = crate::format::fmp4::read_header(media, media.len() as u64).unwrap();
    let scanned = crate::format::fmp4::scan(media, media.len() as u64).unwrap();
    assert_eq!(scanned.index.fragments[0].offset, header.len);
    scanned.index.fragments[1].offset as usize
}

/// The media is not read, because a full card would take an hour. `verify` reads it.
#[test]
fn a_segment_without_a_row_that_has_a_successor_is_adopted_by_its_boxes() {
    let store = Store::new();
    let mut media = store.orphan("b", 1);
    let name = "tape/live+b/00000001.mp4";
    let end = media.len();
    media[end - 7] ^= 1;
    store.put(name, &media);
    store.put("tape/live+b/zzz", b"no segment comes after the last one");
    let report = store.start();
    assert_eq!((report.0.adopted, report.0.truncated_bytes), (1, 0), "{report}");
    assert!(store.read(name) == media);
    let findings = store.verify();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].fragment.as_ref().unwrap().number, 4);
}

fn row_id(journal: &Journal) -> SegmentId {
    let rows = journal.segments().unwrap();
    let found = rows
        .iter()
        .find(|row| row.stream.as_str() == "live/b" && row.sequence == 2);
    found.unwrap().id
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test lays out what a start finds")]
fn a_link_is_moved_and_what_it_names_is_left_alone() {
    let store = Store::new();
    let outside = tempfile::tempdir().unwrap();
    // A segment that recovery would adopt and cut, if it were in this place.
    let media = store.orphan("b", 2);
    let target = outside.path().join("segment.mp4");
    let bytes = [&media[..], &[1; 100]].concat();
    std::fs::write(&target, &bytes).unwrap();
    std::fs::remove_file(store.path("tape/live+b/00000002.mp4")).unwrap();
    let before = store.tree("tape");
    symlink(&target, store.path("tape/live+b/00000002.mp4")).unwrap();
    symlink("nowhere", store.path("tape/live+a/dangling")).unwrap();
    symlink(outside.path(), store.path("tape/folder")).unwrap();
    let link = |to: &Path| format!("-> {}", to.display()).into_bytes();
    let moved = [
        ("live+b-00000002.mp4", link(&target)),
        ("live+a-dangling", link(Path::new("nowhere"))),
        ("folder", link(outside.path())),
    ];
    let moved: Vec<(&str, &[u8])> = moved
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    store.moves(&before, &moved);
    assert!(std::fs::read(&target).unwrap() == bytes);
}

/// The real disk, except for paths that it refuses: a test may run as root, and the system refuses root nothing.
struct Refusing {
    paths: Vec<PathBuf>,
}

impl Refusing {
    fn to(&self, path: &Path) -> io::Result<()> {
        if self.paths.iter().any(|refused| refused == path) {
            Err(ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }
}

impl Disk for Refusing {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.to(path).and_then(|()| RealDisk.open(path))
    }
    fn open_unread(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        self.to(path).and_then(|()| RealDisk.open_unread(path))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.to(path).and_then(|()| RealDisk.open_read(path))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.to(dir).and_then(|()| RealDisk.list(dir))
    }
    fn is_there(&self, path: &Path) -> bool {
        RealDisk.is_there(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.to(to.parent().unwrap_or(to))?;
        RealDisk.rename(from, to)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.to(to.parent().unwrap_or(to))?;
        RealDisk.replace(from, to)
    }
    fn unlink(&self, path: &Path) -> io::Result<()> {
        RealDisk.unlink(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        RealDisk.space(path)
    }
}

#[test]
fn a_file_that_may_not_be_read_stays_until_it_may() {
    let store = Store::new();
    let before = store.tree("tape");
    store.orphan("b", 2);
    let refused = store.path("tape/live+b/00000002.mp4");
    let disk = Refusing {
        paths: vec![refused.clone()],
    };
    for _ in 0..2 {
        let report = store.start_on(&disk);
        assert_eq!((report.0.adopted, report.0.lost_found), (0, 0), "{report}");
        assert!(
            report.0.files[0].contains("00000002.mp4 has no row and cannot be opened"),
            "{:?}",
            report.0.files
        );
        assert!(store.tree("tape") == before);
    }
    assert_eq!(store.start().0.adopted, 1);
    assert_eq!(store.verify(), []);
}

#[test]
fn an_open_segment_that_may_not_be_read_keeps_its_row() {
    let mut rig = Rig::new();
    let (a, started) = rig.publish(1, "a");
    rig.handle(vec![started, a.append(0), a.append(1)]);
    rig.pass(1_000_000);
    let files = JournalFiles::read(rig.dir.path());
    let Rig {
        dir, disk, writer, ..
    } = rig;
    drop(writer);
    files.write(dir.path());
    let store = Store { dir };
    std::fs::create_dir_all(store.path("tape/live+a")).unwrap();
    for (path, bytes) in disk.files() {
        let name = path.strip_prefix(store.dir.path()).unwrap();
        store.put(name.to_str().unwrap(), &bytes);
    }
    let disk = Refusing {
        paths: vec![store.path("tape/live+a/00000001.mp4")],
    };
    let report = store.start_on(&disk);
    assert!(
        report.0.files[0].contains("cannot be opened"),
        "{:?}",
        report.0.files
    );
    let ids = || -> Vec<SegmentId> {
        let journal = Journal::open_read(store.dir.path()).unwrap();
        journal
            .segments()
            .unwrap()
            .into_iter()
            .map(|row| row.id)
            .collect()
    };
    assert_eq!(ids().len(), 1);
    assert_eq!(store.start().0.sealed, 1);
    assert_eq!(store.verify(), []);
}

/// The root of a file system has a `lost+found` of its own, which belongs to root.
#[test]
fn a_lost_found_that_is_roots_keeps_nothing_from_starting() {
    let store = Store::new();
    std::fs::create_dir(store.path("lost+found")).unwrap();
    store.put("lost+found/#12345", b"of fsck");
    store.put("tape/live+a/notes.txt", b"notes");
    let disk = Refusing {
        paths: vec![store.path("lost+found")],
    };
    let report = store.start_on(&disk);
    assert_eq!(report.0.lost_found, 0, "{report}");
    let said = report.0.files.join("\n");
    assert!(
        said.contains("lost+found accepts no files, so 1 stay in their place"),
        "{said}"
    );
    assert_eq!(store.read("tape/live+a/notes.txt"), b"notes");
    // When the move is permitted, the file is moved, and the files that are there stay.
    assert_eq!(store.start().0.lost_found, 1);
    assert_eq!(store.read("lost+found/#12345"), b"of fsck");
    assert_eq!(store.read("lost+found/live+a-notes.txt"), b"notes");
}

#[test]
fn a_folder_on_the_tape_that_may_not_be_listed_is_left_if_it_is_nobodys() {
    let store = Store::new();
    std::fs::create_dir(store.path("tape/lost+found")).unwrap();
    let disk = Refusing {
        paths: vec![store.path("tape/lost+found")],
    };
    let report = store.start_on(&disk);
    assert!(
        report.0.files[0].contains("tape/lost+found does not belong here, and stays in its place"),
        "{:?}",
        report.0.files
    );
    // An unreadable folder of a stream is an error: to call its files missing would be wrong.
    let disk = Refusing {
        paths: vec![store.path("tape/live+a")],
    };
    let clock = TestClock::new(9_000_000);
    let error = start(store.dir.path(), &disk, &clock, Occasion::Start)
        .err()
        .unwrap();
    assert!(error.to_string().contains("tape/live+a"), "{error}");
    assert!(store.start().0.missing == 0);
}

#[test]
fn a_torn_first_write_is_removed_and_a_damaged_header_is_set_aside() {
    for (seconds, kept) in [(1, false), (3, true)] {
        let mut rig = Rig::new();
        let (a, start) = rig.publish(1, "a");
        rig.handle(vec![start, a.record(RecordingId::new(1), 0)]);
        for second in 0..seconds {
            rig.handle(vec![a.append(second)]);
            rig.pass(1_000_000);
        }
        let Rig {
            dir,
            disk,
            clock,
            writer,
            ..
        } = rig;
        drop(writer);
        // The first sector has its content from a former segment, or what the medium made of it.
        let path = crate::store::paths::segment(dir.path(), &a.stream, 1);
        let file = disk.open(&path).unwrap();
        file.write_at(0, &mut [io::IoSlice::new(&[0xEE; 512])]).unwrap();
        drop(file);
        let rig = Rig::on(dir, disk, clock);
        let there: Vec<PathBuf> = rig.disk.files().into_keys().collect();
        let aside = crate::store::paths::lost_found(rig.dir.path());
        assert!(!there.contains(&path), "{there:?}");
        assert_eq!(
            there.iter().any(|path| path.starts_with(&aside)),
            kept,
            "after {seconds} s: {there:?}"
        );
    }
}
