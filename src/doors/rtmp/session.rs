//! One connection's protocol, from handshake to the last frame: bytes in, answers and events out.

use std::collections::VecDeque;
use std::fmt;

use super::aggregate::Aggregate;
use super::allowance::Allowance;
use super::amf0::Value;
use super::command::{self, Command, MAX_COMMAND};
use super::event::ONE_PART;
use super::handshake::Handshake;
use super::left_out::Unrecorded;
use super::message::{
    ACKNOWLEDGEMENT, AGGREGATE, AUDIO, COMMAND, COMMAND_AMF3, COMMAND_CHUNKS, CONTROL_CHUNKS, DATA,
    DATA_AMF3, EVENT_PING_REQUEST, EVENT_PING_RESPONSE, EVENT_STREAM_BEGIN, Message, SET_PEER_BANDWIDTH,
    STREAM_CHUNKS, USER_CONTROL, VIDEO, WINDOW_ACK_SIZE, be32, parse_user_control, user_control,
};
use super::tag::{TagParser, own_frames};
use super::{
    ChunkReader, ChunkWriter, Declined, Event, IngestError, PublishAsked, Split, TagError, metadata,
};
use crate::media::{MediaMessage, Metadata, TrackKind};

/// The most bytes of answers that may wait for a peer to read them.
const MAX_UNREAD: usize = 64 << 10;

/// The most message streams that a connection may have at one time.
const MAX_STREAMS: u32 = 8;

/// The acknowledgement window in bytes. The server announces it, and assumes it until the peer announces its own.
const WINDOW: u32 = 2_500_000;

const OUR_CHUNK_SIZE: u32 = 65_536;

/// The server's side of one connection.
#[derive(Debug)]
pub struct Session {
    handshake: Option<Handshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: Vec<u8>,
    received: u32,
    acknowledged: u32,
    window: u32,
    connected: Option<Connected>,
    streams: Vec<u32>,
    publish: Publish,
    /// The name that is published, without its query.
    key: String,
    announced: bool,
    tags: TagParser,
    unrecorded: Unrecorded,
    metadata: Option<Metadata>,
    sink: VecDeque<MediaMessage>,
    aggregate: Option<Aggregate>,
}

struct Connected {
    app: String,
    query: String,
    tc_url: String,
    encoder: String,
}

// The query and the URL may hold stream keys.
impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connected({})", self.app)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publish {
    No,
    Asked(u32),
    Live(u32),
}

impl Session {
    /// A session whose peer has sent nothing yet. `allowance` is what its half-received messages may hold until
    /// [`Session::allow`].
    pub fn new(allowance: impl Into<Allowance>) -> Self {
        Self {
            handshake: Some(Handshake::server()),
            reader: ChunkReader::new(allowance),
            writer: ChunkWriter::default(),
            out: Vec::new(),
            received: 0,
            acknowledged: 0,
            window: WINDOW,
            connected: None,
            streams: Vec::new(),
            publish: Publish::No,
            key: String::new(),
            announced: false,
            tags: TagParser::default(),
            unrecorded: Unrecorded::default(),
            metadata: None,
            sink: VecDeque::new(),
            aggregate: None,
        }
    }

    /// Consumes input up to the next event. None means that all input is consumed, that a request to publish waits for its
    /// answer, or that a message waits for memory ([`Session::is_held_up`]). After an error, the caller should send the answers
    /// that wait and close the connection.
    pub fn handle(&mut self, input: &mut &[u8]) -> Result<Option<Event>, IngestError> {
        loop {
            if let Some(media) = self.sink.pop_front() {
                return Ok(Some(Event::Media(media)));
            }
            if matches!(self.publish, Publish::Asked(_)) {
                return Ok(None);
            }
            if let Some(inner) = self.aggregate.as_mut().and_then(Iterator::next) {
                self.media(inner)?;
                continue;
            }
            self.aggregate = None;
            let before = input.len();
            let message = self.read(input);
            let consumed = u32::try_from(before - input.len()).unwrap_or(0);
            self.received = self.received.wrapping_add(consumed);
            let Some(message) = message? else {
                self.acknowledge()?;
                return Ok(None);
            };
            if let Some(event) = self.message(message)? {
                return Ok(Some(event));
            }
        }
    }

