//! Services that decide who may push: they are asked over HTTP and HTTPS, and are slow, gone, or wrong.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::support::rtmp::{Rtmp, message, number, string};
use crate::support::{Pusher, Service, home, recordings, sample, wait_closed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Answers every question. Returns the hook's address, and the questions.
fn hook(
    answer: impl Fn(&serde_json::Value) -> &'static str + Send + 'static,
) -> (SocketAddr, Receiver<serde_json::Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            serve(socket, |question| {
                let _ = told.send(question.clone());
                answer(question)
            });
        }
    });
    (address, asked)
}

/// Reads one request; none when there is no further one.
fn serve(mut socket: impl Read + Write, answer: impl Fn(&serde_json::Value) -> &'static str) -> Option<()> {
    let mut reader = BufReader::new(&mut socket);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok()?;
    let good = line.starts_with("POST /on_publish?token=s3cret-hook HTTP/1.1");
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let header = line.to_ascii_lowercase();
        if let Some(bytes) = header.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let question = serde_json::from_slice(&body).unwrap();
    let status = if good {
        answer(&question)
    } else {
        "400 Bad Request"
    };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(text.as_bytes()).ok()?;
    Some(())
}

fn entry(scheme: &str, address: SocketAddr, more: &str) -> String {
    let port = address.port();
    let host = if scheme == "https" {
        "localhost"
    } else {
        "127.0.0.1"
    };
    format!("[[publisher]]\nhook = \"{scheme}://{host}:{port}/on_publish?token=s3cret-hook\"\n{more}\n")
}

#[track_caller]
fn refused(service: &Service, key: &str) -> String {
    let mut client = Rtmp::connected(service.address(), "live");
    client.publish(key).unwrap();
    let said = client.wait_closed();
    assert!(said.contains("NetStream.Publish.Denied"), "{said}");
    said
}

#[test]
fn a_yes_lets_in_with_what_came_behind_the_question_and_all_else_does_not() {
    let home = home();
    let (address, asked) = hook(|question| match question["query"].as_str() {
        Some("token=s3cret-yes") => "204 No Content",
        Some("token=elsewhere") => "307 Temporary Redirect",
        _ => "403 Forbidden",
    });
    let service = Service::start_talkative(home.path(), &entry("http", address, "key = \"s3cret-key\""), &[]);
    assert!(refused(&service, "cam?token=s3cret-no").contains("HTTP status 403"));
    assert!(refused(&service, "cam?token=elsewhere").contains("HTTP status 307"));
    refused(&service, "cam?token=s3cret-yes&token=again&key=s3cret-wrong");
    let question = asked.recv().unwrap();
    let expected = serde_json::json!({
        "action": "publish", "app": "live", "stream": "cam", "ip": "127.0.0.1", "domain": "127.0.0.1",
        "query": "token=s3cret-no",
    });
    assert_eq!(question, expected);

    // The whole clip comes in one piece with the question: no byte is lost while the service waits for the answer.
    let mut client = Rtmp::connected(service.address(), "live");
    let ask = [
        string("publish"),
        number(3.0),
        vec![5],
        string("cam?token=s3cret-yes&key=s3cret-wrong"),
        string("live"),
    ];
    let mut bytes = message(3, 20, 0, 1, &ask.concat());
    let clip = sample();
    for tag in &clip.tags {
        let channel = if tag.kind == 8 { 4 } else { 6 };
        bytes.extend(message(channel, tag.kind, tag.time, 1, &tag.body));
    }
    client.send(&bytes).unwrap();
    client.wait_text("NetStream.Publish.Start");
    client.unpublish("cam").unwrap();
    let recording = wait_closed(&service.data());
    let out = home.path().join("out.mp4");
    crate::support::export(&service.data(), &recording.id, "mp4", &out).ok();
    crate::support::mp4_file::parse(&std::fs::read(&out).unwrap()).same_as(
        &clip.media(),
        "behind the question",
        1.5,
    );

    // With a right key, the service asks no hook.
    let before = asked.try_iter().count();
    assert_eq!(before, 3);
    drop(Rtmp::publishing(service.address(), "live", "cam2?key=s3cret-key"));
    assert_eq!(asked.try_iter().count(), 0);
    let log = service.log();
    assert!(!log.contains("s3cret"), "{log}");
}

