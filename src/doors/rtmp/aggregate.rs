//! Aggregate messages, RTMP §7.1.6: FLV tags in one message.

use bytes::{Buf, Bytes};

use super::message::{Message, be24};

/// The bytes of type, length, timestamp and stream id. Behind the body its length is repeated.
const TAG_HEADER: usize = 11;
const BACK_POINTER: usize = 4;

/// The messages within an aggregate, taken out one at a time.
#[derive(Debug)]
pub(super) struct Aggregate {
    rest: Bytes,
    timestamp: u32,
    stream: u32,
    first: Option<u32>,
}

impl Aggregate {
    /// Takes an aggregate message apart.
    pub(super) fn new(message: Message) -> Self {
        Self {
            rest: message.payload,
            timestamp: message.timestamp,
            stream: message.stream,
            first: None,
        }
    }
}

impl Iterator for Aggregate {
    type Item = Message;

    /// The next message. A tail that is cut short is left out. The message's time is the aggregate's plus its distance from the
    /// first message. Its stream is the aggregate's (RTMP §7.1.6).
    fn next(&mut self) -> Option<Message> {
        let header = self.rest.first_chunk::<TAG_HEADER>()?;
        let [kind, _, _, _, t2, t1, t0, t3, ..] = *header;
        let length = usize::try_from(be24(header.get(1..)?)?).ok()?;
        let time = u32::from_be_bytes([t3, t2, t1, t0]);
        if self.rest.len() < TAG_HEADER + length {
            return None;
        }
        // The payload is a copy, because one tag that is kept must not hold the memory of all.
        let payload = Bytes::copy_from_slice(self.rest.get(TAG_HEADER..TAG_HEADER + length)?);
        self.rest
            .advance((TAG_HEADER + length + BACK_POINTER).min(self.rest.len()));
        let first = *self.first.get_or_insert(time);
        Some(Message {
            kind,
            timestamp: self.timestamp.wrapping_add(time.wrapping_sub(first)),
            stream: self.stream,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_out_with_moved_times_and_a_cut_tail_is_left() {
        let mut body = Vec::new();
        for (kind, time, data) in [(8_u8, 100_u32, "a"), (9, 140, "bc"), (8, 160, "")] {
            let [t3, t2, t1, t0] = time.to_be_bytes();
            body.extend([
                kind,
                0,
                0,
                u8::try_from(data.len()).unwrap(),
                t2,
                t1,
                t0,
                t3,
                0,
                0,
                0,
            ]);
            body.extend(data.bytes());
            body.extend([0, 0, 0, 11]);
        }
        let message = |payload: &[u8]| Message {
            kind: 22,
            timestamp: 1000,
            stream: 1,
            payload: Bytes::copy_from_slice(payload),
        };
        let inner: Vec<_> = Aggregate::new(message(&body))
            .map(|message| (message.kind, message.timestamp, message.payload))
            .collect();
        assert_eq!(
            inner,
            [
                (8, 1000, Bytes::from("a")),
                (9, 1040, Bytes::from("bc")),
                (8, 1060, Bytes::new())
            ]
        );
        for end in 0..body.len() {
            assert!(Aggregate::new(message(&body[..end])).count() <= 3);
        }
    }
}
