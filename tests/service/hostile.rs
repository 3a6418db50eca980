//! Data that strangers send before they have proved anything: it is refused and takes no memory, and a publisher that is
//! recorded meanwhile does not notice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::flv::Flv;
use crate::support::random::Random;
use crate::support::rtmp::{Ended, Rtmp, message, number, object, string};
use crate::support::{Pusher, Service, export, home, recordings, sample, wait_closed_of, wait_until};

const LIMITS: &str = "handshake_timeout = \"1s\"\nmax_connections = 64\n";
/// More than the service may ever use for data of strangers.
const MEMORY: u64 = 96 << 20;

type Attack = fn(SocketAddr);

const ATTACKS: [(&str, Attack); 10] = [
    ("garbage", garbage),
    ("a truncated handshake", truncated_handshake),
    ("huge messages announced", huge_messages),
    ("impossible chunk sizes", chunk_sizes),
    ("nested AMF", nested_amf),
    ("AMF that promises more than it has", promising_amf),
    ("commands out of order", out_of_order),
    ("a request to play", play),
    ("codecs that are not recorded", unknown_codecs),
    ("questions without listening to the answers", deaf),
];

#[test]
fn a_publisher_never_notices() {
    let home = home();
    let mut service = Service::start_with(home.path(), LIMITS);
    let address = service.address();
    let good = Pusher::start(address, "live/good", &sample(), 4.0);
    let attackers = ATTACKS.map(|(name, attack)| (name, std::thread::spawn(move || attack(address))));
    for (name, attacker) in attackers {
        assert!(attacker.join().is_ok(), "{name}");
        assert!(service.alive(), "{name} ended the service");
    }
    good.done();
    assert!(service.peak() < MEMORY, "{} MiB", service.peak() >> 20);
    is_whole(&service, "live/good", &sample());
    assert_eq!(recordings(&service.data()).len(), 1, "strangers made recordings");
}

#[test]
fn a_handshake_that_never_ends_is_ended() {
    let home = home();
    let service = Service::start_with(home.path(), LIMITS);
    let mut slow = Rtmp::connect(service.address());
    let began = Instant::now();
    // A byte now and then: each byte is progress, and must not count as progress.
    let mut next = 3;
    wait_until("the service to lose its patience", || {
        let sent = slow.send(&[next]).is_ok();
        next = 0;
        !sent || slow.read(Duration::from_millis(100)) == Ended::Closed
    });
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "closed after {:?}",
        began.elapsed()
    );
    // One client sends nothing at all.
    Rtmp::connect(service.address()).wait_closed();
}

#[test]
fn a_connection_that_never_publishes_is_closed_when_its_time_is_over() {
    let home = home();
    let service = Service::start_with(home.path(), "publish_timeout = \"1s\"\n");
    let good = Pusher::start(service.address(), "live/good", &sample(), 4.0);
    Rtmp::connected(service.address(), "live").wait_closed();
    let mut ended = Rtmp::publishing(service.address(), "live", "ended");
    ended.unpublish("ended").unwrap();
    ended.wait_closed();
    service.log_with(&["no publish began in time"]);
    good.done();
    is_whole(&service, "live/good", &sample());
}

#[test]
fn connections_are_bounded_and_come_free() {
    let home = home();
    let service = Service::start_with(home.path(), LIMITS);
    let good = Pusher::start(service.address(), "live/good", &sample(), 4.0);
    let mut crowd: Vec<Rtmp> = (0..200).map(|_| Rtmp::connect(service.address())).collect();
    // 63 clients are accepted beside the publisher. The oldest of them make room for the others, and the last are closed after
    // a second.
    wait_until("all of them to be gone", || {
        crowd.retain_mut(|one| one.read(Duration::from_millis(1)) == Ended::Open);
        crowd.is_empty()
    });
    Rtmp::publishing(service.address(), "live", "next")
        .unpublish("next")
        .unwrap();
    good.done();
    assert!(service.peak() < MEMORY, "{} MiB", service.peak() >> 20);
}