    /// Lets the requested publish begin.
    pub fn accept(&mut self) {
        let Publish::Asked(stream) = self.publish else {
            return;
        };
        self.publish = Publish::Live(stream);
        self.tags = TagParser::default();
        self.unrecorded = Unrecorded::default();
        self.metadata = None;
        let begin = user_control(EVENT_STREAM_BEGIN, &stream.to_be_bytes());
        self.control(USER_CONTROL, &begin);
        let start = "NetStream.Publish.Start";
        if std::mem::take(&mut self.announced) {
            let body = command::status("onFCPublish", "status", start, "Publishing started.");
            self.answer(COMMAND_CHUNKS, 0, &body);
        }
        self.status(stream, "status", start, "Publishing started.");
    }

    /// Refuses the requested publish, because of the stream. The encoder's user gets to see `why`.
    pub fn refuse(&mut self, why: &str) {
        self.answer_no("NetStream.Publish.BadName", why);
    }

    /// Refuses the requested publish, because of who asks. The encoder's user gets to see `why`.
    pub fn deny(&mut self, why: &str) {
        self.answer_no("NetStream.Publish.Denied", why);
    }

    /// Ends an accepted publish from this side. The encoder's user gets to see `why`.
    pub fn end(&mut self, why: &str) {
        if let Publish::Live(stream) = self.publish {
            self.publish = Publish::No;
            self.status(stream, "error", "NetStream.Failed", why);
        }
    }

    /// Sets what half-received messages may hold from here on.
    pub(super) fn allow(&mut self, allowance: Allowance) {
        self.reader.allow(allowance);
    }

    /// True while a message waits for memory that others have. Input that was not consumed has to be given again.
    pub fn is_held_up(&self) -> bool {
        self.reader.is_held_up()
    }

    /// The number of the loan, while this connection holds memory that others may wait for.
    pub(super) fn loan(&self) -> Option<u64> {
        self.reader.loan()
    }

    /// True until the handshake is complete.
    pub fn handshaking(&self) -> bool {
        self.handshake.is_some()
    }

    /// True between [`Session::accept`] and the end of the publish.
    pub fn publishing(&self) -> bool {
        matches!(self.publish, Publish::Live(_))
    }

    /// Frames of the present publish that came before their sequence header and were dropped.
    pub fn dropped_frames(&self) -> u64 {
        self.tags.dropped()
    }

    /// The bytes that wait to be sent.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the first `count` bytes of [`Session::output`]: they were sent.
    pub fn sent(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
    }

