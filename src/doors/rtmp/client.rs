//! The publishing side of the protocol: bytes in, bytes and events out.

use super::amf0::{Value, encode_all, object, text};
use super::command::{Command, MAX_COMMAND, fourcc_list};
use super::handshake::Handshake;
use super::message::{
    ACKNOWLEDGEMENT, AUDIO, COMMAND, COMMAND_AMF3, COMMAND_CHUNKS, CONTROL_CHUNKS, DATA, EVENT_PING_REQUEST,
    EVENT_PING_RESPONSE, Message, USER_CONTROL, VIDEO, WINDOW_ACK_SIZE, be32, parse_user_control,
    user_control,
};
use super::{ChunkReader, ChunkWriter, IngestError, RtmpUrl, TagKind};
use crate::access::Budget;

const OUR_CHUNK_SIZE: u32 = 65_536;
const MEDIA_CHUNKS: u8 = 6;

/// The memory for half-received answers, in bytes. A server's answers are small.
const BUDGET: usize = 1 << 20;

/// The most bytes of answers that wait to be sent, beside media. Real ones are some hundred bytes.
const MOST_ANSWERS: usize = 256 << 10;

const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const PUBLISH: f64 = 5.0;
const FC_UNPUBLISH: f64 = 6.0;

/// An event of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Media may be sent now.
    Publishing,
    /// The server refused or ended the publish, with these words.
    Refused(String),
    /// The server confirmed the end.
    Unpublished,
}

/// What the server was asked last. An answer to anything else is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// `connect`, or nothing yet.
    Connect,
    /// `createStream`.
    CreateStream,
    /// `publish`.
    Publish,
}

/// One publish to one server.
#[derive(Debug)]
pub struct Client {
    url: RtmpUrl,
    handshake: Option<Handshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: Vec<u8>,
    /// The bytes of `out` that are not media, at most.
    answers: usize,
    asked: Asked,
    stream: u32,
    received: u32,
    acknowledged: u32,
    window: u32,
}

impl Client {
    /// Begins the handshake: [`Client::output`] has the first packets.
    pub fn new(url: RtmpUrl) -> Result<Self, IngestError> {
        let mut out = Vec::new();
        let handshake = Handshake::client(&mut out)?;
        Ok(Self {
            url,
            handshake: Some(handshake),
            reader: ChunkReader::new(Budget::new(BUDGET)),
            writer: ChunkWriter::default(),
            out,
            answers: 0,
            asked: Asked::Connect,
            stream: 0,
            received: 0,
            acknowledged: 0,
            window: 2_500_000,
        })
    }

