use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest as _, Md5};

use super::*;
use crate::access::{Limits, Reason, Scheme};
use crate::config::Config;
use crate::media::{Micros, StreamName};
use crate::model::Right;

const NOW: Micros = 1_795_000_000_000_000;
const ONE: &str = "0123456789abcdef0123456789abcdef";
const TWO: &str = "fedcba9876543210fedcba9876543210";
const FROM_FILE: &str = "00112233445566778899aabbccddeeff";

fn config(toml: &str) -> Config {
    Config::parse(Some((Path::new("box.toml"), toml)), [], "box").unwrap()
}

fn file(path: &Path) -> Result<String, String> {
    match path.to_str() {
        Some("view-key") => Ok(format!("{FROM_FILE}\n")),
        Some("weak") => Ok("password\n".to_owned()),
        Some("shared") => Ok("shared-secret\n".to_owned()),
        Some("hash") => Ok(format!("{}\n", hash_password(b"open sesame").unwrap().expose())),
        _ => Err("no such file".to_owned()),
    }
}

fn viewers(toml: &str) -> Viewers {
    Viewers::of(&config(toml), file).unwrap()
}

fn gate(toml: &str) -> Gate {
    Gate::new(viewers(toml), Limits::default())
}

fn from(peer: &str) -> Request<'static> {
    Request {
        peer: peer.parse().unwrap(),
        is_local: false,
        authorization: None,
        session: None,
        token: None,
        media: None,
        utc: Some(NOW),
    }
}

fn with<'a>(peer: &str, authorization: &'a str) -> Request<'a> {
    Request {
        authorization: Some(authorization),
        ..from(peer)
    }
}

fn with_session<'a>(cookie: &'a str, peer: &str) -> Request<'a> {
    Request {
        session: Some(cookie),
        ..from(peer)
    }
}

fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

fn of(stream: &StreamName) -> What<'_> {
    What {
        stream,
        recording: None,
        span: None,
        still: false,
    }
}

/// What the gate says, in a word: the viewer's name, or the status.
fn said(gate: &Gate, request: &Request<'_>) -> String {
    match gate.check(request) {
        ViewerVerdict::Allowed(viewer) => viewer.name().to_owned(),
        ViewerVerdict::Unknown(denial) => format!("401 {}", denial.reason.kind()),
        ViewerVerdict::Denied(denial) => format!("403 {}", denial.reason.kind()),
        ViewerVerdict::TooMany { denial, .. } => format!("429 {}", denial.reason.kind()),
    }
}