/// A crowd of one address that takes every connection, an encoder of another address on a bad link, and one that comes later.
#[test]
fn a_crowd_of_one_address_locks_nobody_out_and_ends_no_slow_encoder() {
    let home = home();
    let patient = "handshake_timeout = \"10min\"\npublish_timeout = \"10min\"\nmax_connections = 32\n";
    let service = Service::start_with(home.path(), patient);
    let good = Pusher::start(service.address(), "live/good", &sample(), 4.0);
    let mut slow = Rtmp::connect_from([127, 0, 0, 2], service.address());
    let mut hello = vec![0; 1537];
    hello[0] = 3;
    let mut crowd = std::collections::VecDeque::new();
    let mut slowly = hello.chunks(24);
    while good.pushes() {
        for _ in 0..4 {
            crowd.push_front(Rtmp::connect(service.address()));
        }
        crowd.truncate(64);
        if let Some(bytes) = slowly.next() {
            slow.send(bytes).expect("the slow one is borne");
        }
        // An encoder at the crowd's address gets in, too.
        Rtmp::publishing(service.address(), "live", "later")
            .unpublish("later")
            .unwrap();
    }
    good.done();
    slowly.for_each(|bytes| slow.send(bytes).expect("the slow one is borne"));
    slow.go_on("live", "slow").unpublish("slow").unwrap();
    service.log_with(&["made room for another connection"]);
    is_whole(&service, "live/good", &sample());
}

/// The memory that docs/operations.md promises beside `ring.memory`, 32 MiB here. The program's own pages do not count, of
/// which a debug build has more.
const PROMISED: u64 = (160 + 32) << 20;

/// Publishers with a key use as much as a publisher may: large keyframes on their way to the tape, messages that never end,
/// frames of a byte, and new configurations all the time. Strangers take the connections that are left.
#[test]
fn the_worst_that_publishers_may_do_stays_within_the_memory_that_is_promised() {
    let home = home();
    let mut service = Service::start_with(home.path(), LIMITS);
    let address = service.address();
    let good = Pusher::start(address, "live/good", &sample(), 4.0);
    let tags = sample().tags;
    let header = |kind| {
        let tag = tags.iter().find(|tag| tag.kind == kind && tag.body[1] == 0);
        tag.expect("a sequence header").body.clone()
    };
    let (video, audio) = (header(9), header(8));
    let keyframe = |length: usize| {
        let nal = u32::try_from(length).unwrap().to_be_bytes();
        [&[0x17, 1, 0, 0, 0], &nal[..], &[0x65], &vec![0xAA; length - 1]].concat()
    };
    let large = keyframe(9 << 20);
    let mut crowd: Vec<Rtmp> = (0..58)
        .map(|n| Rtmp::publishing(address, "live", &n.to_string()))
        .collect();
    for (n, client) in crowd.iter_mut().enumerate() {
        // The service ends some of them for what they send. That is correct, too.
        let _ = client.media(9, 0, &video);
        let _ = client.media(8, 0, &audio);
        let _ = match n % 4 {
            0 | 1 => client
                .media(9, 0, &large)
                .and_then(|()| client.media(9, 10, &large)),
            2 => {
                let tiny = message(4, 8, 0, 1, &[0xAF, 1, 7]).repeat(20_000);
                client.send(&tiny)
            }
            _ => (0..60).try_for_each(|m: u32| {
                let padding = m.to_be_bytes().repeat(15_000);
                client.media(9, m, &[&video[..], &padding].concat())?;
                client.media(9, m, &keyframe(100))
            }),
        };
    }
    // Only now: a client that holds memory for which others wait would keep them from sending.
    for client in &mut crowd {
        let _ = hold_half(client, 9 << 20, 20_000);
    }
    let mut strangers: Vec<Rtmp> = (0..5).map(|_| Rtmp::connect(address)).collect();
    strangers = strangers.into_iter().filter_map(Rtmp::try_shaken).collect();
    for client in &mut strangers {
        let _ = hold_half(client, 64 << 10, 60_000);
    }
    good.done();
    is_whole(&service, "live/good", &sample());
    let peak = service.peak_of_its_own();
    assert!(service.alive() && peak < PROMISED, "{} MiB", peak >> 20);
    drop((crowd, strangers));
}

