//! Makes the seeds in `fuzz/corpus` anew: `cargo test --lib write_the_seed_corpus -- --ignored`.

use std::path::PathBuf;

use super::super::amf0::{Value, encode_all, object, text};
use super::super::{Client, TagKind};
use super::sessions::Peer;
use super::tags::{ASC, AVCC};

fn seed(target: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    std::fs::create_dir_all(&folder).unwrap();
    #[expect(clippy::disallowed_methods, reason = "seeds are no recording")]
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[test]
#[ignore = "writes into the source tree"]
fn write_the_seed_corpus() {
    chunks();
    amf0();
    tags();
}

fn chunks() {
    let mut peer = Peer::new();
    peer.connect("live");
    for (name, argument) in [
        ("releaseStream", "cam"),
        ("FCPublish", "cam"),
        ("createStream", ""),
    ] {
        peer.call(0, &[text(name), Value::Number(2.0), Value::Null, text(argument)])
            .unwrap();
    }
    for (piece, name) in [(1_u8, "connect-bytewise"), (255, "connect")] {
        seed("chunks", name, &[&[piece], &peer.sent[..]].concat());
    }
    peer.call(
        1,
        &[
            text("publish"),
            Value::Number(5.0),
            Value::Null,
            text("camera?key=x"),
        ],
    )
    .unwrap();
    let meta = object([("width", Value::Number(320.0)), ("encoder", text("OBS"))]);
    let data = encode_all(&[text("@setDataFrame"), text("onMetaData"), meta]);
    peer.send(18, 1, &data).unwrap();
    peer.send(9, 1, &[&[0x17, 0, 0, 0, 0], AVCC].concat()).unwrap();
    peer.send(8, 1, &[&[0xAF, 0], ASC].concat()).unwrap();
    peer.send(9, 1, &[&[0x17, 1, 0, 0, 0][..], &[7; 700]].concat())
        .unwrap();
    peer.send(4, 0, &[0, 6, 0, 0, 0, 1]).unwrap();
    peer.send(5, 0, &[0, 0, 1, 0]).unwrap();
    let tag = [9, 0, 0, 6, 0, 0, 40, 0, 0, 0, 0, 0x17, 1, 0, 0, 0, 2, 0, 0, 0, 17];
    peer.send(22, 1, &tag.repeat(3)).unwrap();
    peer.call(
        0,
        &[
            text("FCUnpublish"),
            Value::Number(6.0),
            Value::Null,
            text("camera"),
        ],
    )
    .unwrap();
    seed("chunks", "publish", &[&[200], &peer.sent[..]].concat());

    // The other side's bytes are chunks too.
    seed("chunks", "answers", &[&[255], peer.session.output()].concat());
    let mut client = Client::new("rtmp://h/a/k".parse().unwrap()).unwrap();
    client.sent(usize::MAX);
    client.send(TagKind::Video, 0x0123_4567, &[0x55; 300]);
    seed("chunks", "extended", &[&[100], client.output()].concat());
    let omitted = [
        &[0x06, 0xFF, 0xFF, 0xFF, 0, 0, 200, 9, 1, 0, 0, 0, 1, 2, 3, 4][..],
        &[1; 128],
        &[0xC6],
        &[2; 72],
    ];
    seed(
        "chunks",
        "extended-omitted",
        &[&[33], &omitted.concat()[..]].concat(),
    );
    let interleaved = [
        &[0x06, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0][..],
        &[1; 128],
        &[0x44, 0, 0, 2, 0, 0, 200, 8],
        &[2; 128],
        &[0xC6],
        &[1; 72],
        &[0xC4],
        &[2; 72],
    ];
    seed(
        "chunks",
        "interleaved",
        &[&[64], &interleaved.concat()[..]].concat(),
    );
    let control = [
        &[0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 16, 0][..],
        &[0x06, 0, 0, 1, 0, 0, 200, 9, 1, 0, 0, 0, 9, 9],
        &[0x02, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 6],
    ];
    seed(
        "chunks",
        "chunk-size-and-abort",
        &[&[64], &control.concat()[..]].concat(),
    );
    seed(
        "chunks",
        "long-csids",
        &[
            9, 0x00, 255, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 7, 0x01, 255, 255, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0,
            0, 7,
        ],
    );
    seed(
        "chunks",
        "ten-megabytes-announced",
        &[9, 0x04, 0, 0, 0, 0xA0, 0, 0, 9, 1, 0, 0, 0, 1, 1, 1],
    );
}

fn amf0() {
    let deep: Vec<u8> = [0x03, 0, 1, b'a'].repeat(15);
    seed("amf0", "deep-objects", &deep);
    seed("amf0", "deep-arrays", &[0x0A, 0, 0, 0, 1].repeat(15));
    seed("amf0", "ecma", &[0x08, 0, 0, 0, 9, 0, 1, b'a', 0x05, 0, 0, 9]);
    seed("amf0", "typed", &[0x10, 0, 1, b't', 0, 1, b'a', 0x01, 1, 0, 0, 9]);
    seed(
        "amf0",
        "long-string",
        &[0x0C, 0, 0, 0, 2, b'h', b'i', 0x0F, 0, 0, 0, 0],
    );
    seed(
        "amf0",
        "reference-and-date",
        &[0x07, 0, 1, 0x0B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0D, 0x06],
    );
    seed("amf0", "huge-array", &[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x05, 0x05]);
    let meta = object([
        ("width", Value::Number(1280.0)),
        ("audiocodecid", text("mp4a")),
        ("stereo", Value::Boolean(true)),
        ("framerate", Value::Number(25.0)),
        ("list", Value::Array(vec![text("av01"), Value::Null])),
    ]);
    seed(
        "amf0",
        "metadata",
        &encode_all(&[text("onMetaData"), meta.clone()]),
    );
    seed(
        "amf0",
        "set-data-frame",
        &encode_all(&[text("@setDataFrame"), text("onMetaData"), meta]),
    );
    seed(
        "amf0",
        "set-data-frame-bare",
        &encode_all(&[text("@setDataFrame")]),
    );
    seed(
        "amf0",
        "create-stream",
        &encode_all(&[text("createStream"), Value::Number(4.0), Value::Null]),
    );
}

fn tags() {
    let all: [(&str, u8, Vec<u8>); 23] = [
        ("avc-config", 1, [&[0x17, 0, 0, 0, 0], AVCC].concat()),
        ("avc-frame", 1, vec![0x27, 1, 0xFF, 0xFF, 0xD8, 0, 0, 0, 1, 9]),
        ("hevc-legacy", 1, vec![0x1C, 1, 0, 0, 0, 1]),
        ("avc1-config", 1, [&[0x90], &b"avc1"[..], AVCC].concat()),
        ("hvc1-frame", 1, b"\x91hvc1\x00\x00\x28frame".to_vec()),
        ("av01-framesx", 1, b"\xA3av01obu".to_vec()),
        ("modex", 1, b"\x97\x02\x00\x00\x09\x01av01z".to_vec()),
        ("multitrack", 1, b"\x96\x01av01\x00t".to_vec()),
        ("command-frame", 1, vec![0x57, 0]),
        ("aac-config", 0, [&[0xAF, 0], ASC].concat()),
        ("aac-frame", 0, vec![0xAF, 1, 1, 2, 3]),
        ("mp3", 0, vec![0x2F, 0xFF, 0xFB, 0x90, 0x44, 0, 0, 0]),
        (
            "opus",
            0,
            b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xBB\x00\x00\x00\x00\x00".to_vec(),
        ),
        (
            "audio-multichannel",
            0,
            b"\x94mp4a\x01\x02\x00\x00\x00\x03".to_vec(),
        ),
        (
            "adts",
            0,
            b"\xAF\x01\xFF\xF1\x50\x80\x01\x7F\xFC\x21abc\xFF\xF1\x50\x80\x01\x3F\xFC\x21a".to_vec(),
        ),
        (
            "many-tracks",
            0,
            b"\x95\x11mp4a\x01\x00\x00\x02zz\x00\x00\x00\x03aac".to_vec(),
        ),
        (
            "many-codecs",
            0,
            b"\x95\x21mp4a\x00\x00\x00\x03aacfLaC\x01\x00\x00\x02zz".to_vec(),
        ),
        (
            "many-tracks-video",
            1,
            b"\xA6\x11avc1\x00\x00\x00\x09\x00\x00\x28\x00\x00\x00\x02\x41\x9A\x01\xFF\xFF\xFF".to_vec(),
        ),
        // When all seeds are read together, "avc1-config" comes before these.
        (
            "empty-units",
            1,
            b"\x17\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x65\x88\x00\x00\x00\x00".to_vec(),
        ),
        (
            "cut-unit",
            1,
            b"\x17\x01\x00\x00\x00\x00\x00\x00\x02\x65\x88\x00\x00\x10\x00\x65".to_vec(),
        ),
        (
            "start-codes",
            1,
            b"\x17\x01\x00\x00\x00\x00\x00\x00\x01\x09\xF0\x00\x00\x01\x65\x88\x00\x00".to_vec(),
        ),
        (
            "recovery-point",
            1,
            b"\x27\x01\x00\x00\x00\x00\x00\x00\x0C\x06\x01\x04\x00\x00\x03\x01\x07\x06\x01\xC4\x80\x00\x00\x00\x03\x61\x88\x80"
                .to_vec(),
        ),
        (
            "av1-frame",
            1,
            b"\x93av01\x12\x00\x0A\x01\x09\x32\x02\x10\x07".to_vec(),
        ),
    ];
    let mut together = Vec::new();
    for (name, kind, tag) in all {
        let framed = [&[kind, u8::try_from(tag.len()).unwrap()], &tag[..]].concat();
        seed("tags", name, &framed);
        together.extend(framed);
    }
    seed("tags", "together", &together);
}
