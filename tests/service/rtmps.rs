//! RTMP under TLS, from outside, with certificates made for the test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use crate::support::rtmp::{Rtmp, Socket};
use crate::support::wait::PATIENCE;
use crate::support::{Service, export, home, sample, wait_all_closed, wait_closed};
use nix::sys::signal::Signal;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Makes a certificate for box.test and puts it where the configuration expects it.
fn certify(home: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["box.test".to_owned()]).unwrap();
    std::fs::write(home.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(home.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// A service that listens for RTMPS, and its address.
fn start(home: &Path, more: &str) -> (Service, SocketAddr) {
    let (cert, key) = (home.join("cert.pem"), home.join("key.pem"));
    let tls = format!("tls = {{ listen = [\"127.0.0.1:0\"], cert = {cert:?}, key = {key:?} }}\n{more}");
    let service = Service::start_with(home, &tls);
    let address = service.wait_for_log(|text| {
        let (_, after) = text.split_once("listening on rtmps://")?;
        after.split_whitespace().next()?.parse().ok()
    });
    (service, address)
}

/// Makes a TLS handshake with the server that has `certificate`.
fn secure(address: SocketAddr, certificate: &CertificateDer<'static>) -> std::io::Result<Socket> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "box.test".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut tls = StreamOwned::new(client, socket);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(Socket::Tls(Box::new(tls)))
}

#[test]
fn a_crowd_at_the_door_of_tls_locks_nobody_out() {
    let home = home();
    let certificate = certify(home.path());
    let patient = "handshake_timeout = \"10min\"\npublish_timeout = \"10min\"\nmax_connections = 8\n";
    let (service, address) = start(home.path(), patient);
    let mut crowd = Vec::new();
    for round in 0..4 {
        // Half of them begin a TLS handshake, and send nothing more.
        for n in 0..8 {
            let mut idle = TcpStream::connect(address).unwrap();
            if n % 2 == 0 {
                let _ = idle.write_all(&[22, 3, 1, 2, 0, 1]);
            }
            crowd.push(idle);
        }
        let name = format!("cam{round}");
        let mut client = Rtmp::over(secure(address, &certificate).unwrap()).go_publishing("live", &name);
        for tag in sample().tags {
            client.media(tag.kind, tag.time, &tag.body).unwrap();
        }
        client.unpublish(&name).unwrap();
    }
    for recording in wait_all_closed(&service.data(), 4) {
        let out = home.path().join("out.mp4");
        export(&service.data(), &recording.id, "mp4", &out).ok();
        let file = crate::support::mp4_file::parse(&std::fs::read(&out).unwrap());
        file.same_as(&sample().media(), &recording.stream, 1.5);
        std::fs::remove_file(&out).unwrap();
    }
}

#[test]
fn a_push_under_tls_is_recorded_whole() {
    let home = home();
    let certificate = certify(home.path());
    let (service, address) = start(home.path(), "[[publisher]]\nkey = \"s3cret\"\n");
    let secure = || secure(address, &certificate).unwrap();
    let mut client = Rtmp::over(secure()).go_publishing("live", "cam?key=s3cret");
    for tag in sample().tags {
        client.media(tag.kind, tag.time, &tag.body).unwrap();
    }
    client.unpublish("cam").unwrap();
    let recording = wait_closed(&service.data());
    let out = home.path().join("out.mp4");
    export(&service.data(), &recording.id, "mp4", &out).ok();
    crate::support::mp4_file::parse(&std::fs::read(&out).unwrap()).same_as(
        &sample().media(),
        "under TLS",
        1.5,
    );
    // The same keys apply over TLS.
    let refused = std::panic::catch_unwind(|| drop(Rtmp::over(secure()).go_publishing("live", "cam?key=no")));
    assert!(refused.is_err());
    service.wait_for_log(|log| log.contains("the key is wrong").then_some(()));
}

#[test]
fn a_certificate_is_changed_without_a_restart_and_a_bad_one_changes_nothing() {
    let home = home();
    let first = certify(home.path());
    let (service, address) = start(home.path(), "");
    let mut sending = Rtmp::over(secure(address, &first).unwrap()).go_publishing("live", "sending");
    let second = certify(home.path());
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| log.contains("configuration reloaded").then_some(()));
    assert!(
        secure(address, &first).is_err(),
        "the old certificate is still shown"
    );
    drop(secure(address, &second).unwrap());
    sending.unpublish("sending").unwrap();

    std::fs::write(home.path().join("key.pem"), "no key at all").unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for_log(|log| {
        log.contains("the certificate of RTMPS stays as it was")
            .then_some(())
    });
    Rtmp::over(secure(address, &second).unwrap())
        .go_publishing("live", "after")
        .unpublish("after")
        .unwrap();
    assert!(!service.log().contains("no key at all"));
}

#[test]
fn what_is_no_tls_and_who_never_finishes_is_ended_while_others_record() {
    let home = home();
    let certificate = certify(home.path());
    let (service, address) = start(home.path(), "handshake_timeout = \"1s\"\n");
    let mut good = Rtmp::over(secure(address, &certificate).unwrap()).go_publishing("live", "good");
    // RTMP without TLS, noise, a ClientHello that never ends, and nothing at all.
    for first in [
        &[3; 1537][..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[22, 3, 1, 0, 200, 1, 0, 0],
        &[],
    ] {
        let mut stranger = TcpStream::connect(address).unwrap();
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        stranger.write_all(first).unwrap();
        // The service sends an alert, or nothing; then it closes the connection.
        let mut said = Vec::new();
        let _ = stranger.read_to_end(&mut said);
        assert!(said.len() < 100, "{said:?}");
    }
    // This client completes the handshake of TLS, but not that of RTMP.
    Rtmp::over(secure(address, &certificate).unwrap()).wait_closed();
    good.unpublish("good").unwrap();
    service.wait_for_log(|log| log.contains("TLS: ").then_some(()));
}

#[test]
fn a_service_whose_certificate_cannot_be_read_does_not_start() {
    let home = home();
    let config = home.path().join("edgereel.toml");
    std::fs::write(
        &config,
        "[rtmp]\ntls = { listen = [\"127.0.0.1:0\"], cert = \"/nowhere/c\", key = \"k\" }\n",
    )
    .unwrap();
    let arguments = ["run", "--config", config.to_str().unwrap()];
    crate::support::edgereel(&arguments).failed(1, &["the certificate of RTMPS", "/nowhere/c"]);
}

#[test]
fn publish_speaks_tls_to_whom_it_may_trust_and_says_why_not_to_others() {
    let home = home();
    let cert = home.path().join("cert.pem");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(home.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (service, address) = start(home.path(), "");
    let sample = crate::support::sample_path();
    let (sample, cert) = (sample.to_str().unwrap(), cert.to_str().unwrap());
    let publish = |url: &str, more: &[&str]| {
        crate::support::edgereel(&[&["publish", sample, url, "--fast"], more].concat())
    };
    let url = format!("rtmps://{address}/live/cam1");
    let done = publish(&url, &["--ca-file", cert]).ok();
    assert!(
        done.stderr.contains("sent 00:19") && done.stderr.contains("confirmed"),
        "{}",
        done.stderr
    );
    let recording = wait_closed(&service.data());
    let out = home.path().join("out.flv");
    export(&service.data(), &recording.id, "flv", &out).ok();
    assert_eq!(
        crate::support::Flv::read(&out).media().video.len(),
        crate::support::sample().media().video.len()
    );

    publish(&url, &[]).failed(1, &["the certificate of 127.0.0.1", "trusts", "--ca-file"]);
    let by_name = format!("rtmps://localhost:{}/live/cam1", address.port());
    publish(&by_name, &["--ca-file", cert]).failed(1, &["localhost has a certificate for another name"]);
    let plain = service.url("live/cam1");
    publish(&plain.replace("rtmp://", "rtmps://"), &[]).failed(1, &["does not answer with TLS", "rtmp://"]);
    publish(&plain, &["--ca-file", cert]).failed(1, &["--ca-file is for rtmps://"]);
    publish(&url, &["--ca-file", sample]).failed(1, &["sample.flv", "no certificates"]);
}
