use super::super::{Client, ClientEvent, Event, IngestError, Session, TagKind};
use super::tags::{ASC, AVCC};
use crate::access::Budget;
use crate::media::MediaMessage;

/// A client and a session joined without sockets.
struct Pair {
    client: Client,
    session: Session,
    heard: Vec<ClientEvent>,
    events: Vec<Event>,
    refuse: Option<&'static str>,
}

impl Pair {
    fn new(refuse: Option<&'static str>) -> Self {
        let url = "rtmp://box/live/cam?key=s3cret".parse().unwrap();
        Self {
            client: Client::new(url).unwrap(),
            session: Session::new(Budget::new(1 << 24)),
            heard: Vec::new(),
            events: Vec::new(),
            refuse,
        }
    }

    /// Carries bytes to and fro, in pieces, until both are silent.
    fn run(&mut self, piece: usize) -> Result<(), IngestError> {
        while !self.client.output().is_empty() || !self.session.output().is_empty() {
            let up = self.client.output().to_vec();
            self.client.sent(up.len());
            for mut input in up.chunks(piece) {
                while let Some(event) = self.session.handle(&mut input)? {
                    match (&event, self.refuse) {
                        (Event::Publish(_), Some(why)) => self.session.refuse(why),
                        (Event::Publish(_), None) => self.session.accept(),
                        _ => {}
                    }
                    self.events.push(event);
                }
            }
            let down = self.session.output().to_vec();
            self.session.sent(down.len());
            for mut input in down.chunks(piece) {
                while let Some(event) = self.client.handle(&mut input)? {
                    self.heard.push(event);
                }
            }
        }
        Ok(())
    }
}

#[test]
fn a_publish_from_hello_to_goodbye() {
    for piece in [1, 100, 5000, 1 << 20] {
        let mut pair = Pair::new(None);
        pair.run(piece).unwrap();
        assert_eq!(pair.heard, [ClientEvent::Publishing]);
        let picture = [&199_996u32.to_be_bytes()[..], &[0x65], &vec![9; 199_995]].concat();
        let keyframe = [&[0x17, 1, 0, 0, 0][..], &picture].concat();
        pair.client
            .send(TagKind::Video, 0, &[&[0x17, 0, 0, 0, 0], AVCC].concat());
        pair.client.send(TagKind::Audio, 0, &[&[0xAF, 0], ASC].concat());
        pair.client.send(TagKind::Video, 0x0100_0000, &keyframe);
        pair.client.send(TagKind::Audio, 23, &[0xAF, 1, 1, 2, 3]);
        pair.client.finish();
        pair.run(piece).unwrap();
        assert_eq!(pair.heard, [ClientEvent::Publishing, ClientEvent::Unpublished]);
        assert_eq!(pair.events.len(), 6);
        assert!(matches!(&pair.events[0], Event::Publish(asked) if asked.query == "key=s3cret"));
        match &pair.events[3] {
            Event::Media(MediaMessage::Frame(frame)) => {
                assert_eq!((frame.timestamp_ms, frame.payload.len()), (0x0100_0000, 200_000));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(pair.events[5], Event::Unpublished);
    }
}

#[test]
fn a_refusal_reaches_the_client_in_words() {
    let mut pair = Pair::new(Some("stream 'live/cam' already has a publisher"));
    pair.run(500).unwrap();
    match &pair.heard[..] {
        [ClientEvent::Refused(why)] => assert!(why.contains("already has a publisher"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_end_from_the_server_reaches_the_client_in_words() {
    let mut pair = Pair::new(None);
    pair.run(500).unwrap();
    pair.session.end("another publisher took over this stream");
    pair.run(500).unwrap();
    assert!(matches!(&pair.heard[1], ClientEvent::Refused(why) if why.contains("took over")));
}