    /// Consumes input up to the next event. None means that all input is consumed. Fails where the server sends more that wants an
    /// answer than is sent meanwhile.
    pub fn handle(&mut self, input: &mut &[u8]) -> Result<Option<ClientEvent>, IngestError> {
        loop {
            let before = input.len();
            let message = self.read(input);
            let consumed = u32::try_from(before - input.len()).unwrap_or(0);
            self.received = self.received.wrapping_add(consumed);
            let Some(message) = message? else {
                return Ok(None);
            };
            let event = self.message(&message)?;
            if self.answers > MOST_ANSWERS {
                return Err(IngestError::Unread(self.answers));
            }
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Sends one tag body: the bytes that an FLV tag holds behind its header. The timestamp is in milliseconds.
    pub fn send(&mut self, kind: TagKind, timestamp_ms: u32, body: &[u8]) {
        let kind = match kind {
            TagKind::Audio => AUDIO,
            TagKind::Video => VIDEO,
            TagKind::Data => DATA,
        };
        self.writer
            .write(MEDIA_CHUNKS, kind, timestamp_ms, self.stream, body, &mut self.out);
    }

    /// Sends the commands that end the publish.
    pub fn finish(&mut self) {
        let name = text(&self.url.publish_name());
        self.command("FCUnpublish", FC_UNPUBLISH, &[Value::Null, name]);
        let stream = Value::Number(f64::from(self.stream));
        self.command("deleteStream", 0.0, &[Value::Null, stream]);
    }

    /// How many bytes were received, wrapping at 2³².
    #[cfg(test)]
    pub(super) fn received(&self) -> u32 {
        self.received
    }

    /// The bytes that wait to be sent.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the first `count` bytes of [`Client::output`]: they were sent.
    pub fn sent(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
        self.answers = self.answers.min(self.out.len());
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, IngestError> {
        if let Some(handshake) = &mut self.handshake {
            if !handshake.read(input, &mut self.out)? {
                return Ok(None);
            }
            self.handshake = None;
            self.writer.set_chunk_size(OUR_CHUNK_SIZE, &mut self.out);
            self.connect();
        }
        Ok(self.reader.read(input)?)
    }

    fn message(&mut self, message: &Message) -> Result<Option<ClientEvent>, IngestError> {
        match message.kind {
            COMMAND | COMMAND_AMF3 if message.payload.len() > MAX_COMMAND => {
                return Err(IngestError::Command {
                    command: "(unread)".to_owned(),
                    why: "is longer than 64 KiB",
                });
            }
            COMMAND | COMMAND_AMF3 => return Ok(Command::parse(message)?.and_then(|it| self.answered(&it))),
            WINDOW_ACK_SIZE => self.window = be32(&message.payload).unwrap_or(self.window).max(1),
            USER_CONTROL => {
                if let Some((EVENT_PING_REQUEST, time)) = parse_user_control(&message.payload) {
                    let pong = user_control(EVENT_PING_RESPONSE, time.get(..4).unwrap_or(time));
                    self.control(USER_CONTROL, &pong);
                }
            }
            _ => {}
        }
        if self.received.wrapping_sub(self.acknowledged) >= self.window {
            self.acknowledged = self.received;
            self.control(ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        }
        Ok(None)
    }

    fn answered(&mut self, answer: &Command) -> Option<ClientEvent> {
        let information = |name| answer.argument(0).and_then(|value| value.field(name)?.as_str());
        let words = || {
            let code = information("code").unwrap_or("no code");
            let description = information("description").unwrap_or("no description");
            format!("{description} ({code})")
        };
        match (answer.name.as_str(), answer.transaction) {
            ("_result", CONNECT) if self.asked == Asked::Connect => self.create_stream(),
            ("_result", CREATE_STREAM) if self.asked == Asked::CreateStream => {
                self.stream = answer
                    .argument(0)
                    .and_then(Value::as_f64)
                    .map_or(1, |id| id as u32);
                self.publish();
            }
            ("_error", CONNECT | CREATE_STREAM | PUBLISH) => return Some(ClientEvent::Refused(words())),
            ("onStatus", _) => {
                return match (information("level"), information("code")) {
                    (_, Some("NetStream.Publish.Start")) => Some(ClientEvent::Publishing),
                    (_, Some("NetStream.Unpublish.Success")) => Some(ClientEvent::Unpublished),
                    (Some("error"), _) => Some(ClientEvent::Refused(words())),
                    _ => None,
                };
            }
            _ => {}
        }
        None
    }

    fn connect(&mut self) {
        let properties = object([
            ("app", text(&self.url.app)),
            ("type", text("nonprivate")),
            (
                "flashVer",
                text(concat!(
                    "FMLE/3.0 (compatible; edgereel/",
                    env!("CARGO_PKG_VERSION"),
                    ")"
                )),
            ),
            ("tcUrl", text(&self.url.tc_url())),
            ("fourCcList", fourcc_list()),
        ]);
        self.command("connect", CONNECT, &[properties]);
    }

    fn create_stream(&mut self) {
        self.asked = Asked::CreateStream;
        let name = text(&self.url.publish_name());
        self.command("releaseStream", RELEASE_STREAM, &[Value::Null, name.clone()]);
        self.command("FCPublish", FC_PUBLISH, &[Value::Null, name]);
        self.command("createStream", CREATE_STREAM, &[Value::Null]);
    }

    fn publish(&mut self) {
        self.asked = Asked::Publish;
        let arguments = [Value::Null, text(&self.url.publish_name()), text("live")];
        self.command("publish", PUBLISH, &arguments);
    }

    fn command(&mut self, name: &str, transaction: f64, arguments: &[Value]) {
        let mut values = vec![text(name), Value::Number(transaction)];
        values.extend_from_slice(arguments);
        let stream = if name == "publish" { self.stream } else { 0 };
        let before = self.out.len();
        self.writer.write(
            COMMAND_CHUNKS,
            COMMAND,
            0,
            stream,
            &encode_all(&values),
            &mut self.out,
        );
        self.answers += self.out.len() - before;
    }

    fn control(&mut self, kind: u8, body: &[u8]) {
        let before = self.out.len();
        self.writer.write(CONTROL_CHUNKS, kind, 0, 0, body, &mut self.out);
        self.answers += self.out.len() - before;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::doors::rtmp::command::{error, result};

    /// A client behind its handshake that asked to connect.
    pub(in crate::doors::rtmp) fn client() -> Client {
        let mut client = Client::new("rtmp://h/app/key".parse().unwrap()).unwrap();
        let mut server = Handshake::server();
        let mut down = Vec::new();
        while client.handshake.is_some() {
            let up = client.output().to_vec();
            client.sent(up.len());
            server.read(&mut up.as_slice(), &mut down).unwrap();
            assert_eq!(
                client.handle(&mut std::mem::take(&mut down).as_slice()).unwrap(),
                None
            );
        }
        client.sent(usize::MAX);
        client
    }

    /// A message of the server, as chunks.
    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ChunkWriter::default().write(COMMAND_CHUNKS, kind, 0, 0, body, &mut out);
        out
    }

    #[test]
    fn an_answer_counts_once_and_in_turn() {
        let mut client = client();
        let mut hear = |transaction, value| {
            let answer = message(COMMAND, &result(transaction, value));
            assert_eq!(client.handle(&mut answer.as_slice()).unwrap(), None);
            let said = client.output().len();
            client.sent(said);
            said
        };
        assert_eq!(
            hear(CREATE_STREAM, Value::Number(7.0)),
            0,
            "that was not asked yet"
        );
        assert!(hear(CONNECT, Value::Null) > 0);
        assert_eq!(hear(CONNECT, Value::Null), 0);
        assert!(hear(CREATE_STREAM, Value::Number(7.0)) > 0);
        assert_eq!(hear(CREATE_STREAM, Value::Number(8.0)), 0);
        assert_eq!(hear(CONNECT, Value::Null), 0);
        assert_eq!(client.stream, 7);
    }

    #[test]
    fn a_server_that_wants_answers_without_end_gets_an_end() {
        let ping = message(USER_CONTROL, &user_control(EVENT_PING_REQUEST, &[0; 4]));
        let window = message(WINDOW_ACK_SIZE, &1_u32.to_be_bytes());
        for flood in [ping, window] {
            let mut client = client();
            let flood = flood.repeat(MOST_ANSWERS);
            let ended = client.handle(&mut flood.as_slice());
            assert!(matches!(ended, Err(IngestError::Unread(_))), "{ended:?}");
            assert!(client.output().len() < MOST_ANSWERS + 1_000);
        }
        // What was sent meanwhile does not count.
        let mut client = client();
        let ping = message(USER_CONTROL, &user_control(EVENT_PING_REQUEST, &[0; 4]));
        for _ in 0..MOST_ANSWERS {
            assert_eq!(client.handle(&mut ping.as_slice()).unwrap(), None);
            client.sent(usize::MAX);
        }
    }

    #[test]
    fn a_refusal_is_not_longer_than_a_command_may_be() {
        let words = |length: usize| {
            let mut client = client();
            let refusal = message(COMMAND, &error(CONNECT, &"x".repeat(length)));
            client.handle(&mut refusal.as_slice())
        };
        assert!(matches!(
            words(MAX_COMMAND - 200),
            Ok(Some(ClientEvent::Refused(_)))
        ));
        let long = words(MAX_COMMAND);
        assert!(matches!(long, Err(IngestError::Command { .. })), "{long:?}");
    }
}
