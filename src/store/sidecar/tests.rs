use std::path::Path;

use serde_json::json;

use super::*;
use crate::media::RecordingId;
use crate::model::Facts;
use crate::store::crash::{CrashDisk, Fault};
use crate::store::disk::Disk as _;

const DIR: &str = "/store";

fn facts(title: &str) -> Facts {
    serde_json::from_value(json!({ "title": title, "custom": {"a": [1, null]} })).unwrap()
}

fn name(n: u8) -> Name {
    Name::Recording(RecordingId::from_bytes([n; 16]))
}

fn title(disk: &CrashDisk, of: Name) -> Option<String> {
    let read = read(disk, Path::new(DIR), of).unwrap()?.unwrap();
    Some(read.facts?.title?.to_string())
}

#[test]
fn a_sidecar_takes_its_place_whole_and_what_a_later_release_adds_stays() {
    let (disk, dir) = (CrashDisk::default(), Path::new(DIR));
    assert_eq!(names(&disk, dir).unwrap(), Default::default());
    write(&disk, dir, name(1), |before| before.with_facts(facts("one"))).unwrap();
    assert_eq!(
        (title(&disk, name(1)), newer(&disk, dir).unwrap().0),
        (None, vec![name(1)])
    );
    put(&disk, dir, name(1)).unwrap();
    assert_eq!(
        (title(&disk, name(1)), newer(&disk, dir).unwrap().0),
        (Some("one".to_owned()), vec![])
    );
    // A section that this release does not know.
    let text = r#""version":1,"facts":{},"later":{"state":"blocked","by":[1]}}"#;
    let rest = format!(",{text}\n");
    let bytes = format!("{{\"crc32c\":\"{:08x}\"{rest}", crc32c::crc32c(rest.as_bytes()));
    assert!(
        serde_json::from_str::<serde_json::Value>(&bytes).is_ok(),
        "{bytes}"
    );
    disk.unlink(&name(1).path(dir)).unwrap();
    disk.put(&name(1).path(dir), bytes.as_bytes());
    write(&disk, dir, name(1), |before| before.with_facts(facts("two"))).unwrap();
    put(&disk, dir, name(1)).unwrap();
    let after = String::from_utf8(disk.files()[&name(1).path(dir)].clone()).unwrap();
    assert!(
        after.contains(r#""later":{"by":[1],"state":"blocked"}"#),
        "{after}"
    );
    assert_eq!(title(&disk, name(1)), Some("two".to_owned()));
    write(&disk, dir, Name::Categories, |before| {
        before.with_categories(Vec::new())
    })
    .unwrap();
    put(&disk, dir, Name::Categories).unwrap();
    disk.put(&dir.join("recordings/x.json"), b"{}");
    let (found, others) = names(&disk, dir).unwrap();
    assert_eq!(
        (found, others),
        (
            vec![name(1), Name::Categories],
            vec![dir.join("recordings/x.json")]
        )
    );
    remove(&disk, dir, name(1)).unwrap();
    assert_eq!(read(&disk, dir, name(1)).unwrap(), None);
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let bytes = Sidecar::default().with_facts(facts("Algebra")).encode();
    assert_eq!(Sidecar::decode(&bytes).unwrap().facts, Some(facts("Algebra")));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(
            matches!(Sidecar::decode(&flipped), Err(Damage::Torn(_))),
            "byte {at}"
        );
        assert!(Sidecar::decode(&bytes[..at]).is_err());
    }
    assert_eq!(Sidecar::decode(&[0; 700]), Err(Damage::Empty));
    assert_eq!(Sidecar::decode(b""), Err(Damage::Empty));
    let long = "x".repeat(1 << 20);
    let disk = CrashDisk::default();
    disk.put(&name(1).path(Path::new(DIR)), long.as_bytes());
    disk.put(
        &name(1).path(Path::new(DIR)),
        [long.as_bytes(), b"x"].concat().as_slice(),
    );
    let read = read(&disk, Path::new(DIR), name(1)).unwrap().unwrap();
    assert!(read.unwrap_err().to_string().contains("more than 1048576 bytes"));
}

#[test]
fn what_a_later_release_wrote_in_its_own_form_is_not_written_over() {
    let (disk, dir) = (CrashDisk::default(), Path::new(DIR));
    let rest = ",\"version\":2,\"new\":1}\n";
    let bytes = format!("{{\"crc32c\":\"{:08x}\"{rest}", crc32c::crc32c(rest.as_bytes()));
    disk.put(&name(1).path(dir), bytes.as_bytes());
    assert_eq!(read(&disk, dir, name(1)).unwrap(), Some(Err(Damage::Later(2))));
    let error = write(&disk, dir, name(1), |before| before.with_facts(facts("x"))).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
    assert_eq!(disk.files()[&name(1).path(dir)], bytes.as_bytes());
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_one_before_and_nothing_of_itself() {
    for fault in [Fault::Create, Fault::Write, Fault::Sync, Fault::SyncDir] {
        let (disk, dir) = (CrashDisk::default(), Path::new(DIR));
        settle(
            &disk,
            dir,
            name(1),
            Some(|before: Sidecar| before.with_facts(facts("one"))),
        )
        .unwrap();
        disk.fail_next(fault);
        write(&disk, dir, name(1), |before| before.with_facts(facts("two"))).unwrap_err();
        assert_eq!(title(&disk, name(1)), Some("one".to_owned()), "{fault:?}");
        assert_eq!(newer(&disk, dir).unwrap().0, [], "{fault:?}");
    }
}

#[test]
fn what_is_replaced_is_in_no_block_any_more() {
    let (disk, dir) = (CrashDisk::default(), Path::new(DIR));
    let to = |words: &str| {
        let words = facts(words);
        settle(
            &disk,
            dir,
            name(1),
            Some(|before: Sidecar| before.with_facts(words)),
        )
    };
    let node = |path: &Path| disk.node_of(path).unwrap();
    let is_empty = |node| disk.held(node).unwrap().iter().all(|byte| *byte == 0);
    let (place, new) = (
        name(1).path(dir),
        dir.join("recordings/new").join(name(1).to_string()),
    );
    to("secret").unwrap();
    let first = node(&place);
    // This one waits in `new/` until the next one takes its place.
    disk.fail_next(Fault::Rename);
    to("secret, too").unwrap_err();
    let second = node(&new);
    assert!(!is_empty(first) && !is_empty(second));
    to("known").unwrap();
    assert!(is_empty(first) && is_empty(second));
    assert_eq!(title(&disk, name(1)), Some("known".to_owned()));
    // A file that is not replaced stays as it is.
    let third = node(&place);
    disk.fail_next(Fault::Rename);
    to("never").unwrap_err();
    assert!(!is_empty(third));
    // What could not be written is in no block either.
    let fourth = node(&new);
    disk.fail_next(Fault::Create);
    to("nor this").unwrap_err();
    assert!(is_empty(fourth) && !disk.is_there(&new) && !is_empty(third));
}