/// Encoders split an address at its last slash: rtmp://HOST/live/cam1?token=s3cret-one/s3cret-two.
#[test]
fn a_secret_with_a_slash_that_the_encoder_split_is_asked_about_whole() {
    let home = home();
    let (address, asked) = hook(|question| match question["query"].as_str() {
        Some("token=s3cret-one/s3cret-two") => "204 No Content",
        _ => "403 Forbidden",
    });
    let service = Service::start_talkative(home.path(), &entry("http", address, ""), &[]);
    let connect = |secret: &str| Rtmp::connected(service.address(), &format!("live/cam1?token={secret}"));
    let mut client = connect("s3cret-one");
    assert!(client.may_publish("s3cret-two"));
    let question = asked.recv().unwrap();
    assert_eq!(
        (&question["app"], &question["stream"]),
        (&"live".into(), &"cam1".into())
    );
    for tag in sample().tags {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.unpublish("s3cret-two").unwrap();
    let mut client = connect("s3cret-other");
    client.publish("s3cret-two").unwrap();
    let said = client.wait_closed();
    assert!(said.contains("HTTP status 403"), "{said}");
    let recording = wait_closed(&service.data());
    assert_eq!(recording.stream, "live/cam1");
    let log = service.log();
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_service_that_is_silent_or_gone_lets_nobody_in_and_holds_nobody_up() {
    let home = home();
    // This hook accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let noise = TcpListener::bind("127.0.0.1:0").unwrap();
    let noisy = noise.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut socket in noise.incoming().map_while(Result::ok) {
            let _ = socket.write_all(&[0x15; 4_000]);
        }
    });
    let more = [
        entry(
            "http",
            silent.local_addr().unwrap(),
            "stream = \"live/silent\"\nhook_timeout = \"2s\"",
        ),
        entry("http", gone, "stream = \"live/gone\""),
        entry("http", noisy, "stream = \"live/noise\""),
        "[[publisher]]\nstream = \"live/good\"\n".to_owned(),
    ];
    let service = Service::start_with(home.path(), &more.concat());
    let mut waiting = Rtmp::connected(service.address(), "live");
    waiting.publish("silent").unwrap();
    // Other publishers come and go while one waits.
    Pusher::start(service.address(), "live/good", &sample(), 40.0).done();
    assert!(refused(&service, "gone").contains("it cannot be reached"));
    assert!(refused(&service, "noise").contains("its answer is not valid HTTP"));
    assert!(waiting.wait_closed().contains("it did not answer in time"));
    assert_eq!(recordings(&service.data()).len(), 1);

    // A service that stops does not wait for a hook's answer.
    let mut waiting = Rtmp::connected(service.address(), "live");
    waiting.publish("silent").unwrap();
    assert!(service.stop().0.success());
}

#[test]
fn under_https_only_who_the_system_trusts_is_asked() {
    let home = home();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let trusted = home.path().join("trusted.pem");
    std::fs::write(&trusted, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("localhost:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(StreamOwned::new(tls, socket), |_| "200 OK");
        }
    });
    let entry = entry("https", address, "");
    let trusting = Service::start_talkative(
        home.path(),
        &entry,
        &[("SSL_CERT_FILE", trusted.to_str().unwrap())],
    );
    drop(Rtmp::publishing(trusting.address(), "live", "cam"));
    assert!(!trusting.log().contains("s3cret"), "{}", trusting.log());
    let other = crate::support::home();
    assert!(refused(&Service::start_with(other.path(), &entry), "cam").contains("it cannot be reached"));
}