/// Somebody tries keys, from the address of a camera that is recorded.
#[test]
fn guessing_is_slowed_and_costs_the_camera_beside_nothing() {
    let home = home();
    let service = Service::start_with(
        home.path(),
        "[[publisher]]\nstream = \"live/*\"\nkey = \"sixteen-letters!\"\n",
    );
    let address = service.address();
    let good = Pusher::start(address, "live/good?key=sixteen-letters!", &sample(), 4.0);
    let mut tries: Vec<Rtmp> = (0..20).map(|_| Rtmp::connected(address, "live")).collect();
    for (n, client) in tries.iter_mut().enumerate() {
        client
            .publish(&format!("good{n}?key=sixteen-letters{n}"))
            .unwrap();
    }
    for client in tries {
        client.wait_closed();
    }
    let mut late = Rtmp::connected(address, "live");
    late.publish("other?key=sixteen-letters!").unwrap();
    let said = late.wait_closed();
    assert!(
        said.contains("too many wrong keys came from this address"),
        "{said}"
    );
    good.done();
    is_whole(&service, "live/good", &sample());
    // A stream whose key was right before is accepted at once.
    let mut again = Rtmp::connected(address, "live");
    assert!(again.may_publish("good?key=sixteen-letters!"));
}

/// The holder of a signature tries to open other streams with it, while its own stream is recorded.
#[test]
fn a_signature_opens_one_stream_and_records_it() {
    use md5::{Digest as _, Md5};
    const KEY: &str = "e12c46f2612d5106e2034781ab261ca3";
    let home = home();
    let entry = format!("[[publisher]]\nstream = \"live/*\"\ntencent_key = \"{KEY}\"\n");
    let service = Service::start_with(home.path(), &entry);
    let sum = Md5::digest(format!("{KEY}room101F0000000"));
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = |name: &str, time: &str| format!("{name}?txSecret={sum}&txTime={time}");
    let mine = format!("live/{}", signed("room101", "F0000000"));
    let good = Pusher::start(service.address(), &mine, &sample(), 4.0);
    for (app, name, time) in [
        ("live", "room10", "1F0000000"),
        ("live", "room", "101F0000000"),
        ("live", "room101F", "0000000"),
        ("live", "room101F", "00000000"),
        ("live", "room102", "F0000000"),
        ("test", "room101", "F0000000"),
    ] {
        let mut client = Rtmp::connected(service.address(), app);
        assert!(!client.may_publish(&signed(name, time)), "{app}/{name}");
    }
    good.done();
    is_whole(&service, "live/room101", &sample());
    assert_eq!(recordings(&service.data()).len(), 1);
}

#[test]
fn every_attack_leaves_room_for_the_next_publisher() {
    let home = home();
    let mut service = Service::start_with(home.path(), LIMITS);
    for (name, attack) in ATTACKS {
        attack(service.address());
        assert!(service.alive(), "{name} ended the service");
        Rtmp::publishing(service.address(), "live", "after")
            .unpublish("after")
            .unwrap();
    }
    assert!(service.peak() < MEMORY, "{} MiB", service.peak() >> 20);
}

/// Strangers hold as many half-received messages as they can, from the first byte to the last of a good publish.
#[test]
fn half_received_messages_of_strangers_cost_no_publisher_its_recording() {
    let home = home();
    let mut service = Service::start_with(home.path(), LIMITS);
    let address = service.address();
    let good = Pusher::start(address, "live/good", &sample(), 4.0);
    let mut rounds = 0;
    while good.pushes() {
        // From large to small, so that the last byte of the allowance is taken. All of it is held for a round.
        let mut held = Vec::new();
        for (count, length, sent) in [
            (18, 4 << 20, 66_000),
            (20, 64 << 10, 50_000),
            (12, 5_000, 4_000),
            (10, 600, 500),
        ] {
            let crowd: Vec<Rtmp> = (0..count).map(|_| Rtmp::connect(address)).collect();
            for mut client in crowd.into_iter().filter_map(Rtmp::try_shaken) {
                let _ = hold_half(&mut client, length, sent);
                held.push(client);
            }
        }
        for client in &mut held {
            client.read(Duration::from_millis(5));
        }
        rounds += 1;
    }
    good.done();
    assert!(service.alive() && rounds > 0);
    assert!(service.peak() < MEMORY, "{} MiB", service.peak() >> 20);
    is_whole(&service, "live/good", &sample());
}