    fn answer_no(&mut self, code: &str, why: &str) {
        if let Publish::Asked(stream) = self.publish {
            self.publish = Publish::No;
            self.status(stream, "error", code, why);
        }
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, IngestError> {
        if let Some(handshake) = &mut self.handshake {
            if !handshake.read(input, &mut self.out)? {
                return Ok(None);
            }
            self.handshake = None;
        }
        Ok(self.reader.read(input)?)
    }

    // ---- messages

    fn message(&mut self, message: Message) -> Result<Option<Event>, IngestError> {
        match message.kind {
            AUDIO | VIDEO | DATA | DATA_AMF3 => self.media(message)?,
            AGGREGATE => self.aggregate = Some(Aggregate::new(message)),
            COMMAND | COMMAND_AMF3 => {
                let event = self.command(&message)?;
                self.check_unread()?;
                return Ok(event);
            }
            WINDOW_ACK_SIZE => {
                if let Some(window) = be32(&message.payload) {
                    self.window = window;
                }
            }
            USER_CONTROL => {
                if let Some((EVENT_PING_REQUEST, time)) = parse_user_control(&message.payload) {
                    let pong = user_control(EVENT_PING_RESPONSE, time.get(..4).unwrap_or(time));
                    self.control(USER_CONTROL, &pong);
                    self.check_unread()?;
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// Takes media on any message stream: some encoders number the stream wrongly.
    fn media(&mut self, message: Message) -> Result<(), IngestError> {
        let Publish::Live(stream) = self.publish else {
            return Ok(());
        };
        let Message {
            kind,
            timestamp,
            payload,
            ..
        } = message;
        let (before, length) = (self.sink.len(), payload.len());
        let parsed = match kind {
            AUDIO => self.tags.audio(payload, timestamp, &mut self.sink),
            VIDEO => self.tags.video(payload, timestamp, &mut self.sink),
            DATA | DATA_AMF3 => {
                let body = match payload.split_first() {
                    Some((0, amf0)) if kind == DATA_AMF3 => amf0,
                    _ => &payload,
                };
                let metadata = metadata::parse(body);
                self.metadata(metadata);
                Ok(())
            }
            _ => Ok(()),
        };
        own_frames(self.sink.iter_mut().skip(before), length);
        let parsed = match parsed {
            Err(TagError::Codec { kind, codec }) => self.leave_out(kind, codec, timestamp),
            other => other,
        };
        parsed.map_err(|error| {
            self.publish = Publish::No;
            self.status(stream, "error", "NetStream.Failed", &error.to_string());
            IngestError::from(error)
        })
    }

    /// Leaves out a track in a coding that is not recorded. That does not end the publish while another track is recorded.
    fn leave_out(&mut self, kind: TrackKind, codec: String, timestamp: u32) -> Result<(), TagError> {
        let other = match kind {
            TrackKind::Video => self.tags.audio_config.is_some(),
            TrackKind::Audio => self.tags.video_config.is_some(),
        };
        let said = self.unrecorded.take(kind, codec, timestamp, other)?;
        self.sink.extend(said.map(MediaMessage::LeftOut));
        Ok(())
    }

    /// Passes on metadata that is new. GStreamer sends the same metadata four times a second.
    fn metadata(&mut self, metadata: Option<Metadata>) {
        if metadata.is_some() && metadata != self.metadata {
            self.metadata = metadata;
            self.sink
                .extend(self.metadata.clone().map(MediaMessage::Metadata));
        }
    }

    fn command(&mut self, message: &Message) -> Result<Option<Event>, IngestError> {
        if message.payload.len() > MAX_COMMAND {
            return Err(IngestError::Command {
                command: "(unread)".to_owned(),
                why: "is longer than 64 KiB",
            });
        }
        let Some(command) = Command::parse(message)? else {
            return Ok(None);
        };
        match command.name.as_str() {
            "connect" => self.connect(&command),
            "releaseStream" => self.result(&command, Value::Undefined),
            "FCPublish" => {
                self.announced = true;
                self.result(&command, Value::Undefined);
            }
            "createStream" => self.create_stream(&command),
            "publish" => return self.publish(&command, message.stream),
            "FCUnpublish" => {
                let body = command::status("onFCUnpublish", "status", "NetStream.Unpublish.Success", "");
                self.answer(COMMAND_CHUNKS, 0, &body);
                self.result(&command, Value::Undefined);
                let name = command.argument(0).and_then(Value::as_str).unwrap_or_default();
                let ends = is_same_name(split_query(name).0, &self.key);
                return Ok(if ends { self.unpublish(None) } else { None });
            }
            "deleteStream" => {
                let id = command.argument(0).and_then(Value::as_f64).unwrap_or(0.0);
                let event = self.unpublish(Some(id).filter(|id| *id > 0.0));
                self.streams.retain(|stream| f64::from(*stream) != id);
                return Ok(event);
            }
            "closeStream" => {
                let known = self.streams.contains(&message.stream);
                return Ok(self.unpublish(known.then_some(f64::from(message.stream))));
            }
            "play" | "play2" => {
                let why = "edgereel only records: nothing can be played here";
                self.status(message.stream, "error", "NetStream.Play.StreamNotFound", why);
                return Ok(Some(Event::Declined(Declined::Play)));
            }
            "_checkbw" | "checkBandwidth" => self.result(&command, Value::Undefined),
            // Answers to commands that were never sent, and notices.
            "_result" | "_error" | "onStatus" => {}
            _ if command.transaction != 0.0 => {
                let name: String = command.name.chars().take(64).collect();
                let why = format!("edgereel does not know the command '{name}'");
                self.answer(COMMAND_CHUNKS, 0, &command::error(command.transaction, &why));
            }
            _ => {}
        }
        Ok(None)
    }

    fn connect(&mut self, command: &Command) {
        let word = |name: &str| {
            command
                .property(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let enhanced = ["fourCcList", "videoFourCcInfoMap", "capsEx"]
            .iter()
            .any(|name| command.property(name).is_some());
        let app = word("app");
        let (app, query) = split_query(&app);
        self.connected = Some(Connected {
            app: app.to_owned(),
            query: query.to_owned(),
            tc_url: word("tcUrl"),
            encoder: word("flashVer")
                .chars()
                .filter(|c| !c.is_control())
                .take(64)
                .collect(),
        });
        self.control(WINDOW_ACK_SIZE, &WINDOW.to_be_bytes());
        let [a, b, c, d] = WINDOW.to_be_bytes();
        const DYNAMIC: u8 = 2;
        self.control(SET_PEER_BANDWIDTH, &[a, b, c, d, DYNAMIC]);
        self.writer.set_chunk_size(OUR_CHUNK_SIZE, &mut self.out);
        let body = command::connect_result(command.transaction, enhanced);
        self.answer(COMMAND_CHUNKS, 0, &body);
    }

    fn create_stream(&mut self, command: &Command) {
        let free = (1..=MAX_STREAMS).find(|id| !self.streams.contains(id));
        let body = match free {
            Some(id) if self.connected.is_some() => {
                self.streams.push(id);
                command::result(command.transaction, Value::Number(f64::from(id)))
            }
            Some(_) => command::error(command.transaction, "createStream before connect"),
            None => command::error(command.transaction, "no more than 8 streams on one connection"),
        };
        self.answer(COMMAND_CHUNKS, 0, &body);
    }

    fn publish(&mut self, command: &Command, stream: u32) -> Result<Option<Event>, IngestError> {
        let refusal = "NetStream.Publish.BadName";
        let Some(connected) = &self.connected else {
            self.status(stream, "error", refusal, "publish before connect");
            return Err(IngestError::Command {
                command: command.name.clone(),
                why: "came before connect",
            });
        };
        if self.publish != Publish::No {
            let why = "this connection already publishes; one stream a connection";
            self.status(stream, "error", refusal, why);
            return Ok(None);
        }
        let name = command.argument(0).and_then(Value::as_str).unwrap_or_default();
        let (key, query) = split_query(name);
        if key.is_empty() {
            self.status(stream, "error", refusal, ONE_PART);
            return Ok(Some(Event::Declined(Declined::NoKey)));
        }
        let queries: Vec<&str> = [query, connected.query.as_str()]
            .into_iter()
            .filter(|query| !query.is_empty())
            .collect();
        let asked = PublishAsked {
            app: connected.app.clone(),
            key: key.to_owned(),
            query: queries.join("&"),
            split: Split::found(&connected.app, &connected.query, name),
            tc_url: connected.tc_url.clone(),
            encoder: connected.encoder.clone(),
        };
        self.key = key.to_owned();
        self.publish = Publish::Asked(stream);
        Ok(Some(Event::Publish(asked)))
    }

    /// Ends the publish, unless another stream than that of the publish is named. A client that publishes on a stream that it
    /// never created may name any stream.
    fn unpublish(&mut self, named: Option<f64>) -> Option<Event> {
        let Publish::Live(stream) = self.publish else {
            return None;
        };
        if named.is_some_and(|named| named != f64::from(stream) && self.streams.contains(&stream)) {
            return None;
        }
        self.publish = Publish::No;
        self.status(
            stream,
            "status",
            "NetStream.Unpublish.Success",
            "Publishing ended.",
        );
        Some(Event::Unpublished)
    }

    // ---- answers

    fn control(&mut self, kind: u8, body: &[u8]) {
        self.writer.write(CONTROL_CHUNKS, kind, 0, 0, body, &mut self.out);
    }

    fn answer(&mut self, csid: u8, stream: u32, body: &[u8]) {
        self.writer.write(csid, COMMAND, 0, stream, body, &mut self.out);
    }

    fn status(&mut self, stream: u32, level: &str, code: &str, description: &str) {
        let body = command::status("onStatus", level, code, description);
        self.answer(STREAM_CHUNKS, stream, &body);
    }

    fn result(&mut self, command: &Command, value: Value) {
        if command.transaction != 0.0 {
            let body = command::result(command.transaction, value);
            self.answer(COMMAND_CHUNKS, 0, &body);
        }
    }

    /// Acknowledges the total received once a window (RTMP §5.4.3), at most once per input.
    fn acknowledge(&mut self) -> Result<(), IngestError> {
        let open = self.received.wrapping_sub(self.acknowledged);
        if self.connected.is_none() || open < self.window.max(1) {
            return Ok(());
        }
        self.acknowledged = self.received;
        self.control(ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        self.check_unread()
    }

    fn check_unread(&self) -> Result<(), IngestError> {
        if self.out.len() > MAX_UNREAD {
            return Err(IngestError::Unread(self.out.len()));
        }
        Ok(())
    }
}

/// Whether the name that an encoder ends is the one that it publishes. An empty name is any name. Some encoders leave out the
/// app's parts, or add them.
fn is_same_name(named: &str, published: &str) -> bool {
    let ends_with =
        |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'));
    named.is_empty() || named == published || ends_with(named, published) || ends_with(published, named)
}

/// Splits `name?query`, and takes off the slashes around the name.
fn split_query(text: &str) -> (&str, &str) {
    let (name, query) = text.split_once('?').unwrap_or((text, ""));
    (name.trim_matches('/'), query)
}
