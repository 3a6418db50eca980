//! The publishing side of the protocol: bytes in, bytes and events out.

use super::amf0::{Value, encode_all, object, text};
use super::command::{Command, fourcc_list};
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

/// One publish to one server.
#[derive(Debug)]
pub struct Client {
    url: RtmpUrl,
    handshake: Option<Handshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: Vec<u8>,
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
            stream: 0,
            received: 0,
            acknowledged: 0,
            window: 2_500_000,
        })
    }

    /// Consumes input up to the next event. None means that all input is consumed.
    pub fn handle(&mut self, input: &mut &[u8]) -> Result<Option<ClientEvent>, IngestError> {
        loop {
            let before = input.len();
            let message = self.read(input);
            let consumed = u32::try_from(before - input.len()).unwrap_or(0);
            self.received = self.received.wrapping_add(consumed);
            let Some(message) = message? else {
                return Ok(None);
            };
            if let Some(event) = self.message(&message)? {
                return Ok(Some(event));
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

    /// The bytes that wait to be sent.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the first `count` bytes of [`Client::output`]: they were sent.
    pub fn sent(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
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
            ("_result", CONNECT) => self.create_stream(),
            ("_result", CREATE_STREAM) => {
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
        let name = text(&self.url.publish_name());
        self.command("releaseStream", RELEASE_STREAM, &[Value::Null, name.clone()]);
        self.command("FCPublish", FC_PUBLISH, &[Value::Null, name]);
        self.command("createStream", CREATE_STREAM, &[Value::Null]);
    }

    fn publish(&mut self) {
        let arguments = [Value::Null, text(&self.url.publish_name()), text("live")];
        self.command("publish", PUBLISH, &arguments);
    }

    fn command(&mut self, name: &str, transaction: f64, arguments: &[Value]) {
        let mut values = vec![text(name), Value::Number(transaction)];
        values.extend_from_slice(arguments);
        let stream = if name == "publish" { self.stream } else { 0 };
        self.writer.write(
            COMMAND_CHUNKS,
            COMMAND,
            0,
            stream,
            &encode_all(&values),
            &mut self.out,
        );
    }

    fn control(&mut self, kind: u8, body: &[u8]) {
        self.writer.write(CONTROL_CHUNKS, kind, 0, 0, body, &mut self.out);
    }
}
