use bytes::Bytes;

use super::super::{About, ObjectSeen, Payload};
use super::*;
use crate::config::Credentials;
use crate::store::RealClock;

#[path = "../../../../tests/support/bucket.rs"]
mod bucket;
#[path = "../../../../tests/support/port.rs"]
mod port;

use bucket::{Asked, Bucket as Server, KEY_ID, SECRET, Verdict, error};

/// Keys that may change, and the number of reads.
struct Changing(Mutex<(String, u32)>);

impl Keys for Changing {
    fn read(&self) -> Result<AccessKey, String> {
        let mut secret = self.0.lock().unwrap();
        secret.1 += 1;
        Ok(AccessKey::new(KEY_ID.to_owned(), secret.0.clone(), None))
    }
}

struct Rig {
    server: Server,
    _dir: tempfile::TempDir,
    keys: Arc<Changing>,
    target: S3Target,
    runtime: tokio::runtime::Runtime,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path());
        let target = S3Target {
            bucket: bucket::BUCKET.to_owned(),
            prefix: String::new(),
            endpoint: server.endpoint(),
            region: "us-east-1".to_owned(),
            style: UrlStyle::Path,
            credentials: Credentials::Found {
                file: None,
                profile: None,
            },
            encryption: None,
            storage_class: None,
            ca_file: None,
            proxy: None,
        };
        Self {
            server,
            _dir: dir,
            keys: Arc::new(Changing(Mutex::new((SECRET.to_owned(), 0)))),
            target,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn s3(&self) -> S3 {
        self.s3_with(Arc::new(RealClock), Duration::from_millis(700))
    }

    fn s3_with(&self, clock: Arc<dyn Clock>, timeout: Duration) -> S3 {
        S3::new(
            &self.target,
            self.keys.clone(),
            None,
            Pace::new(None),
            timeout,
            clock,
        )
        .unwrap()
    }

    fn ask(&self, s3: &S3, request: Request) -> Result<Answer, Fault> {
        self.runtime.block_on(s3.perform(request))
    }

    fn put(&self, s3: &S3) -> Result<Answer, Fault> {
        self.ask(s3, put("a/b.mp4", b"hello"))
    }
}

fn about() -> About {
    About {
        mime: "video/mp4",
        cache: Some("no-cache"),
        recording: "r-1".to_owned(),
        first: false,
    }
}

fn put(key: &str, body: &'static [u8]) -> Request {
    Request::Put {
        key: key.to_owned(),
        body: Payload::of(Bytes::from_static(body)),
        about: about(),
    }
}

fn part(key: &str, upload: &str, number: u32, body: Vec<u8>) -> Request {
    Request::Part {
        key: key.to_owned(),
        upload: upload.to_owned(),
        number,
        offset: None,
        body: Payload::of(body.into()),
    }
}

fn etag(answer: Answer) -> String {
    match answer {
        Answer::Stored { etag } => etag,
        other => panic!("{other:?}"),
    }
}