fn allowed(gate: &Gate, request: &Request<'_>) -> Viewer {
    match gate.check(request) {
        ViewerVerdict::Allowed(viewer) => viewer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_entries_this_machine_may_look_and_never_operate() {
    let gate = gate("");
    let local = Request {
        is_local: true,
        ..from("127.0.0.1")
    };
    let viewer = allowed(&gate, &local);
    let cam = name("live/cam1");
    for (right, may) in [
        (Right::Watch, true),
        (Right::Download, true),
        (Right::Metrics, true),
        (Right::Operate, false),
        (Right::Moderate, false),
        (Right::Keys, false),
    ] {
        assert_eq!(
            (viewer.has(right), viewer.may(right, &of(&cam))),
            (may, may),
            "{right}"
        );
    }
    // What a proxy on this machine passes on is not from this machine.
    assert_eq!(said(&gate, &from("127.0.0.1")), "403 anonymous");
    let of_here = self::gate("[[viewer]]\nname = \"here\"\naddresses = [\"127.0.0.0/8\"]\n");
    assert_eq!(said(&of_here, &local), "here");
    assert_eq!(said(&of_here, &from("127.0.0.1")), "403 not_listed");
    assert_eq!(said(&gate, &from("192.0.2.1")), "403 anonymous");
    // With an entry, this machine is like any other.
    let gate = super::tests::gate(&format!("[[viewer]]\nname = \"a\"\nkey = \"{ONE}\"\n"));
    assert_eq!(said(&gate, &local), "401 no_proof");
}

#[tokio::test]
async fn a_key_lets_its_entry_in_from_its_addresses_in_each_form() {
    let gate = gate(&format!(
        "[[viewer]]\nname = \"staff\"\nkey = [\"{ONE}\", \"{TWO}\"]\naddresses = [\"10.0.0.0/8\"]\nmay = [\"watch\", \"operate\"]\n\
         [[viewer]]\nname = \"file\"\nkey_file = \"view-key\"\nstreams = [\"live/*\"]\n"
    ));
    let basic =
        |user: &str, key: &str| format!("Basic {}", BASE64.encode(format!("{user}:{key}").as_bytes()));
    for (peer, header, expected) in [
        ("10.0.0.1", format!("Bearer {ONE}"), "staff"),
        ("10.0.0.1", format!("bearer  {TWO}"), "staff"),
        ("::ffff:10.0.0.1", basic("staff", ONE), "staff"),
        ("10.0.0.1", basic("file", ONE), "401 wrong_key"),
        ("10.0.0.1", basic("nobody", ONE), "401 wrong_key"),
        ("192.0.2.1", format!("Bearer {ONE}"), "403 not_listed"),
        ("192.0.2.1", format!("Bearer {FROM_FILE}"), "file"),
        ("192.0.2.1", basic("file", FROM_FILE), "file"),
        ("192.0.2.1", "Bearer wrong".to_owned(), "401 wrong_key"),
        ("192.0.2.1", "Bearer ".to_owned(), "401 wrong_key"),
        (
            "192.0.2.1",
            format!("Bearer {}", &FROM_FILE[..31]),
            "401 wrong_key",
        ),
        ("192.0.2.1", "Digest x".to_owned(), "401 malformed"),
        ("192.0.2.1", "Basic !".to_owned(), "401 malformed"),
        (
            "192.0.2.1",
            format!("Basic {}", BASE64.encode(b"nothing")),
            "401 malformed",
        ),
        ("192.0.2.1", "Bearer".to_owned(), "401 malformed"),
        (
            "192.0.2.1",
            format!("Bearer {}", "a".repeat(2_000)),
            "401 malformed",
        ),
    ] {
        assert_eq!(
            said(&gate, &with(peer, &header)),
            expected,
            "{header} from {peer}"
        );
    }
    assert_eq!(said(&gate, &from("192.0.2.1")), "401 no_proof");
    let header = format!("Bearer {FROM_FILE}");
    let viewer = allowed(&gate, &with("192.0.2.1", &header));
    let (cam, other) = (name("live/cam1"), name("hall/cam1"));
    assert_eq!(viewer.by(), &By::Key);
    assert!(viewer.may(Right::Watch, &of(&cam)) && !viewer.may(Right::Watch, &of(&other)));
    assert_eq!(viewer.until(Right::Watch, &of(&cam)), None);
}

#[tokio::test]
async fn a_viewer_has_what_its_entry_gives_and_what_everybody_has() {
    let gate = gate(&format!(
        "[[viewer]]\nname = \"all\"\nstreams = \"public/*\"\n\
         [[viewer]]\nname = \"lobby\"\nstreams = \"hall/*\"\naddresses = \"10.0.0.0/8\"\nmay = [\"watch\", \"download\"]\n\
         [[viewer]]\nname = \"staff\"\nkey = \"{ONE}\"\nstreams = \"live/*\"\nmay = [\"watch\", \"operate\"]\n"
    ));
    let header = format!("Bearer {ONE}");
    let (public, hall, live) = (name("public/a"), name("hall/a"), name("live/a"));
    let rights = |viewer: &Viewer| {
        [&public, &hall, &live].map(|stream| {
            let may = |right: &Right| viewer.may(*right, &of(stream));
            Right::ALL
                .into_iter()
                .filter(may)
                .collect::<crate::model::Rights>()
                .to_string()
        })
    };
    let somebody = allowed(&gate, &from("192.0.2.1"));
    assert_eq!((somebody.name(), somebody.by()), ("all", &By::Address));
    assert_eq!(rights(&somebody), ["watch", "nothing", "nothing"]);
    let lobby = allowed(&gate, &from("10.0.0.1"));
    assert_eq!(rights(&lobby), ["watch", "watch, download", "nothing"]);
    let staff = allowed(&gate, &with("10.0.0.1", &header));
    assert_eq!((staff.name(), staff.by()), ("staff", &By::Key));
    assert_eq!(rights(&staff), ["watch", "watch, download", "watch, operate"]);
    // Where a command is about streams, no right of one entry is mixed with the streams of another.
    let (rights, patterns) = staff.scope(Right::Watch);
    assert_eq!((rights.to_string().as_str(), patterns.len()), ("watch", 3));
    let (rights, patterns) = staff.scope(Right::Operate);
    assert_eq!(
        (rights.to_string().as_str(), patterns[0].as_str()),
        ("watch, operate", "live/*")
    );
    assert_eq!(staff.scope(Right::Keys), (crate::model::Rights::NONE, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn who_guesses_is_held_off_and_who_has_the_key_is_let_in_beside_them() {
    let gate = gate(&format!("[[viewer]]\nname = \"a\"\nkey = \"{ONE}\"\n"));
    let (wrong, right) = (with("192.0.2.1", "Bearer wrong"), format!("Bearer {ONE}"));
    let (mut delays, mut events) = (Vec::new(), 0);
    let retry_after = loop {
        match gate.check(&wrong) {
            ViewerVerdict::Unknown(denial) => {
                delays.push(denial.delay.expect("a guess is answered late"));
                events += usize::from(denial.event.is_some());
            }
            ViewerVerdict::TooMany { retry_after, denial } => {
                assert!(denial.words.contains("too many wrong keys"), "{}", denial.words);
                break retry_after;
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (delays.len(), events, retry_after),
        (20, 1, Duration::from_secs(31))
    );
    assert!(delays.is_sorted());
    assert_eq!(said(&gate, &with("192.0.2.1", &right)), "a");
    assert_eq!(said(&gate, &from("192.0.2.1")), "401 no_proof");
    assert_eq!(said(&gate, &with("192.0.2.2", "Bearer wrong")), "401 wrong_key");
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(said(&gate, &wrong), "401 wrong_key");
}

#[tokio::test(start_paused = true)]
async fn a_password_opens_a_session_that_ends_when_the_viewer_changes() {
    let entry =
        |name: &str, more: &str| format!("[[viewer]]\nname = \"{name}\"\npassword_file = \"hash\"\n{more}");
    let text = entry(
        "anna",
        "addresses = \"10.0.0.0/8\"\nmay = [\"watch\", \"operate\"]\n",
    ) + &entry("bert", "");
    let gate = gate(&text);
    let here = from("10.0.0.1");
    let (anna, viewer) = gate.log_in(&here, "anna", b"open sesame").await.unwrap();
    assert_eq!((viewer.name(), viewer.by()), ("anna", &By::Session));
    let (bert, _) = gate.log_in(&here, "bert", b"open sesame").await.unwrap();
    let seen = |cookie: &str, peer: &str| said(&gate, &with_session(cookie, peer));
    assert_eq!(seen(&anna, "10.0.0.2"), "anna");
    assert!(allowed(&gate, &with_session(&anna, "10.0.0.2")).has(Right::Operate));
    assert_eq!(seen(&anna, "192.0.2.1"), "403 not_listed");
    assert_eq!(seen("", "10.0.0.2"), "401 no_proof");
    assert_eq!(seen(&anna[..21], "10.0.0.2"), "401 no_proof");
    // The password is no key.
    let header = format!("Basic {}", BASE64.encode(b"anna:open sesame"));
    assert_eq!(said(&gate, &with("10.0.0.1", &header)), "401 no_proof");
    // The hash of bert's file is another one after a reload, because its salt is.
    let same = viewers(&text);
    gate.reconfigure(same, Limits::default());
    assert_eq!(seen(&anna, "10.0.0.2"), "401 no_proof");
    let (bert_again, _) = gate.log_in(&here, "bert", b"open sesame").await.unwrap();
    assert_eq!(seen(&bert, "10.0.0.2"), "401 no_proof");
    gate.log_out(&bert_again);
    assert_eq!(seen(&bert_again, "10.0.0.2"), "401 no_proof");
}

#[tokio::test]
async fn a_reload_that_leaves_a_viewer_as_it_is_leaves_its_session() {
    let hash = hash_password(b"open sesame").unwrap().expose();
    let entry = |name: &str, may: &str| {
        format!("[[viewer]]\nname = \"{name}\"\npassword = \"{hash}\"\nmay = [{may}]\n")
    };
    let gate = gate(&(entry("anna", "\"watch\"") + &entry("bert", "\"watch\", \"operate\"")));
    let here = from("192.0.2.1");
    let (anna, _) = gate.log_in(&here, "anna", b"open sesame").await.unwrap();
    let (bert, _) = gate.log_in(&here, "bert", b"open sesame").await.unwrap();
    let after = entry("anna", "\"watch\"") + &entry("bert", "\"watch\"") + &entry("carl", "\"keys\"");
    gate.reconfigure(viewers(&after), Limits::default());
    let seen = |cookie| {
        said(
            &gate,
            &Request {
                session: Some(cookie),
                ..here
            },
        )
    };
    assert_eq!(
        (seen(&anna).as_str(), seen(&bert).as_str()),
        ("anna", "401 no_proof")
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_are_counted_and_a_viewer_that_was_right_here_is_heard() {
    let gate = gate(
        "[[viewer]]\nname = \"anna\"\npassword_file = \"hash\"\n[[viewer]]\nname = \"key\"\nkey_file = \"view-key\"\n",
    );
    let here = from("192.0.2.1");
    assert!(gate.log_in(&here, "anna", b"open sesame").await.is_ok());
    let refused = async |name: &str, password: &[u8]| match gate.log_in(&here, name, password).await {
        Ok((_, viewer)) => format!("in as {}", viewer.name()),
        Err(ViewerVerdict::Unknown(denial)) => format!("401 {}", denial.reason.kind()),
        Err(ViewerVerdict::TooMany { denial, .. }) => format!("429 {}", denial.reason.kind()),
        Err(other) => panic!("{other:?}"),
    };
    for (name, password) in [
        ("anna", &b"open"[..]),
        ("nobody", b"open sesame"),
        // An entry without a password has none that is right.
        ("key", b""),
        ("key", FROM_FILE.as_bytes()),
        ("", b""),
    ] {
        assert_eq!(refused(name, password).await, "401 wrong_password", "{name}");
    }
    while refused("bert", b"guess").await != "429 held_off" {}
    assert_eq!(refused("carl", b"guess").await, "429 held_off");
    assert_eq!(refused("anna", b"open sesame").await, "in as anna");
}

#[tokio::test]
async fn passwords_are_checked_one_at_a_time_and_few_wait() {
    let gate = gate("[[viewer]]\nname = \"anna\"\npassword_file = \"hash\"\n");
    let checks = gate.checking.try_acquire().expect("nobody logs in");
    assert!(gate.checking.try_acquire().is_err(), "one at a time");
    let here = from("192.0.2.1");
    let mut waiting: Vec<_> = (0..gate::MOST_LOGINS)
        .map(|_| Box::pin(gate.log_in(&here, "anna", b"open sesame")))
        .collect();
    for login in &mut waiting {
        let is_pending =
            std::future::poll_fn(|context| Poll::Ready(login.as_mut().poll(context).is_pending()));
        assert!(is_pending.await);
    }
    let Err(ViewerVerdict::TooMany { retry_after, denial }) =
        gate.log_in(&here, "anna", b"open sesame").await
    else {
        panic!("more than a few wait");
    };
    assert_eq!(
        (retry_after, denial.reason),
        (Duration::from_secs(1), Reason::Busy)
    );
    drop(checks);
    for login in waiting {
        assert!(login.await.is_ok());
    }
}

fn md5(text: &str) -> String {
    HEXLOWER.encode(&Md5::digest(text))
}

fn signed<'a>(
    stream: &'a StreamName,
    paths: &'a [&'a str],
    query: &'a str,
    utc: Option<Micros>,
) -> Request<'a> {
    Request {
        media: Some(MediaAddress { stream, paths, query }),
        utc,
        ..from("192.0.2.1")
    }
}

#[tokio::test]
async fn tencents_signature_opens_its_stream_with_all_its_chunks_until_its_time() {
    let gate = gate(
        "[[viewer]]\nname = \"tc\"\nstreams = \"live/*\"\nmay = [\"watch\", \"metrics\"]\ntencent_key = \"secret-of-tencent\"\n",
    );
    let time = format!("{:08X}", NOW / 1_000_000 + 60);
    let signature = format!(
        "txSecret={}&txTime={time}",
        md5(&format!("secret-of-tencentcam1{time}"))
    );
    let query = format!("start=1&{signature}&end=2");
    let (cam, other, hall) = (name("live/cam1"), name("live/cam2"), name("hall/cam1"));
    let chunk = ["/live/cam1/c/17.m4s", "/live/cam1.m3u8"];
    let viewer = allowed(&gate, &signed(&cam, &chunk, &query, Some(NOW)));
    let inherit = signature.clone();
    assert_eq!((viewer.name(), viewer.by()), ("tc", &By::Signature { inherit }));
    assert!(viewer.may(Right::Watch, &of(&cam)) && !viewer.may(Right::Watch, &of(&other)));
    assert!(!viewer.has(Right::Metrics) && viewer.scope(Right::Watch).1.is_empty());
    let end = (NOW / 1_000_000 + 60) * 1_000_000;
    assert_eq!(viewer.until(Right::Watch, &of(&cam)), Some(end));
    for (stream, query, utc, expected) in [
        (&cam, query.as_str(), Some(end), "tc"),
        (&cam, &query, Some(end + 1), "403 expired"),
        // As with publishers: a box that does not know the time holds no expiry against anybody.
        (&cam, &query, None, "tc"),
        (&other, &query, Some(NOW), "403 wrong_signature"),
        (&hall, &query, Some(NOW), "403 not_listed"),
        (&cam, "txSecret=1&txTime=2", Some(NOW), "403 malformed"),
        (&cam, "delay=3", Some(NOW), "401 no_proof"),
        (
            &cam,
            "auth_key=1-0-0-80cd3862d699b7118eed99103f2a3a4f",
            Some(NOW),
            "401 no_proof",
        ),
    ] {
        assert_eq!(
            said(&gate, &signed(stream, &chunk, query, utc)),
            expected,
            "{stream}?{query}"
        );
    }
    // A signature is of media, and of nothing else.
    assert_eq!(said(&gate, &from("192.0.2.1")), "401 no_proof");
}

#[tokio::test]
async fn alibabas_signature_is_of_the_playlist_and_holds_for_its_chunks() {
    let gate = gate("[[viewer]]\nname = \"ali\"\naliyun_key = \"secret-of-aliyun\"\naliyun_valid = \"1h\"\n");
    let time = NOW / 1_000_000;
    let sign = |path: &str| {
        let sum = md5(&format!(
            "{path}-{time}-477b3bbc253f467b8def6711128c7bec-0-secret-of-aliyun"
        ));
        format!("auth_key={time}-477b3bbc253f467b8def6711128c7bec-0-{sum}")
    };
    let cam = name("live/cam1");
    let chunk = ["/live/cam1/c/17.m4s", "/live/cam1.m3u8", "/live/cam1/master.m3u8"];
    for path in chunk {
        let query = sign(path);
        let viewer = allowed(&gate, &signed(&cam, &chunk, &query, Some(NOW)));
        assert_eq!(
            viewer.by(),
            &By::Signature {
                inherit: query.clone()
            },
            "{path}"
        );
        assert_eq!(viewer.until(Right::Watch, &of(&cam)), Some(NOW + 3_600_000_000));
    }
    let late = Some(NOW + 3_600_000_001);
    assert_eq!(
        said(&gate, &signed(&cam, &chunk, &sign("/live/cam1.m3u8"), late)),
        "403 expired"
    );
    let other = sign("/live/cam2.m3u8");
    assert_eq!(
        said(&gate, &signed(&cam, &chunk, &other, Some(NOW))),
        "403 wrong_signature"
    );
    // A right signature with characters that would end an address in a playlist.
    let sum = md5(&format!("/live/cam1.m3u8-{time}-0-\"-secret-of-aliyun"));
    let odd = format!("auth_key={time}-0-\"-{sum}");
    assert_eq!(
        said(&gate, &signed(&cam, &chunk, &odd, Some(NOW))),
        "403 malformed"
    );
}

#[tokio::test]
async fn a_token_counts_alone_and_a_wrong_one_is_refused_whatever_else_is_shown() {
    let gate = gate(&format!(
        "[http]\ntoken_key = \"{TWO}\"\n[[viewer]]\nname = \"a\"\nkey = \"{ONE}\"\n"
    ));
    let claims = Claims {
        rights: Claims::possible(),
        scope: TokenScope::Streams(crate::config::Pattern::try_from("live/cam1".to_owned()).unwrap()),
        from: None,
        to: None,
        expires: Some(NOW + 1),
    };
    let token = gate.viewers().token(&claims).unwrap();
    let key = format!("Bearer {ONE}");
    let shows = |token| Request {
        token: Some(token),
        ..with("192.0.2.1", &key)
    };
    let viewer = allowed(&gate, &shows(&token));
    assert_eq!((viewer.name(), viewer.by()), ("token", &By::Token));
    assert!(!viewer.may(Right::Watch, &of(&name("live/cam2"))));
    assert_eq!(said(&gate, &shows("x")), "403 malformed");
    let other = viewers(&format!("[http]\ntoken_key = \"{ONE}\"\n"))
        .token(&claims)
        .unwrap();
    assert_eq!(said(&gate, &shows(&other)), "403 wrong_signature");
    let late = Request {
        utc: Some(NOW + 1),
        ..shows(&token)
    };
    assert_eq!(said(&gate, &late), "403 expired");
    let without_a_key = super::tests::gate("");
    let ViewerVerdict::Denied(denial) = without_a_key.check(&shows(&token)) else {
        panic!("a token is accepted without a key");
    };
    assert!(denial.words.contains("http.token_key"), "{}", denial.words);
    assert_eq!(denial.reason, Reason::NoTokenKey);
    assert_eq!(Scheme::Token.to_string(), "the token");
}

#[test]
fn keys_in_files_are_as_strong_as_others_and_are_none_of_a_publishers() {
    let refused = |toml: &str| Viewers::of(&config(toml), file).unwrap_err().to_string();
    for (toml, words) in [
        (
            "[[viewer]]\nname = \"a\"\nkey_file = \"weak\"\n",
            "from 'weak': it has fewer than 128 random bits",
        ),
        (
            "[[viewer]]\nname = \"a\"\nkey_file = \"none\"\n",
            "[[viewer]] 'a': cannot take a key from 'none': no such file",
        ),
        (
            "[[viewer]]\nname = \"a\"\npassword_file = \"weak\"\n",
            "expected the hash of a password",
        ),
        (
            "[http]\ntoken_key_file = \"weak\"\n",
            "http.token_key: cannot take a key from 'weak'",
        ),
        (
            "[[publisher]]\ntencent_key = \"shared-secret\"\n[[viewer]]\nname = \"a\"\ntencent_key_file = \"shared\"\n",
            "a key of a [[publisher]], too",
        ),
        (
            "[[publisher]]\nkey_file = \"shared\"\n[[viewer]]\nname = \"a\"\naliyun_key = \"shared-secret\"\n",
            "a key of a [[publisher]], too",
        ),
    ] {
        let said = refused(toml);
        assert!(said.contains(words), "{toml}: {said}");
        assert!(
            !said.contains("shared-secret") && !said.contains("password\n"),
            "{said}"
        );
    }
}

/// RFC 9106 has no vector of these parameters. Another implementation made this one: `echo -n password | argon2 saltsalt -id -t 2 -m 13`.
#[test]
fn a_hash_of_another_program_is_known() {
    let hash = crate::config::PasswordHash::from_file_text(
        "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHQ$rrWT0/W6shyL3IcRt+UcVvgDIxw0Xd+NQkO82B5kocc",
    )
    .unwrap();
    assert!(password::is_right(&hash, b"password"));
    for wrong in [&b""[..], b"Password", b"password "] {
        assert!(!password::is_right(&hash, wrong));
    }
    assert!(!password::is_right(&password::nobodys(), b"password"));
    let (one, two) = (
        hash_password(b"password").unwrap(),
        hash_password(b"password").unwrap(),
    );
    assert!(one != two && password::is_right(&one, b"password") && one.memory == 8 << 10);
}
