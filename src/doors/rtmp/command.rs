//! Commands (RTMP §7.2): the commands of a peer that are understood, and the bodies of the answers.

use super::amf0::{AmfError, Value, decode_all, encode_all, object, text};
use super::message::{COMMAND_AMF3, Message};

/// The longest command, in bytes. The longest real one, `connect`, has some 300 bytes.
pub(super) const MAX_COMMAND: usize = 64 << 10;

/// A command as it came: name, transaction, and all else.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: String,
    /// The number that the answer carries. With 0 the peer wants no answer.
    pub(super) transaction: f64,
    arguments: Vec<Value>,
}

impl Command {
    /// Reads a command. None when the message has no name.
    pub(super) fn parse(message: &Message) -> Result<Option<Self>, AmfError> {
        let body = match message.payload.split_first() {
            Some((0, amf0)) if message.kind == COMMAND_AMF3 => amf0,
            _ => &message.payload,
        };
        let mut values = decode_all(body)?.into_iter();
        let Some(Value::String(name)) = values.next() else {
            return Ok(None);
        };
        let transaction = values.next().and_then(|value| value.as_f64()).unwrap_or(0.0);
        Ok(Some(Self {
            name,
            transaction,
            arguments: values.collect(),
        }))
    }

    /// A property of the command object.
    pub(super) fn property(&self, name: &str) -> Option<&Value> {
        self.arguments.first()?.field(name)
    }

    /// An argument behind the command object, counted from 0.
    pub(super) fn argument(&self, index: usize) -> Option<&Value> {
        self.arguments.get(index + 1)
    }
}

/// The FourCCs that are recorded, as in E-RTMP's `fourCcList`.
pub(super) const FOURCCS: [&str; 6] = ["avc1", "hvc1", "av01", "mp4a", ".mp3", "Opus"];

/// E-RTMP `FourCcInfoMask`: can forward. Recording is neither decoding nor encoding.
const CAN_FORWARD: f64 = 4.0;

/// E-RTMP `CapsExMask`: ModEx packets are understood.
const CAPS_MOD_EX: f64 = 4.0;

/// The value of `fourCcList`.
pub(super) fn fourcc_list() -> Value {
    Value::Array(FOURCCS.iter().map(|name| text(name)).collect())
}

/// The answer to `connect`. Clients of E-RTMP also learn which codecs are taken.
pub(super) fn connect_result(transaction: f64, enhanced: bool) -> Vec<u8> {
    let mut properties = vec![
        ("fmsVer".to_owned(), text("FMS/3,5,7,7009")),
        ("capabilities".to_owned(), Value::Number(31.0)),
        ("mode".to_owned(), Value::Number(1.0)),
    ];
    if enhanced {
        let map = |range: &[&str]| {
            Value::Object(
                range
                    .iter()
                    .map(|name| ((*name).to_owned(), Value::Number(CAN_FORWARD)))
                    .collect(),
            )
        };
        let (video, audio) = FOURCCS.split_at(3);
        properties.push(("capsEx".to_owned(), Value::Number(CAPS_MOD_EX)));
        properties.push(("fourCcList".to_owned(), fourcc_list()));
        properties.push(("videoFourCcInfoMap".to_owned(), map(video)));
        properties.push(("audioFourCcInfoMap".to_owned(), map(audio)));
    }
    encode_all(&[
        text("_result"),
        Value::Number(transaction),
        Value::Object(properties),
        object([
            ("level", text("status")),
            ("code", text("NetConnection.Connect.Success")),
            ("description", text("Connection succeeded.")),
            ("objectEncoding", Value::Number(0.0)),
        ]),
    ])
}

/// A plain answer with one value.
pub(super) fn result(transaction: f64, value: Value) -> Vec<u8> {
    encode_all(&[text("_result"), Value::Number(transaction), Value::Null, value])
}

/// The answer to a command that is not carried out, and why.
pub(super) fn error(transaction: f64, description: &str) -> Vec<u8> {
    encode_all(&[
        text("_error"),
        Value::Number(transaction),
        Value::Null,
        information("error", "NetConnection.Call.Failed", description),
    ])
}

/// The body of `onStatus` (RTMP §7.2.2) and of its like (`onFCPublish`, `onFCUnpublish`).
pub(super) fn status(command: &str, level: &str, code: &str, description: &str) -> Vec<u8> {
    encode_all(&[
        text(command),
        Value::Number(0.0),
        Value::Null,
        information(level, code, description),
    ])
}

fn information(level: &str, code: &str, description: &str) -> Value {
    object([
        ("level", text(level)),
        ("code", text(code)),
        ("description", text(description)),
    ])
}
