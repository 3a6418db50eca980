//! Compares the objects that an object store should have with those that it has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bucket::{Bucket, KEY_ID, SECRET};
use super::programme::Programme;
use super::rtmp::Rtmp;
use super::{Service, edgereel, export, wait_until};

/// One template for all streams: every format, and no resume window.
pub(crate) const ALL: &str = "\n[[template]]\nname = \"all\"\nformats = [\"hls\", \"mp4\", \"flv\", \"aac\"]\nresume_window = \"0s\"\n\
                   [[rule]]\ntemplate = \"all\"\n";

/// The same with MP4 alone.
pub(crate) const MP4: &str = "\n[[template]]\nname = \"mp4\"\nformats = [\"mp4\"]\nresume_window = \"0s\"\n[[rule]]\ntemplate = \"mp4\"\n";

/// Pictures of this weight make 5 MiB in some ten seconds.
pub(crate) const HEAVY: usize = 20_000;

/// Sends a programme from one second to another, unpaced. The service has taken all of it when this returns.
pub(crate) fn send(client: &mut Rtmp, programme: &Programme, next: &mut usize, until_s: u32) {
    loop {
        let tag = programme.tag(*next);
        if tag.time >= until_s * 1_000 {
            break;
        }
        client.media(tag.kind, tag.time, &tag.body).unwrap();
        *next += 1;
    }
    let token = u32::try_from(*next).unwrap();
    client.ping(token).unwrap();
    wait_until("the service to have taken it", || {
        client.last_pong() == Some(token)
    });
}

/// A publisher.
pub(crate) fn publish(service: &Service, stream: &str) -> Rtmp {
    let (app, key) = stream.split_once('/').unwrap();
    Rtmp::publishing(service.address(), app, key)
}

/// A whole publish.
pub(crate) fn push(service: &Service, stream: &str, seconds: u32, weight: usize) {
    let mut client = publish(service, stream);
    send(
        &mut client,
        &Programme::marked(stream, 0, weight),
        &mut 0,
        seconds,
    );
    client.unpublish(stream.split_once('/').unwrap().1).unwrap();
}

/// The result of a `sync` command.
pub(crate) fn sync(home: &Path, arguments: &[&str]) -> Value {
    let socket = home.join("control.sock");
    let mut all = vec!["sync"];
    all.extend(arguments);
    all.extend(["--json", "--socket", socket.to_str().unwrap()]);
    let done = edgereel(&all).ok();
    serde_json::from_slice::<Value>(&done.stdout).unwrap()["result"].clone()
}

/// The files in a folder and in the folders below it: paths within the folder, and where the files are.
pub(crate) fn files(root: &Path) -> BTreeMap<String, PathBuf> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                // The object of the service's check, which is soon removed.
                true if entry.file_name() == "edgereel-check" => (),
                true => folders.push(path),
                false => {
                    let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.insert(key, path);
                }
            }
        }
    }
    found
}

/// `[sync]` for a bucket, with keys in the configuration; `more` are lines of the section.
pub(crate) fn sync_to(bucket: &Bucket, more: &str) -> String {
    format!(
        "\n[sync]\nurl = \"s3://media/box\"\nendpoint = \"{}\"\naccess_key_id = \"{KEY_ID}\"\n\
         secret_access_key = \"{SECRET}\"\ntimeout = \"5s\"\n{more}\n",
        bucket.endpoint()
    )
}

/// The document of `ls --json`.
pub(crate) fn rows(data: &Path) -> Vec<Value> {
    let done = edgereel(&["ls", "--json", "--data", data.to_str().unwrap()]).ok();
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    document["recordings"].as_array().unwrap().clone()
}

/// True when there are so many recordings, and all are delivered.
pub(crate) fn all_delivered(data: &Path, count: usize) -> bool {
    let rows = rows(data);
    rows.len() == count && rows.iter().all(|row| row["state"] == "delivered")
}

/// The files that `export` makes of every rendition that is called delivered: keys and files.
pub(crate) fn expected(data: &Path, out: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    for row in rows(data) {
        let id = row["id"].as_str().unwrap();
        for rendition in row["renditions"].as_array().unwrap() {
            assert_eq!(rendition["state"], "delivered", "{rendition}");
            let (format, key) = (
                rendition["format"].as_str().unwrap(),
                rendition["key"].as_str().unwrap(),
            );
            let to = match format {
                "hls" => out.join(format!("{id}-hls")),
                "aac" => out.join(format!("{id}.m4a")),
                other => out.join(format!("{id}.{other}")),
            };
            export(data, id, format, &to).ok();
            match key.strip_suffix("index.m3u8") {
                Some(folder) => {
                    for entry in std::fs::read_dir(&to).unwrap().flatten() {
                        let name = entry.file_name().into_string().unwrap();
                        files.insert(format!("{folder}{name}"), entry.path());
                    }
                }
                None => {
                    files.insert(key.to_owned(), to);
                }
            }
        }
    }
    files
}

/// Fails unless everything that is called delivered is there once and complete, nothing else is there, and no upload is left
/// over.
#[track_caller]
pub(crate) fn as_exported(data: &Path, bucket: &Bucket) {
    let out = super::home();
    let expected = expected(data, out.path());
    let found = bucket.objects();
    same_files(&expected, &found);
    assert_eq!(bucket.uploads(), [], "uploads are left over");
}

/// Fails unless both have the same keys with the same bytes.
#[track_caller]
pub(crate) fn same_files(expected: &BTreeMap<String, PathBuf>, found: &BTreeMap<String, PathBuf>) {
    let keys = |files: &BTreeMap<String, PathBuf>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(expected), keys(found));
    for (key, path) in expected {
        let (mut wanted, mut is) = (std::fs::read(path).unwrap(), std::fs::read(&found[key]).unwrap());
        if is.windows(5).any(|word| word == b"EVENT") {
            // A playlist that viewers have seen growing keeps its type and its entries.
            (wanted, is) = (chunks_of(&wanted), chunks_of(&is));
        }
        assert!(
            wanted == is,
            "{key}: {} bytes are not the {} that were exported",
            is.len(),
            wanted.len()
        );
    }
}

/// The chunks that a playlist names, each with its duration.
fn chunks_of(playlist: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(playlist).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("#EXTINF") || !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

/// The bodies of events of a kind that wait to be sent, oldest first.
pub(crate) fn events(data: &Path, kind: &str) -> Vec<Value> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let journal = rusqlite::Connection::open_with_flags(data.join("journal.db"), flags).unwrap();
    let mut rows = journal
        .prepare("SELECT body FROM outbox WHERE kind = ?1 ORDER BY sequence")
        .unwrap();
    let bodies = rows.query_map([kind], |row| row.get::<_, String>(0)).unwrap();
    bodies
        .map(|body| serde_json::from_str(&body.unwrap()).unwrap())
        .collect()
}
