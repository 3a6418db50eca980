use bytes::Bytes;

use super::super::amf0::{Value, decode_all, encode_all, object, text};
use super::super::message::Message;
use super::super::{ChunkReader, ChunkWriter, Declined, Event, IngestError, PublishAsked, Session};
use super::tags::{ASC, AVCC};
use crate::access::Budget;
use crate::media::{MediaMessage, TrackKind};

/// A peer that says exactly what a test wants.
pub(super) struct Peer {
    pub(super) session: Session,
    pub(super) sent: Vec<u8>,
    writer: ChunkWriter,
    reader: ChunkReader,
}

impl Peer {
    pub(super) fn new() -> Self {
        let mut peer = Self {
            session: Session::new(Budget::new(1 << 20)),
            sent: Vec::new(),
            writer: ChunkWriter::default(),
            reader: ChunkReader::new(Budget::new(1 << 20)),
        };
        let mut hello = vec![3];
        hello.resize(1 + 1536 * 2, 0);
        assert_eq!(peer.session.handle(&mut hello.as_slice()).unwrap(), None);
        assert!(!peer.session.handshaking());
        assert_eq!(peer.session.output().len(), 1 + 1536 * 2);
        peer.session.sent(1 + 1536 * 2);
        peer
    }

    pub(super) fn send(&mut self, kind: u8, stream: u32, body: &[u8]) -> Result<Vec<Event>, IngestError> {
        let mut bytes = Vec::new();
        self.writer.write(3, kind, 0, stream, body, &mut bytes);
        self.sent.extend(&bytes);
        let mut input = bytes.as_slice();
        let mut events = Vec::new();
        while let Some(event) = self.session.handle(&mut input)? {
            if matches!(event, Event::Publish(_)) {
                self.session.accept();
            }
            events.push(event);
        }
        assert!(input.is_empty());
        Ok(events)
    }

    pub(super) fn call(&mut self, stream: u32, values: &[Value]) -> Result<Vec<Event>, IngestError> {
        self.send(20, stream, &encode_all(values))
    }

    fn command(&mut self, name: &str, transaction: f64, argument: &str) -> Vec<Event> {
        let values = [
            text(name),
            Value::Number(transaction),
            Value::Null,
            text(argument),
        ];
        self.call(1, &values).unwrap()
    }

    pub(super) fn connect(&mut self, app: &str) {
        let properties = object([
            ("app", text(app)),
            ("tcUrl", text("rtmp://box/live?token=s3cret")),
            ("flashVer", text("FMLE/3.0 (compatible; Lavf59.27.100)")),
        ]);
        let values = [text("connect"), Value::Number(1.0), properties];
        assert_eq!(self.call(0, &values).unwrap(), []);
    }

    /// The answers, by message type and, for commands, name and code.
    fn answers(&mut self) -> Vec<String> {
        let bytes = self.session.output().to_vec();
        self.session.sent(bytes.len());
        let mut input = bytes.as_slice();
        let mut answers = Vec::new();
        while let Some(message) = self.reader.read(&mut input).unwrap() {
            answers.push(describe(&message));
        }
        answers
    }

    fn live() -> Self {
        let mut peer = Self::new();
        peer.connect("live");
        peer.command("createStream", 2.0, "");
        assert_eq!(peer.command("publish", 3.0, "cam").len(), 1);
        assert!(peer.session.publishing());
        peer.answers();
        peer
    }
}

fn describe(message: &Message) -> String {
    if message.kind != 20 {
        return format!("type {}", message.kind);
    }
    let values = decode_all(&message.payload).unwrap();
    let name = values[0].as_str().unwrap();
    let code = values.last().and_then(|value| value.field("code")?.as_str());
    format!("{name} {} {}", values[1].as_f64().unwrap(), code.unwrap_or("-"))
}