/// Publishers that hold as much as they can, and one with another key whose keyframes need more than its share.
#[test]
fn half_received_messages_of_one_publisher_do_not_keep_another_waiting() {
    let home = home();
    let keys = "[[publisher]]\nname = \"greedy\"\nstream = \"greedy/*\"\n[[publisher]]\nname = \"good\"\nstream = \
                \"live/*\"\n";
    let service = Service::start_with(home.path(), &format!("{LIMITS}{keys}"));
    let mut crowd: Vec<Rtmp> = (0..20)
        .map(|n| Rtmp::publishing(service.address(), "greedy", &n.to_string()))
        .collect();
    for client in &mut crowd {
        // Messages larger than any share. Of each, so much is sent that the service gives it memory.
        hold_half(client, 9 << 20, 80_000).unwrap();
    }
    let clip = with_large_keyframes(&sample(), 900 << 10);
    Pusher::start(service.address(), "live/good", &clip, 4.0).done();
    is_whole(&service, "live/good", &clip);
    assert!(service.peak() < MEMORY, "{} MiB", service.peak() >> 20);
    // The service disconnected none of them: each continues its message as soon as there is memory.
    for client in &mut crowd {
        for _ in 0..3 {
            assert_eq!(client.read(Duration::from_millis(1)), Ended::Open);
        }
    }
}

/// Begins as many messages of video as a connection may, and sends so much of each.
fn hold_half(client: &mut Rtmp, length: u32, sent: u32) -> std::io::Result<()> {
    client.send(&message(2, 1, 0, 0, &sent.to_be_bytes()))?;
    for channel in 4..8 {
        let mut chunk = vec![channel, 0, 0, 0];
        chunk.extend(&length.to_be_bytes()[1..]);
        chunk.extend([9, 1, 0, 0, 0]);
        chunk.extend(vec![0x55; sent as usize]);
        client.send(&chunk)?;
    }
    Ok(())
}

/// The same clip with so many bytes of filler data (H.264 §7.3.2.7) in each keyframe.
fn with_large_keyframes(clip: &Flv, filler: u32) -> Flv {
    let mut clip = clip.clone();
    for tag in clip
        .tags
        .iter_mut()
        .filter(|tag| tag.kind == 9 && tag.body[..2] == [0x17, 1])
    {
        tag.body.extend(filler.to_be_bytes());
        tag.body.push(12);
        tag.body.extend(vec![0xFF; filler as usize - 2]);
        tag.body.push(0x80);
    }
    clip
}

/// The pushed clip is recorded, with every frame and every byte.
#[track_caller]
fn is_whole(service: &Service, stream: &str, clip: &Flv) {
    let recording = wait_closed_of(&service.data(), stream);
    let out = service.data().join("../out.mp4");
    export(&service.data(), &recording.id, "mp4", &out).ok();
    let file = crate::support::mp4_file::parse(&std::fs::read(&out).unwrap());
    file.same_as(&clip.media(), "the good one", 1.5);
}

fn garbage(address: SocketAddr) {
    let mut random = Random::new();
    for _ in 0..20 {
        let mut client = Rtmp::connect(address);
        let mut noise = random.bytes(4000);
        // A first byte of 3 begins a handshake, and noise may then be a valid one. These bytes must not be.
        noise[0] |= 0x40;
        let _ = client.send(&noise);
        client.wait_closed();
        // Noise behind a good handshake.
        let mut client = Rtmp::handshaken(address);
        let _ = client.send(&random.bytes(20_000));
    }
    let mut client = Rtmp::connect(address);
    let _ = client.send(b"GET / HTTP/1.1\r\nHost: box\r\n\r\n");
    client.wait_closed();
}

fn truncated_handshake(address: SocketAddr) {
    for length in [1, 2, 100, 1536, 1537, 1538, 3072] {
        let mut client = Rtmp::connect(address);
        let mut hello = vec![0; length];
        hello[0] = 3;
        client.send(&hello).unwrap();
    }
}

/// Sixty chunk streams. Each begins a message of 16 MiB, or of the largest length that the service ever accepts.
fn huge_messages(address: SocketAddr) {
    for length in [0xFF_FFFF_u32, 10 << 20, 10_000_000, 1 << 20] {
        let mut client = Rtmp::handshaken(address);
        for channel in 3..63 {
            let mut chunk = vec![channel, 0, 0, 0];
            chunk.extend(&length.to_be_bytes()[1..]);
            chunk.extend([9, 1, 0, 0, 0]);
            chunk.extend([0x55; 60_000]);
            if client.send(&chunk).is_err() {
                break;
            }
        }
        client.read(Duration::from_millis(50));
    }
}

