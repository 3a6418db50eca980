//! RTMP messages: their types, and the bodies of the control messages (RTMP §5.4, §6.2, §7.1).

use bytes::Bytes;

/// One whole message, put together from its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message type, RTMP §5.4 and §7.1.
    pub kind: u8,
    /// The timestamp in milliseconds, wrapping at 2³².
    pub timestamp: u32,
    /// The message stream that the message belongs to.
    pub stream: u32,
    /// The body of the message.
    pub payload: Bytes,
}

/// Message types, RTMP §5.4 and §7.1.
pub(super) const SET_CHUNK_SIZE: u8 = 1;
pub(super) const ABORT: u8 = 2;
pub(super) const ACKNOWLEDGEMENT: u8 = 3;
pub(super) const USER_CONTROL: u8 = 4;
pub(super) const WINDOW_ACK_SIZE: u8 = 5;
pub(super) const SET_PEER_BANDWIDTH: u8 = 6;
pub(super) const AUDIO: u8 = 8;
pub(super) const VIDEO: u8 = 9;
pub(super) const DATA_AMF3: u8 = 15;
/// Command in AMF3: a zero byte, then AMF0 as everyone sends it.
pub(super) const COMMAND_AMF3: u8 = 17;
pub(super) const DATA: u8 = 18;
pub(super) const COMMAND: u8 = 20;
/// Aggregate of audio, video and data.
pub(super) const AGGREGATE: u8 = 22;

/// User Control events, RTMP §7.1.7.
pub(super) const EVENT_STREAM_BEGIN: u16 = 0;
pub(super) const EVENT_PING_REQUEST: u16 = 6;
pub(super) const EVENT_PING_RESPONSE: u16 = 7;

/// Chunk stream of control messages, RTMP §5.4.
pub(super) const CONTROL_CHUNKS: u8 = 2;
/// Chunk stream of commands about the connection.
pub(super) const COMMAND_CHUNKS: u8 = 3;
/// Chunk stream of commands about a stream.
pub(super) const STREAM_CHUNKS: u8 = 5;

/// The first four bytes as a number. The caller decides about a control message that is too short.
pub(super) fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
}

/// The first three bytes as a number.
pub(super) fn be24(bytes: &[u8]) -> Option<u32> {
    let [a, b, c] = *bytes.first_chunk::<3>()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// A User Control event and its data.
pub(super) fn parse_user_control(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (event, data) = payload.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*event), data))
}

/// The body of a User Control event.
pub(super) fn user_control(event: u16, data: &[u8]) -> Vec<u8> {
    let mut body = event.to_be_bytes().to_vec();
    body.extend_from_slice(data);
    body
}