fn asked(events: &[Event]) -> PublishAsked {
    match events {
        [Event::Publish(asked)] => asked.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ffmpeg_and_obs_commands_are_answered_in_order() {
    let mut peer = Peer::new();
    peer.connect("live");
    assert_eq!(
        peer.answers(),
        ["type 5", "type 6", "_result 1 NetConnection.Connect.Success"]
    );
    peer.command("releaseStream", 2.0, "cam");
    peer.command("FCPublish", 3.0, "cam");
    peer.call(0, &[text("createStream"), Value::Number(4.0), Value::Null])
        .unwrap();
    assert_eq!(peer.answers(), ["_result 2 -", "_result 3 -", "_result 4 -"]);
    let publish = asked(&peer.command("publish", 5.0, "cam?key=s3cret"));
    assert_eq!((publish.app.as_str(), publish.key.as_str()), ("live", "cam"));
    assert_eq!(publish.query, "key=s3cret");
    assert_eq!(publish.stream_name().unwrap().as_str(), "live/cam");
    assert!(!format!("{publish:?} {:?}", peer.session).contains("s3cret"));
    assert_eq!(
        peer.answers(),
        [
            "type 4",
            "onFCPublish 0 NetStream.Publish.Start",
            "onStatus 0 NetStream.Publish.Start"
        ]
    );
    assert_eq!(peer.command("FCUnpublish", 6.0, "cam"), [Event::Unpublished]);
    assert_eq!(
        peer.answers(),
        [
            "onFCUnpublish 0 NetStream.Unpublish.Success",
            "_result 6 -",
            "onStatus 0 NetStream.Unpublish.Success"
        ]
    );
    let delete = [
        text("deleteStream"),
        Value::Number(7.0),
        Value::Null,
        Value::Number(1.0),
    ];
    assert_eq!(peer.call(0, &delete).unwrap(), []);
}

#[test]
fn gstreamer_ends_with_delete_stream_alone_and_may_publish_again() {
    let mut peer = Peer::live();
    let delete = |id: f64| {
        [
            text("deleteStream"),
            Value::Number(0.0),
            Value::Null,
            Value::Number(id),
        ]
    };
    assert_eq!(peer.call(0, &delete(1.0)).unwrap(), [Event::Unpublished]);
    assert_eq!(peer.answers(), ["onStatus 0 NetStream.Unpublish.Success"]);
    peer.command("createStream", 8.0, "");
    assert_eq!(peer.command("publish", 9.0, "cam").len(), 1);
    // Deleting another stream leaves the publish alone, whether that stream exists or not. A deletion without a number ends it.
    peer.command("createStream", 10.0, "");
    assert_eq!(peer.call(0, &delete(2.0)).unwrap(), []);
    assert_eq!(peer.call(0, &delete(77.0)).unwrap(), []);
    assert_eq!(peer.call(0, &delete(0.0)).unwrap(), [Event::Unpublished]);
    // A client that publishes on a stream that it never created may delete any stream.
    let mut peer = Peer::new();
    peer.connect("live");
    assert_eq!(peer.command("publish", 3.0, "cam").len(), 1);
    assert_eq!(peer.call(0, &delete(7.0)).unwrap(), [Event::Unpublished]);
}

#[test]
fn what_another_stream_ends_does_not_end_this_one() {
    let mut peer = Peer::live();
    for other in ["other", "cam2", "am", "live/other", "cam/2?key=s3cret"] {
        assert_eq!(peer.command("FCUnpublish", 6.0, other), [], "{other}");
        let answers = peer.answers();
        assert_eq!(
            answers,
            ["onFCUnpublish 0 NetStream.Unpublish.Success", "_result 6 -"]
        );
    }
    peer.command("createStream", 7.0, "");
    let close = [text("closeStream"), Value::Number(0.0), Value::Null];
    assert_eq!(peer.call(2, &close).unwrap(), []);
    for same in ["cam", "cam?key=s3cret", "live/cam", "", "/cam/"] {
        let mut peer = Peer::live();
        assert_eq!(
            peer.command("FCUnpublish", 6.0, same),
            [Event::Unpublished],
            "{same}"
        );
    }
}

#[test]
fn an_address_that_was_split_in_its_query_can_be_read_as_one() {
    for (app, key, stream, query, secret) in [
        ("live/cam?key=a", "b+c", "live/cam", "key=a/b+c", true),
        (
            "live/cam?x=1&token=a",
            "b?y=2",
            "live/cam",
            "x=1&token=a/b?y=2",
            true,
        ),
        (
            "live/cam?key=a&vhost=b",
            "c",
            "live/cam",
            "key=a&vhost=b/c",
            false,
        ),
    ] {
        let mut peer = Peer::new();
        peer.connect(app);
        let split = asked(&peer.command("publish", 5.0, key)).split.unwrap();
        assert_eq!((split.stream.as_str(), split.query.as_str()), (stream, query));
        assert_eq!(split.is_in_a_secret(), secret, "{app}");
    }
    for (app, key) in [
        ("live?key=a", "cam"),
        ("live/room", "cam?key=a/b"),
        ("live/room", "cam"),
    ] {
        let mut peer = Peer::new();
        peer.connect(app);
        assert!(asked(&peer.command("publish", 5.0, key)).split.is_none(), "{app}");
    }
}

#[test]
fn close_stream_ends_a_publish_too() {
    let mut peer = Peer::live();
    assert_eq!(peer.command("closeStream", 0.0, ""), [Event::Unpublished]);
    assert_eq!(peer.command("closeStream", 0.0, ""), []);
}

#[test]
fn commands_wrapped_in_amf3_are_understood() {
    let mut peer = Peer::new();
    peer.connect("live");
    let body = encode_all(&[text("createStream"), Value::Number(4.0), Value::Null]);
    peer.send(17, 0, &[&[0], &body[..]].concat()).unwrap();
    peer.send(17, 0, &body).unwrap();
    assert_eq!(peer.answers()[3..], ["_result 4 -", "_result 4 -"]);
}

#[test]
fn queries_are_found_wherever_they_are_put() {
    for (app, key, name, query) in [
        ("/live/", "/cam/", "live/cam", ""),
        ("live?vhost=a", "cam", "live/cam", "vhost=a"),
        ("live/room1/?a=1", "cam?b=2", "live/room1/cam", "b=2&a=1"),
        ("", "live/cam", "live/cam", ""),
        ("live", "room/cam", "live/room/cam", ""),
    ] {
        let mut peer = Peer::new();
        peer.connect(app);
        let publish = asked(&peer.command("publish", 5.0, key));
        assert_eq!(publish.stream_name().unwrap().as_str(), name);
        assert_eq!(publish.query, query);
    }
}

#[test]
fn a_name_is_never_changed_without_a_word() {
    for (key, word) in [("c\u{202E}am", "U+202E"), ("c\u{200B}am", "U+200B")] {
        let mut peer = Peer::new();
        peer.connect("live");
        let refused = asked(&peer.command("publish", 5.0, key))
            .stream_name()
            .unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
    }
    // Two names are not UTF-8, and would both become the same name.
    for byte in [0xFE, 0xFF] {
        let mut peer = Peer::new();
        peer.connect("live");
        let values = [text("publish"), Value::Number(5.0), Value::Null, text("c~m")];
        let mut body = encode_all(&values);
        let at = body.iter().rposition(|other| *other == b'~').unwrap();
        body[at] = byte;
        let refused = asked(&peer.send(20, 1, &body).unwrap())
            .stream_name()
            .unwrap_err();
        assert!(refused.to_string().contains("not UTF-8"), "{refused}");
    }
}

#[test]
fn what_cannot_be_published_is_refused_with_a_reason() {
    let mut peer = Peer::new();
    peer.connect("live");
    peer.answers();
    let declined = |what| [Event::Declined(what)];
    assert_eq!(peer.command("publish", 5.0, "?key=x"), declined(Declined::NoKey));
    assert_eq!(peer.answers(), ["onStatus 0 NetStream.Publish.BadName"]);
    assert_eq!(peer.command("play", 5.0, "cam"), declined(Declined::Play));
    assert_eq!(peer.answers(), ["onStatus 0 NetStream.Play.StreamNotFound"]);
    peer.command("publish", 5.0, "cam");
    peer.answers();
    assert_eq!(peer.command("publish", 6.0, "cam2"), []);
    assert_eq!(peer.answers(), ["onStatus 0 NetStream.Publish.BadName"]);
    assert!(peer.session.publishing());
}

#[test]
fn a_refused_publish_can_be_asked_for_again() {
    let mut session = Peer::new();
    session.connect("live");
    let mut bytes = Vec::new();
    let body = encode_all(&[text("publish"), Value::Number(5.0), Value::Null, text("cam")]);
    let writer = ChunkWriter::default();
    writer.write(3, 20, 0, 1, &body, &mut bytes);
    writer.write(3, 20, 0, 1, &body, &mut bytes);
    let mut input = bytes.as_slice();
    let session = &mut session.session;
    assert!(matches!(session.handle(&mut input), Ok(Some(Event::Publish(_)))));
    let waiting = input.len();
    assert!(waiting > 0);
    assert_eq!(session.handle(&mut input).unwrap(), None);
    assert_eq!(input.len(), waiting, "nothing is read while the answer is due");
    session.refuse("stream 'live/cam' already has a publisher");
    assert!(session.output().windows(12).any(|text| text == b"already has "));
    assert!(matches!(session.handle(&mut input), Ok(Some(Event::Publish(_)))));
}

#[test]
fn out_of_order_commands_do_no_harm() {
    let mut peer = Peer::new();
    peer.command("createStream", 1.0, "");
    assert_eq!(peer.answers(), ["_error 1 NetConnection.Call.Failed"]);
    assert_eq!(peer.command("FCUnpublish", 0.0, "cam"), []);
    assert_eq!(peer.command("closeStream", 0.0, ""), []);
    assert_eq!(peer.send(9, 1, &[0x17, 1, 0, 0, 0, 1]).unwrap(), []);
    let early = [text("publish"), Value::Number(5.0), Value::Null, text("cam")];
    assert!(matches!(peer.call(1, &early), Err(IngestError::Command { .. })));
    assert!(
        peer.answers()
            .contains(&"onStatus 0 NetStream.Publish.BadName".to_owned())
    );
}

#[test]
fn commands_without_arguments_or_names_do_no_harm() {
    for values in [
        &[][..],
        &[Value::Null],
        &[Value::Number(1.0)],
        &[text("connect")],
        &[text("publish")],
        &[text("createStream")],
        &[text("deleteStream")],
        &[text("FCPublish")],
        &[text("")],
        &[text("whatever"), Value::Number(9.0)],
        &[text("_result"), Value::Number(9.0)],
    ] {
        let mut peer = Peer::new();
        peer.connect("live");
        let _ = peer.call(0, values);
        let _ = peer.send(18, 0, &encode_all(values));
    }
}

#[test]
fn a_flood_of_commands_ends_at_the_answers_nobody_reads() {
    let mut peer = Peer::new();
    peer.connect("live");
    let create = [text("createStream"), Value::Number(4.0), Value::Null];
    for _ in 0..8 {
        peer.call(0, &create).unwrap();
    }
    peer.answers();
    peer.call(0, &create).unwrap();
    assert_eq!(peer.answers(), ["_error 4 NetConnection.Call.Failed"]);
    let flood = (0..10_000).find_map(|_| peer.call(0, &create).err());
    assert!(matches!(flood, Some(IngestError::Unread(_))));
    assert!(peer.session.output().len() < 70_000);
    let long = [
        text("connect"),
        Value::Number(1.0),
        object([("app", text(&"x".repeat(65_000)))]),
        text("xxxxxxxxx"),
    ];
    let mut body = encode_all(&long);
    body.resize(70_000, 5);
    assert!(matches!(
        Peer::new().send(20, 0, &body),
        Err(IngestError::Command { .. })
    ));
}

#[test]
fn pings_are_answered() {
    let mut peer = Peer::live();
    peer.send(4, 0, &[0, 6, 1, 2, 3, 4]).unwrap();
    let out = peer.session.output();
    assert_eq!(&out[out.len() - 6..], [0, 7, 1, 2, 3, 4]);
    peer.answers();
    peer.send(4, 0, &[0]).unwrap();
    peer.send(4, 0, &[]).unwrap();
    assert_eq!(peer.answers(), [] as [&str; 0]);
}

#[test]
fn acknowledgements_carry_the_total() {
    let mut peer = Peer::live();
    peer.send(5, 0, &20_000_u32.to_be_bytes()).unwrap();
    let before = u32::try_from(peer.sent.len()).unwrap() + 1 + 2 * 1536;
    assert!(before < 20_000);
    for total in 1..=3 {
        for _ in 0..20 {
            peer.send(8, 1, &[0xAF; 1000]).unwrap();
        }
        let out = peer.session.output();
        let acknowledged = u32::from_be_bytes(*out.last_chunk::<4>().unwrap());
        let sent = u32::try_from(peer.sent.len()).unwrap() + 1 + 2 * 1536;
        assert!(
            acknowledged <= sent && acknowledged >= total * 20_000,
            "{acknowledged} of {sent}"
        );
        assert_eq!(peer.answers(), ["type 3"]);
    }
}

#[test]
fn media_of_every_form_comes_out_in_order() {
    let mut peer = Peer::live();
    let meta = object([("width", Value::Number(320.0))]);
    let data = encode_all(&[text("@setDataFrame"), text("onMetaData"), meta.clone()]);
    assert!(matches!(
        peer.send(18, 1, &data).unwrap()[..],
        [Event::Media(MediaMessage::Metadata(_))]
    ));
    let data = [&[0][..], &encode_all(&[text("onMetaData"), meta])].concat();
    assert_eq!(
        peer.send(15, 1, &data).unwrap().len(),
        0,
        "the same again is no news"
    );
    let data = [&[0][..], &encode_all(&[text("onMetaData")])].concat();
    assert_eq!(peer.send(15, 1, &data).unwrap().len(), 1);
    // The stream number is wrong, and the server tolerates that.
    assert_eq!(
        peer.send(9, 0, &[&[0x17, 0, 0, 0, 0][..], AVCC].concat())
            .unwrap()
            .len(),
        1
    );
    assert_eq!(peer.send(8, 7, &[&[0xAF, 0][..], ASC].concat()).unwrap().len(), 1);
    let tag = |kind: u8, body: &[u8]| {
        let header = [kind, 0, 0, body.len() as u8, 0, 0, 40, 0, 0, 0, 0];
        [&header[..], body, &[0, 0, 0, 0]].concat()
    };
    let aggregate = [
        tag(8, &[0xAF, 1, 1]),
        tag(9, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]),
        tag(22, b"within"),
    ]
    .concat();
    let frames = peer.send(22, 1, &aggregate).unwrap();
    assert!(matches!(
        frames[..],
        [
            Event::Media(MediaMessage::Frame(_)),
            Event::Media(MediaMessage::Frame(_))
        ]
    ));
}

#[test]
fn a_codec_that_is_not_recorded_is_left_out_beside_one_that_is() {
    let alaw = |peer: &mut Peer| peer.send(8, 1, &[0x72, 0xD5, 0xD5]).unwrap();
    let mut peer = Peer::live();
    let said = alaw(&mut peer);
    let [Event::Media(MediaMessage::LeftOut(track))] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(
        (track.kind, track.codec.as_str()),
        (TrackKind::Audio, "G.711 A-law")
    );
    assert!(peer.session.publishing() && peer.answers().is_empty());
    let header = [&[0x17, 0, 0, 0, 0][..], AVCC].concat();
    assert_eq!(peer.send(9, 1, &header).unwrap().len(), 1);
    assert_eq!(alaw(&mut peer), []);
    // Now the sound is recorded, and the picture is left out.
    let mut peer = Peer::live();
    assert_eq!(peer.send(8, 1, &[&[0xAF, 0][..], ASC].concat()).unwrap().len(), 1);
    assert_eq!(peer.send(9, 1, b"\x90vp09record").unwrap().len(), 1);
    assert!(peer.session.publishing());
}

#[test]
fn a_publish_of_nothing_that_is_recorded_ends_with_the_codec_by_name() {
    let mut peer = Peer::live();
    peer.send(8, 1, &[0x72, 0xD5, 0xD5]).unwrap();
    let error = peer.send(9, 1, b"\x90vp09record").unwrap_err();
    assert!(error.to_string().contains("'vp09'"));
    assert!(peer.session.output().windows(6).any(|text| text == b"'vp09'"));
    assert_eq!(peer.answers(), ["onStatus 0 NetStream.Failed"]);
}

#[test]
fn only_clients_that_speak_enhanced_rtmp_hear_of_it() {
    for (fields, told) in [
        (object([("fourCcList", Value::Array(vec![text("*")]))]), true),
        (object([]), false),
    ] {
        let mut peer = Peer::new();
        peer.call(0, &[text("connect"), Value::Number(1.0), fields])
            .unwrap();
        let out = Bytes::copy_from_slice(peer.session.output());
        assert_eq!(out.windows(10).any(|text| text == b"fourCcList"), told);
    }
}