#[test]
fn objects_of_any_name_are_put_looked_at_read_tagged_and_removed() {
    let rig = Rig::new();
    let s3 = rig.s3();
    for key in ["plain.mp4", "live/cam 1/x+y=z,@%20%2F.mp4", "überall/ß.m4s"] {
        let stored = etag(rig.ask(&s3, put(key, b"hello")).unwrap());
        assert_eq!(stored, "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(rig.server.object(key).unwrap(), b"hello");
        let head = Request::Head { key: key.to_owned() };
        let seen = ObjectSeen {
            bytes: 5,
            etag: stored,
            recording: Some("r-1".to_owned()),
        };
        assert_eq!(rig.ask(&s3, head.clone()).unwrap(), Answer::Head(Some(seen)));
        let read = |offset, len| Request::Read {
            key: key.to_owned(),
            offset,
            len,
        };
        assert_eq!(
            rig.ask(&s3, read(1, 3)).unwrap(),
            Answer::Bytes(Bytes::from_static(b"ell"))
        );
        let tags = vec![("edgereel-days".to_owned(), "7".to_owned())];
        assert_eq!(
            rig.ask(
                &s3,
                Request::Tag {
                    key: key.to_owned(),
                    tags
                }
            )
            .unwrap(),
            Answer::Done
        );
        assert!(rig.server.tags(key).unwrap().contains("<Value>7</Value>"));
        for _ in 0..2 {
            assert_eq!(
                rig.ask(&s3, Request::Remove { key: key.to_owned() }).unwrap(),
                Answer::Done
            );
        }
        assert_eq!(rig.ask(&s3, head).unwrap(), Answer::Head(None));
    }
}

#[test]
fn parts_make_an_object_in_any_order_and_size() {
    let rig = Rig::new();
    let s3 = rig.s3();
    let key = "a/whole.mp4";
    let begin = || match rig.ask(
        &s3,
        Request::Create {
            key: key.to_owned(),
            about: about(),
        },
    ) {
        Ok(Answer::Created { upload }) => upload,
        other => panic!("{other:?}"),
    };
    let upload = begin();
    const MIB: usize = 1 << 20;
    let bodies = [(2, vec![2; 5 * MIB]), (3, vec![3; 7]), (1, vec![1; 5 * MIB + 1])];
    let mut parts = Vec::new();
    for (number, body) in bodies {
        parts.push((
            number,
            etag(rig.ask(&s3, part(key, &upload, number, body)).unwrap()),
        ));
    }
    parts.sort();
    let asked = Request::Parts {
        key: key.to_owned(),
        upload: upload.clone(),
    };
    let Ok(Answer::Parts(Some(seen))) = rig.ask(&s3, asked.clone()) else {
        panic!();
    };
    let seen: Vec<_> = seen.iter().map(|part| (part.number, part.bytes)).collect();
    assert_eq!(seen, [(1, 5 * MIB as u64 + 1), (2, 5 * MIB as u64), (3, 7)]);
    assert_eq!(
        rig.ask(&s3, Request::Uploads { key: key.to_owned() }).unwrap(),
        Answer::Uploads(vec![upload.clone()])
    );
    let nobody = Request::Uploads {
        key: "a/whole".to_owned(),
    };
    assert_eq!(rig.ask(&s3, nobody).unwrap(), Answer::Uploads(Vec::new()));
    let complete = Request::Complete {
        key: key.to_owned(),
        upload: upload.clone(),
        parts,
    };
    let made = etag(rig.ask(&s3, complete.clone()).unwrap());
    assert!(made.ends_with("-3"), "{made}");
    let whole = [vec![1; 5 * MIB + 1], vec![2; 5 * MIB], vec![3; 7]].concat();
    assert!(rig.server.object(key).unwrap() == whole);
    // The upload is complete; an upload that was given up is gone, too.
    assert_eq!(rig.ask(&s3, complete), Err(Fault::UploadGone));
    let upload = begin();
    for _ in 0..2 {
        let abort = Request::Abort {
            key: key.to_owned(),
            upload: upload.clone(),
        };
        assert_eq!(rig.ask(&s3, abort).unwrap(), Answer::Done);
    }
    assert_eq!(
        rig.ask(&s3, part(key, &upload, 1, vec![1])),
        Err(Fault::UploadGone)
    );
    assert_eq!(
        rig.ask(
            &s3,
            Request::Parts {
                key: key.to_owned(),
                upload
            }
        ),
        Err(Fault::UploadGone)
    );
    assert_eq!(rig.server.uploads(), []);
}

#[test]
fn keys_are_read_again_when_they_are_not_known_and_no_secret_is_told() {
    let rig = Rig::new();
    rig.keys.0.lock().unwrap().0 = "wrong-s3cret".to_owned();
    let s3 = rig.s3();
    let fault = rig.put(&s3).unwrap_err();
    let Fault::Unusable(said) = &fault else {
        panic!("{fault:?}")
    };
    assert!(
        said.contains("SignatureDoesNotMatch") && said.contains("putting a/b.mp4"),
        "{said}"
    );
    assert!(!said.contains("s3cret") && !said.contains("X-Amz"), "{said}");
    rig.keys.0.lock().unwrap().0 = SECRET.to_owned();
    rig.put(&s3).unwrap();
    rig.put(&s3).unwrap();
    assert_eq!(rig.keys.0.lock().unwrap().1, 2);
}

#[test]
fn a_box_whose_clock_is_wrong_signs_for_the_stores() {
    struct Wrong;
    impl Clock for Wrong {
        fn boot(&self) -> i64 {
            RealClock.boot()
        }
        fn utc(&self) -> i64 {
            RealClock.utc() - 3 * 86_400_000_000
        }
        fn synced(&self) -> bool {
            false
        }
        fn boot_id(&self) -> [u8; 16] {
            [0; 16]
        }
    }
    let rig = Rig::new();
    let s3 = rig.s3_with(Arc::new(Wrong), Duration::from_secs(5));
    let first = rig.put(&s3);
    assert!(matches!(first, Err(Fault::Unusable(_))), "{first:?}");
    rig.put(&s3).unwrap();
}

#[test]
fn whose_fault_it_is_is_told_apart() {
    let rig = Rig::new();
    let s3 = rig.s3();
    for (status, code, wanted) in [
        (403, "AccessDenied", "Refused"),
        (403, "RequestTimeTooSkewed", "Unusable"),
        (403, "ExpiredToken", "Unusable"),
        (400, "ExpiredToken", "Unusable"),
        (404, "NoSuchBucket", "Unusable"),
        (301, "PermanentRedirect", "Unusable"),
        (307, "", "Intercepted"),
        (511, "", "Intercepted"),
        (400, "BadDigest", "Damaged"),
        (500, "InternalError", "Busy"),
        (503, "SlowDown", "Busy"),
        (429, "", "Busy"),
        (507, "", "Busy"),
        (500, "XMinioStorageFull", "Busy"),
        (400, "KeyTooLongError", "Refused"),
        (501, "NotImplemented", "Unsupported"),
    ] {
        let text = if code.is_empty() {
            String::new()
        } else {
            error(code, "because")
        };
        rig.server.judge(move |_| Verdict::Say(status, text.clone()));
        let fault = rig.put(&s3).unwrap_err();
        assert!(
            format!("{fault:?}").starts_with(wanted),
            "{status} {code}: {fault:?}"
        );
        assert!(fault.to_string().contains(&status.to_string()), "{fault}");
    }
    // S3 may answer the completion with 200 and an error in the body.
    rig.server
        .judge(|_| Verdict::Say(200, error("InternalError", "try again")));
    let complete = Request::Complete {
        key: "k".to_owned(),
        upload: "u".to_owned(),
        parts: vec![(1, "e".to_owned())],
    };
    assert!(matches!(rig.ask(&s3, complete), Err(Fault::Busy(_))));
}

#[test]
fn an_etag_that_is_not_of_what_was_sent_is_noticed() {
    let mut rig = Rig::new();
    let s3 = rig.s3();
    rig.server.judge(|_| Verdict::Falsify);
    assert!(matches!(rig.put(&s3), Err(Fault::Damaged(_))));
    // Where the store encrypts with keys of its own, an ETag is no MD5.
    rig.target.encryption = Some(Encryption::Kms(None));
    assert!(rig.put(&rig.s3()).is_ok());
}

#[test]
fn an_answer_that_does_not_come_or_not_whole_is_no_answer() {
    let mut rig = Rig::new();
    let s3 = rig.s3();
    rig.server.judge(|_| Verdict::Hang);
    let fault = rig.put(&s3).unwrap_err();
    assert!(
        matches!(&fault, Fault::Offline(said) if said.contains("nothing happened")),
        "{fault:?}"
    );
    rig.server.judge(|_| Verdict::Lose);
    assert!(matches!(rig.put(&s3), Err(Fault::Offline(_))));
    rig.server.judge(|asked: &Asked| {
        if asked.method == "GET" {
            Verdict::Cut
        } else {
            Verdict::Pass
        }
    });
    rig.put(&s3).unwrap();
    let read = Request::Read {
        key: "a/b.mp4".to_owned(),
        offset: 0,
        len: 5,
    };
    let fault = rig.ask(&s3, read).unwrap_err();
    assert!(
        matches!(fault, Fault::Offline(_) | Fault::Damaged(_)),
        "{fault:?}"
    );
    rig.server.pause();
    assert!(matches!(rig.put(&s3), Err(Fault::Offline(_))));
    rig.target.endpoint = "http://there.is.no.such.host.invalid:1".to_owned();
    assert!(matches!(rig.put(&rig.s3()), Err(Fault::Offline(_))));
}

#[test]
fn who_does_not_speak_s3_is_not_the_store() {
    let rig = Rig::new();
    let s3 = rig.s3();
    let key = || "k".to_owned();
    let complete = || Request::Complete {
        key: key(),
        upload: "u".to_owned(),
        parts: vec![(1, "e".to_owned())],
    };
    let everything = || {
        vec![
            put("k", b"hello"),
            part("k", "u", 1, vec![1]),
            Request::Create {
                key: key(),
                about: about(),
            },
            complete(),
            Request::Parts {
                key: key(),
                upload: "u".to_owned(),
            },
            Request::Abort {
                key: key(),
                upload: "u".to_owned(),
            },
            Request::Uploads { key: key() },
            Request::Head { key: key() },
            Request::Read {
                key: key(),
                offset: 0,
                len: 5,
            },
            Request::Remove { key: key() },
            Request::Tag {
                key: key(),
                tags: Vec::new(),
            },
        ]
    };
    let html = ("content-type", "text/html".to_owned());
    let page = "<!doctype HTML><html>log in</html>";
    for request in everything() {
        let said = Verdict::SayAs(200, vec![html.clone()], page.to_owned());
        rig.server.judge(move |_| said.clone());
        let fault = rig.ask(&s3, request.clone());
        assert!(
            matches!(fault, Err(Fault::Intercepted(_))),
            "{request:?}: {fault:?}"
        );
        // Only the header shows the page where the answer has no body.
        if !matches!(request, Request::Head { .. }) {
            rig.server.judge(move |_| Verdict::Say(200, page.to_owned()));
            let fault = rig.ask(&s3, request.clone());
            assert!(
                matches!(fault, Err(Fault::Intercepted(_))),
                "{request:?}: {fault:?}"
            );
        }
        // The answer redirects to a login, or asks for one.
        for status in [302, 511] {
            rig.server.judge(move |_| Verdict::Say(status, page.to_owned()));
            let fault = rig.ask(&s3, request.clone());
            assert!(
                matches!(fault, Err(Fault::Intercepted(_))),
                "{status} {request:?}: {fault:?}"
            );
        }
        let said = Verdict::SayAs(403, vec![html.clone()], page.to_owned());
        rig.server.judge(move |_| said.clone());
        let fault = rig.ask(&s3, request.clone()).unwrap_err();
        match request {
            // Deliveries go on without these operations.
            Request::Uploads { .. } | Request::Tag { .. } => assert!(matches!(fault, Fault::Refused(_))),
            _ => assert!(matches!(fault, Fault::Unusable(_)), "{request:?}: {fault:?}"),
        }
    }
    // A 404 of a login page does not mean that the upload is gone.
    let said = Verdict::SayAs(404, vec![html.clone()], page.to_owned());
    rig.server.judge(move |_| said.clone());
    assert!(matches!(rig.ask(&s3, complete()), Err(Fault::Unusable(_))));
    let said = Verdict::Say(200, "{\"ok\":true}".to_owned());
    rig.server.judge(move |_| said.clone());
    assert!(matches!(rig.ask(&s3, complete()), Err(Fault::Intercepted(_))));
    // A list of something else is the answer of another store.
    rig.server
        .judge(|_| Verdict::Say(200, "<?xml version=\"1.0\"?><ListBucketResult/>".to_owned()));
    let asked = Request::Uploads { key: key() };
    assert!(matches!(rig.ask(&s3, asked), Err(Fault::Unsupported(_))));
}

#[test]
fn only_what_is_gone_counts_as_removed() {
    let rig = Rig::new();
    let s3 = rig.s3();
    rig.put(&s3).unwrap();
    let remove = || Request::Remove {
        key: "a/b.mp4".to_owned(),
    };
    // A removal that is confirmed in other words is checked.
    rig.server.judge(|asked| match asked.method.as_str() {
        "DELETE" => Verdict::Say(200, "<DeleteResult/>".to_owned()),
        _ => Verdict::Pass,
    });
    let fault = rig.ask(&s3, remove());
    assert!(
        matches!(&fault, Err(Fault::Refused(said)) if said.contains("still there")),
        "{fault:?}"
    );
    rig.server.judge(|asked| match asked.method.as_str() {
        "DELETE" => Verdict::Say(202, String::new()),
        _ => Verdict::Say(404, String::new()),
    });
    assert_eq!(rig.ask(&s3, remove()).unwrap(), Answer::Done);
    rig.server.judge(|_| Verdict::Say(200, String::new()));
    assert_eq!(rig.ask(&s3, remove()).unwrap(), Answer::Done);
}

#[test]
fn a_length_that_is_not_said_is_asked_for() {
    let rig = Rig::new();
    let s3 = rig.s3();
    let stored = etag(rig.put(&s3).unwrap());
    let head = Request::Head {
        key: "a/b.mp4".to_owned(),
    };
    let seen = ObjectSeen {
        bytes: 5,
        etag: stored,
        recording: Some("r-1".to_owned()),
    };
    rig.server.judge(|asked| match asked.method.as_str() {
        "HEAD" => Verdict::Endless,
        _ => Verdict::Pass,
    });
    assert_eq!(rig.ask(&s3, head.clone()).unwrap(), Answer::Head(Some(seen)));
    // Some stores give the size in no header.
    rig.server.judge(|asked| match asked.method.as_str() {
        "HEAD" => Verdict::Endless,
        _ => Verdict::SayAs(206, Vec::new(), "h".to_owned()),
    });
    assert!(matches!(rig.ask(&s3, head), Err(Fault::Damaged(_))));
}

#[test]
fn etags_go_back_as_they_came() {
    let rig = Rig::new();
    let s3 = rig.s3();
    rig.server.judge(|_| Verdict::Upper);
    let stored = etag(rig.put(&s3).unwrap());
    assert_eq!(stored, "5D41402ABC4B2A76B9719D911017C592");
    assert!(same_etag(&stored, "5d41402abc4b2a76b9719d911017c592"));
    let complete = Request::Complete {
        key: "k".to_owned(),
        upload: "u".to_owned(),
        parts: vec![(1, stored.clone())],
    };
    let prepared = request::prepare(complete, &rig.target);
    let body = prepared.body.piece(0).unwrap().unwrap();
    assert!(String::from_utf8_lossy(&body).contains(&stored));
}

#[test]
fn an_endpoint_may_be_behind_a_path_which_is_signed_too() {
    let mut rig = Rig::new();
    // The server's bucket is the first part of the path, and the signature covers the whole path.
    rig.target.endpoint = format!("{}/{}/storage/v1", rig.server.endpoint(), bucket::BUCKET);
    rig.target.bucket = "inner".to_owned();
    let s3 = rig.s3();
    let stored = etag(rig.ask(&s3, put("a/b c+d.mp4", b"hello")).unwrap());
    assert_eq!(
        rig.server.object("storage/v1/inner/a/b c+d.mp4").unwrap(),
        b"hello"
    );
    let head = Request::Head {
        key: "a/b c+d.mp4".to_owned(),
    };
    let Ok(Answer::Head(Some(seen))) = rig.ask(&s3, head) else {
        panic!();
    };
    assert_eq!((seen.bytes, seen.etag), (5, stored));
    let asked = Request::Uploads { key: "k".to_owned() };
    assert_eq!(rig.ask(&s3, asked).unwrap(), Answer::Uploads(Vec::new()));
    assert!(
        rig.server
            .asked()
            .iter()
            .all(|asked| asked.path.starts_with("/media/storage/v1/inner/"))
    );
}

#[test]
fn a_proxy_is_gone_through_and_named_where_it_is_not_there() {
    let mut rig = Rig::new();
    // Only the proxy knows this name. Here the proxy is the server itself, which takes whole addresses as a proxy does.
    rig.target.endpoint = "http://store.invalid".to_owned();
    let at = |url: String| crate::config::HttpProxy::At { url, login: None };
    rig.target.proxy = Some(at(rig.server.endpoint()));
    rig.put(&rig.s3()).unwrap();
    assert_eq!(rig.server.object("a/b.mp4").unwrap(), b"hello");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    rig.target.proxy = Some(at(nobody.clone()));
    let fault = rig.put(&rig.s3()).unwrap_err();
    assert!(
        matches!(&fault, Fault::Offline(said) if said.contains(&nobody)),
        "{fault:?}"
    );
    // Without the proxy the name is not known.
    rig.target.proxy = None;
    assert!(matches!(rig.put(&rig.s3()), Err(Fault::Offline(_))));
}
