//! One connection's protocol, from handshake to the last frame: bytes in, answers and events out.

mod commands;

use std::collections::VecDeque;
use std::fmt;

use super::aggregate::Aggregate;
use super::allowance::Allowance;
use super::command;
use super::handshake::Handshake;
use super::left_out::Unrecorded;
use super::message::{
    ACKNOWLEDGEMENT, AGGREGATE, AUDIO, COMMAND, COMMAND_AMF3, COMMAND_CHUNKS, CONTROL_CHUNKS, DATA,
    DATA_AMF3, EVENT_PING_REQUEST, EVENT_PING_RESPONSE, EVENT_STREAM_BEGIN, Message, STREAM_CHUNKS,
    USER_CONTROL, VIDEO, WINDOW_ACK_SIZE, be32, parse_user_control, user_control,
};
use super::tag::{TagParser, own_frames};
use super::{ChunkReader, ChunkWriter, Event, IngestError, TagError, metadata};
use crate::media::{MediaMessage, Metadata, TrackKind};

/// The most bytes of answers that may wait for a peer to read them.
const MAX_UNREAD: usize = 64 << 10;

/// The acknowledgement window in bytes. The server announces it, and assumes it until the peer announces its own.
const WINDOW: u32 = 2_500_000;

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