fn chunk_sizes(address: SocketAddr) {
    for size in [0_u32, 0x8000_0000, 0x7FFF_FFFF, u32::MAX] {
        let mut client = Rtmp::handshaken(address);
        let _ = client.send(&message(2, 1, 0, 0, &size.to_be_bytes()));
        let _ = client.send(&[3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0, 2]);
    }
    // The continuation of a message that was never begun.
    let mut client = Rtmp::handshaken(address);
    let _ = client.send(&[0xC9, 1, 2, 3, 4]);
    client.wait_closed();
}

fn nested_amf(address: SocketAddr) {
    for opening in [
        &[3_u8, 0, 1, b'a'][..],
        &[10, 0, 0, 0, 1],
        &[8, 0, 0, 0, 1, 0, 1, b'a'],
    ] {
        for kind in [20, 18] {
            let mut client = Rtmp::handshaken(address);
            let mut body = [string("connect"), number(1.0)].concat();
            for _ in 0..6000 {
                body.extend(opening);
            }
            let _ = client.send(&message(3, kind, 0, 0, &body));
            client.read(Duration::from_millis(50));
        }
    }
}

fn promising_amf(address: SocketAddr) {
    let arrays = [
        vec![10, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![8, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![12, 0xFF, 0xFF, 0xFF, 0xFF],
    ];
    for value in arrays {
        let mut client = Rtmp::handshaken(address);
        let _ = client.command(0, &[string("connect"), number(1.0), value.clone()]);
        client.read(Duration::from_millis(50));
        // The same as metadata of a publish.
        let mut client = Rtmp::publishing(address, "live", &format!("amf{}", value[0]));
        let _ = client.media(
            18,
            0,
            &[string("@setDataFrame"), string("onMetaData"), value].concat(),
        );
        client.read(Duration::from_millis(50));
    }
}

fn out_of_order(address: SocketAddr) {
    let mut client = Rtmp::handshaken(address);
    let _ = client.publish("early");
    let _ = client.media(9, 0, &[0x17, 1, 0, 0, 0, 1, 2, 3]);
    let mut client = Rtmp::connected(address, "live");
    let _ = client.media(9, 0, &[0x17, 1, 0, 0, 0, 1, 2, 3]);
    let _ = client.publish("../../etc/passwd");
    client.wait_text("NetStream.Publish.BadName");
    let mut client = Rtmp::connected(address, "live");
    let _ = client.publish(&"x".repeat(5000));
    client.wait_text("NetStream.Publish.BadName");
    let mut client = Rtmp::connected(address, "live");
    for _ in 0..50 {
        let _ = client.command(0, &[string("createStream"), number(9.0), vec![5]]);
    }
    client.wait_text("_error");
}

fn play(address: SocketAddr) {
    let mut client = Rtmp::connected(address, "live");
    client
        .command(1, &[string("play"), number(4.0), vec![5], string("good")])
        .unwrap();
    client.wait_text("NetStream.Play");
}

fn unknown_codecs(address: SocketAddr) {
    let codecs: [(&str, u8, &[u8]); 4] = [
        ("sorenson", 9, &[0x12, 0, 0, 0, 0]),
        ("vp6", 9, &[0x14, 0, 0, 0, 0]),
        ("speex", 8, &[0xB2, 1, 2, 3]),
        ("fourcc", 9, b"\x90nope\0\0\0"),
    ];
    for (key, kind, body) in codecs {
        let mut client = Rtmp::publishing(address, "live", key);
        let _ = client.media(kind, 0, body);
        // The service waits for another track. It measures the time by the timestamps.
        let _ = client.media(kind, 11_000, body);
        let said = client.wait_closed();
        assert!(
            said.contains("onStatus") && said.contains("error"),
            "{key}: {said}"
        );
    }
}

fn deaf(address: SocketAddr) {
    let mut client = Rtmp::handshaken(address);
    let connect = [string("connect"), number(1.0), object(&[("app", string("live"))])].concat();
    let questions = message(3, 20, 0, 0, &connect).repeat(200);
    // Either the service closes the connection, or it has received enough.
    for _ in 0..200 {
        if client.send(&questions).is_err() {
            return;
        }
    }
}
