//! The commands of encoders: connect, createStream, publish, and what ends a publish.

use super::{Connected, Publish, Session, WINDOW};
use crate::doors::rtmp::amf0::Value;
use crate::doors::rtmp::command::{self, Command, MAX_COMMAND};
use crate::doors::rtmp::event::ONE_PART;
use crate::doors::rtmp::message::{COMMAND_CHUNKS, Message, SET_PEER_BANDWIDTH, WINDOW_ACK_SIZE};
use crate::doors::rtmp::{Declined, Event, IngestError, PublishAsked, Split};

/// The most message streams that a connection may have at one time.
const MAX_STREAMS: u32 = 8;

const OUR_CHUNK_SIZE: u32 = 65_536;

impl Session {
    pub(super) fn command(&mut self, message: &Message) -> Result<Option<Event>, IngestError> {
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

    fn result(&mut self, command: &Command, value: Value) {
        if command.transaction != 0.0 {
            let body = command::result(command.transaction, value);
            self.answer(COMMAND_CHUNKS, 0, &body);
        }
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
