//! Entry points for fuzzers. No bytes may make any of them panic.

use bytes::Bytes;

use super::message::Message;
use super::tag::TagParser;
use super::{ChunkReader, Event, Session, amf0, colour_info, metadata};
use crate::access::Budget;

/// Reads chunks in pieces whose size the first byte gives, then the same bytes behind a handshake.
#[doc(hidden)]
pub fn fuzz_chunks(data: &[u8]) {
    let Some((&piece, data)) = data.split_first() else {
        return;
    };
    let budget = Budget::new(20 << 20);
    let mut reader = ChunkReader::new(budget.clone());
    'pieces: for mut input in data.chunks(usize::from(piece).max(1)) {
        loop {
            match reader.read(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => break 'pieces,
            }
        }
        assert!(reader.held() <= budget.used() && budget.used() <= 20 << 20);
    }
    drop(reader);
    assert_eq!(budget.used(), 0, "memory is given back");
    fuzz_session(data, usize::from(piece).max(1));
}

fn fuzz_session(data: &[u8], piece: usize) {
    let mut session = Session::new(Budget::new(20 << 20));
    let mut hello = vec![3; 1];
    hello.resize(1 + 1536 + 1536, 0);
    let hello_done = session.handle(&mut hello.as_slice());
    assert!(matches!(hello_done, Ok(None)), "a simple handshake succeeds");
    for mut input in data.chunks(piece) {
        loop {
            match session.handle(&mut input) {
                Ok(Some(Event::Publish(asked))) if asked.key.starts_with('x') => session.refuse("no"),
                Ok(Some(Event::Publish(_))) => session.accept(),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        session.sent(usize::MAX);
    }
}

/// Reads AMF0 values, and metadata.
#[doc(hidden)]
pub fn fuzz_amf0(data: &[u8]) {
    if let Ok(values) = amf0::decode_all(data) {
        let _ = amf0::decode_all(&amf0::encode_all(&values));
    }
    let _ = metadata::parse(data);
    let _ = colour_info::parse(data);
}

/// Reads a publish's tags, each preceded by a byte that says what it is and a length byte; then the bytes as an aggregate.
#[doc(hidden)]
pub fn fuzz_tags(data: &[u8]) {
    let mut parser = TagParser::default();
    let mut sink = Default::default();
    let mut rest = Bytes::copy_from_slice(data);
    while let Some(&[kind, length]) = rest.first_chunk::<2>() {
        let end = (2 + usize::from(length)).min(rest.len());
        let tag = rest.slice(2..end);
        let _ = match kind % 2 {
            0 => parser.audio(tag, u32::from(kind), &mut sink),
            _ => parser.video(tag, u32::from(kind), &mut sink),
        };
        sink.clear();
        rest = rest.slice(end..);
    }
    let whole = Message {
        kind: 22,
        timestamp: u32::MAX,
        stream: 1,
        payload: Bytes::copy_from_slice(data),
    };
    assert!(super::aggregate::Aggregate::new(whole).count() <= data.len());
}
