use std::os::unix::fs::symlink;

use bytes::Bytes;

use super::super::{About, Payload};
use super::*;

fn ask(root: &Path, request: Request) -> Result<Answer, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = Folder::new(root.to_owned(), Pace::new(None));
    runtime.block_on(folder.perform(request))
}

fn put_request(key: &str, body: &'static [u8]) -> Request {
    Request::Put {
        key: key.to_owned(),
        body: Payload::of(Bytes::from_static(body)),
        about: About::default(),
    }
}

fn begin(root: &Path, key: &str) -> String {
    let about = About::default();
    match ask(
        root,
        Request::Create {
            key: key.to_owned(),
            about,
        },
    )
    .unwrap()
    {
        Answer::Created { upload } => upload,
        other => panic!("{other:?}"),
    }
}

fn send(
    root: &Path,
    key: &str,
    upload: &str,
    number: u32,
    offset: u64,
    body: &'static [u8],
) -> Result<Answer, Fault> {
    let request = Request::Part {
        key: key.to_owned(),
        upload: upload.to_owned(),
        number,
        offset: Some(offset),
        body: Payload::of(Bytes::from_static(body)),
    };
    ask(root, request)
}

#[test]
fn an_object_is_a_file_and_is_replaced_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for body in [&b"one"[..], b"another"] {
        ask(root, put_request("live/cam/a%20b.mp4", body)).unwrap();
        assert_eq!(fs::read(root.join("live/cam/a%20b.mp4")).unwrap(), body);
    }
    let key = "live/cam/a%20b.mp4".to_owned();
    let Answer::Head(Some(seen)) = ask(root, Request::Head { key: key.clone() }).unwrap() else {
        panic!();
    };
    assert_eq!(seen.bytes, 7);
    let bytes = ask(
        root,
        Request::Read {
            key: key.clone(),
            offset: 2,
            len: 3,
        },
    )
    .unwrap();
    assert_eq!(bytes, Answer::Bytes(Bytes::from_static(b"oth")));
    assert_eq!(
        fs::read_dir(root.join("live/cam")).unwrap().count(),
        1,
        "nothing else is left"
    );
    // The removal also succeeds when the object is gone already. Empty folders go, too.
    for _ in 0..2 {
        assert_eq!(
            ask(root, Request::Remove { key: key.clone() }).unwrap(),
            Answer::Done
        );
    }
    assert!(!root.join("live").exists() && root.exists());
    assert_eq!(ask(root, Request::Head { key }).unwrap(), Answer::Head(None));
}

#[test]
fn an_upload_survives_whoever_made_it_and_has_its_name_when_it_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let (root, key) = (dir.path(), "a/b.mp4");
    let upload = begin(root, key);
    send(root, key, &upload, 2, 5, b"world").unwrap();
    send(root, key, &upload, 1, 0, b"hello").unwrap();
    assert!(!root.join(key).exists());
    let parts = ask(
        root,
        Request::Parts {
            key: key.to_owned(),
            upload: upload.clone(),
        },
    )
    .unwrap();
    assert_eq!(parts, Answer::Parts(None));
    let complete = Request::Complete {
        key: key.to_owned(),
        upload: upload.clone(),
        parts: Vec::new(),
    };
    ask(root, complete.clone()).unwrap();
    assert_eq!(fs::read(root.join(key)).unwrap(), b"helloworld");
    assert_eq!(ask(root, complete), Err(Fault::UploadGone));
    assert_eq!(send(root, key, &upload, 3, 10, b"!"), Err(Fault::UploadGone));
}

#[test]
fn uploads_are_found_by_their_key_and_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let (one, other) = (begin(root, "a/one.mp4"), begin(root, "a/other.mp4"));
    let uploads = |key: &str| ask(root, Request::Uploads { key: key.to_owned() }).unwrap();
    assert_eq!(uploads("a/one.mp4"), Answer::Uploads(vec![one.clone()]));
    assert_eq!(uploads("nowhere/x"), Answer::Uploads(Vec::new()));
    let abort = |key: &str, upload: &str| {
        ask(
            root,
            Request::Abort {
                key: key.to_owned(),
                upload: upload.to_owned(),
            },
        )
    };
    abort("a/one.mp4", &one).unwrap();
    abort("a/one.mp4", &one).unwrap();
    assert_eq!(uploads("a/one.mp4"), Answer::Uploads(Vec::new()));
    // The name of an upload belongs to one key, and is no path.
    assert_eq!(abort("a/one.mp4", &other), Err(Fault::UploadGone));
    assert_eq!(abort("a/one.mp4", "../../etc/passwd"), Err(Fault::UploadGone));
}

#[test]
fn nothing_is_written_outside_of_the_folder_or_where_it_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    assert!(matches!(
        ask(&root, put_request("x", b"x")),
        Err(Fault::Offline(_))
    ));
    assert!(!root.exists(), "it may be where a disk is mounted");
    fs::create_dir(&root).unwrap();
    symlink(&outside, root.join("way")).unwrap();
    for key in [
        "../x",
        "a/../../x",
        "/x",
        "a//x",
        "way/x",
        ".edgereel-x",
        "a/.edgereel-1",
    ] {
        assert!(
            matches!(ask(&root, put_request(key, b"x")), Err(Fault::Refused(_))),
            "{key}"
        );
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // A link in the place of the object itself is replaced, not followed.
    symlink(outside.join("target"), root.join("link")).unwrap();
    ask(&root, put_request("link", b"x")).unwrap();
    assert!(!outside.join("target").exists() && root.join("link").symlink_metadata().unwrap().is_file());
}
