use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use rml_rtmp::chunk_io::ChunkSerializer;
use rml_rtmp::messages::MessagePayload;
use rml_rtmp::time::RtmpTimestamp;

use super::super::message::Message;
use super::super::{Allowance, ChunkError, ChunkReader, ChunkWriter, WhenFull};
use crate::access::Budget;

/// A chunk header as a test wants it: format, csid, then the fields that the format has.
fn header(format: u8, csid: u32, time: u32, length: u32, kind: u8, stream: u32) -> Vec<u8> {
    let mut out = match csid {
        2..=63 => vec![format << 6 | csid as u8],
        64..=319 => vec![format << 6, (csid - 64) as u8],
        _ => vec![
            format << 6 | 1,
            ((csid - 64) % 256) as u8,
            ((csid - 64) / 256) as u8,
        ],
    };
    if format < 3 {
        out.extend(&time.min(0xFF_FFFF).to_be_bytes()[1..]);
    }
    if format < 2 {
        out.extend(&length.to_be_bytes()[1..]);
        out.push(kind);
    }
    if format == 0 {
        out.extend(stream.to_le_bytes());
    }
    if format < 3 && time >= 0xFF_FFFF {
        out.extend(time.to_be_bytes());
    }
    out
}

fn reader() -> ChunkReader {
    ChunkReader::new(Budget::new(64 << 20))
}

fn read_all(reader: &mut ChunkReader, bytes: &[u8], piece: usize) -> Result<Vec<Message>, ChunkError> {
    let mut messages = Vec::new();
    for mut input in bytes.chunks(piece) {
        while let Some(message) = reader.read(&mut input)? {
            messages.push(message);
        }
        assert!(input.is_empty());
    }
    Ok(messages)
}

/// Reads the messages of `bytes`. They must be the same for every size of piece, or the test fails.
fn read(bytes: &[u8]) -> Result<Vec<Message>, ChunkError> {
    let whole = read_all(&mut reader(), bytes, bytes.len().max(1));
    for piece in [1, 2, 3, 5, 13, 18, 19, 127, 129] {
        assert_eq!(
            read_all(&mut reader(), bytes, piece),
            whole,
            "in pieces of {piece}"
        );
    }
    whole
}

fn times(bytes: &[u8]) -> Vec<u32> {
    read(bytes)
        .unwrap()
        .iter()
        .map(|message| message.timestamp)
        .collect()
}

#[test]
fn deltas_add_up_and_type_3_applies_the_last_again() {
    let bytes = [
        header(0, 4, 1000, 1, 8, 1),
        vec![1],
        header(1, 4, 23, 2, 8, 1),
        vec![1, 2],
        header(2, 4, 20, 0, 0, 0),
        vec![1, 2],
        header(3, 4, 0, 0, 0, 0),
        vec![1, 2],
        header(3, 4, 0, 0, 0, 0),
        vec![1, 2],
    ]
    .concat();
    assert_eq!(times(&bytes), [1000, 1023, 1043, 1063, 1083]);
}

#[test]
fn after_type_0_its_timestamp_is_the_delta_unless_it_cannot_be_meant() {
    for (first, second) in [
        (0, 0),
        (23, 46),
        (90_000_000, 90_000_000),
        (0xFFFF_FFF0, 0xFFFF_FFF0),
    ] {
        let mut bytes = [header(0, 4, first, 1, 8, 1), vec![1], header(3, 4, 0, 0, 0, 0)].concat();
        if first >= 0xFF_FFFF {
            bytes.extend(first.to_be_bytes());
        }
        bytes.push(1);
        assert_eq!(times(&bytes), [first, second]);
    }
}

#[test]
fn both_dialects_of_extended_timestamps_are_understood() {
    // 4.66 hours and later; payloads begin with bytes that look like the timestamp for a while.
    for time in [0xFF_FFFF_u32, 0x0100_0000, 0x0102_0304, u32::MAX] {
        let body: Vec<u8> = time.to_be_bytes()[..3]
            .iter()
            .copied()
            .cycle()
            .take(300)
            .collect();
        let mut bodies = [body.clone(), body];
        // Where the timestamp is left out, payload that equals the timestamp could not be told from it.
        bodies[1][128] = 0xAA;
        bodies[1][256] = 0xAA;
        for (repeated, body) in [(true, &bodies[0]), (false, &bodies[1]), (true, &bodies[1])] {
            let mut bytes = header(0, 6, time, 300, 9, 1);
            for (index, piece) in body.chunks(128).enumerate() {
                if index > 0 {
                    bytes.extend(header(3, 6, 0, 0, 0, 0));
                    if repeated {
                        bytes.extend(time.to_be_bytes());
                    }
                }
                bytes.extend(piece);
            }
            // Another message follows at once, with a delta.
            bytes.extend([header(1, 6, 40, 1, 9, 1), vec![7]].concat());
            let messages = read(&bytes).unwrap();
            assert_eq!(messages.len(), 2, "{time:#x} {repeated}");
            assert_eq!(messages[0].payload, body);
            assert_eq!(messages[0].timestamp, time);
            assert_eq!(messages[1].timestamp, time.wrapping_add(40));
        }
    }
}

#[test]
fn a_tail_shorter_than_the_timestamp_it_might_be_is_payload() {
    let time = 0x0100_0000_u32;
    let mut body = vec![0x55; 130];
    body[128..].copy_from_slice(&[0x01, 0x00]);
    let bytes = [
        header(0, 6, time, 130, 9, 1),
        body[..128].to_vec(),
        header(3, 6, 0, 0, 0, 0),
        body[128..].to_vec(),
        header(0, 4, 5, 1, 8, 1),
        vec![9],
    ]
    .concat();
    let messages = read(&bytes).unwrap();
    assert_eq!(messages[0].payload, body);
    assert_eq!(messages[1].timestamp, 5);
}

#[test]
fn long_csids_and_interleaving_are_understood() {
    let (video, audio) = (vec![1; 200], vec![2; 150]);
    let bytes = [
        header(0, 319, 10, 200, 9, 1),
        video[..128].to_vec(),
        header(0, 65_599, 11, 150, 8, 1),
        audio[..128].to_vec(),
        header(3, 319, 0, 0, 0, 0),
        video[128..].to_vec(),
        header(3, 65_599, 0, 0, 0, 0),
        audio[128..].to_vec(),
    ]
    .concat();
    let messages = read(&bytes).unwrap();
    assert_eq!(
        (&messages[0].payload[..], messages[0].timestamp),
        (&video[..], 10)
    );
    assert_eq!(
        (&messages[1].payload[..], messages[1].timestamp),
        (&audio[..], 11)
    );
}

#[test]
fn an_aborted_message_never_was() {
    let bytes = [
        header(0, 4, 10, 200, 9, 1),
        vec![0; 128],
        header(0, 2, 0, 4, 2, 0),
        vec![0, 0, 0, 4],
        header(0, 4, 20, 3, 9, 1),
        vec![1, 2, 3],
    ]
    .concat();
    let budget = Budget::new(1 << 20);
    let mut reader = ChunkReader::new(budget.clone());
    let messages = read_all(&mut reader, &bytes, 50).unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].timestamp, reader.held(), budget.used()), (20, 0, 0));
}

#[test]
fn every_cap_holds() {
    let long = header(0, 4, 0, 10_485_761, 9, 1);
    assert_eq!(
        read(&long),
        Err(ChunkError::TooLong {
            kind: 9,
            length: 10_485_761,
            longest: 10_485_760,
        })
    );
    for size in [0_u32, 1, 127, 16_777_217, u32::MAX] {
        let bytes = [header(0, 2, 0, 4, 1, 0), size.to_be_bytes().to_vec()].concat();
        assert_eq!(read(&bytes), Err(ChunkError::ChunkSize(size)));
    }
    assert_eq!(
        read(&[header(0, 2, 0, 2, 1, 0), vec![0, 0]].concat()),
        Err(ChunkError::ShortControl(1))
    );
    let streams: Vec<u8> = (2..70).flat_map(|csid| header(0, csid, 0, 0, 9, 1)).collect();
    assert_eq!(read(&streams), Err(ChunkError::ChunkStreams));
    let partials: Vec<u8> = (3..9)
        .flat_map(|csid| [header(0, csid, 0, 200, 9, 1), vec![0; 128]].concat())
        .collect();
    assert_eq!(read(&partials), Err(ChunkError::Partials));
    assert_eq!(read(&[0xC4]), Err(ChunkError::NoHeader { csid: 4, format: 3 }));
    let within = [
        header(0, 4, 0, 200, 9, 1),
        vec![0; 128],
        header(0, 4, 0, 30, 9, 1),
    ]
    .concat();
    assert_eq!(read(&within), Err(ChunkError::Interrupted(4)));
}

#[test]
fn memory_follows_the_bytes_not_the_announcement() {
    let budget = Budget::new(1 << 30);
    let mut readers: Vec<_> = (0..20).map(|_| ChunkReader::new(budget.clone())).collect();
    for reader in &mut readers {
        let bytes = [header(0, 4, 0, 10 << 20, 9, 1), vec![0; 100]].concat();
        assert_eq!(reader.read(&mut bytes.as_slice()), Ok(None));
        assert!(reader.held() <= 64 << 10);
    }
    drop(readers);
    assert_eq!(budget.used(), 0);
}

/// The memory that a connection without a publish may hold, and what a publisher may.
fn stranger(budget: &Budget, owner: &str) -> Allowance {
    Allowance {
        share: 4 << 10,
        budget: budget.clone(),
        owner: Arc::from(owner),
        longest: 64 << 10,
        when_full: WhenFull::End,
    }
}

fn proved(budget: &Budget, owner: &str) -> Allowance {
    Allowance {
        share: 1_000,
        longest: 10 << 20,
        when_full: WhenFull::Wait,
        ..stranger(budget, owner)
    }
}

/// The beginning of a message, and what is left of it.
fn halves(csid: u8, length: u32) -> (Vec<u8>, Vec<u8>) {
    let mut whole = Vec::new();
    ChunkWriter::default().write(csid, 9, 1, 1, &vec![7; length as usize], &mut whole);
    let rest = whole.split_off(100);
    (whole, rest)
}

#[test]
fn a_stranger_has_short_messages_and_what_one_holds_never_keeps_another_from_a_command() {
    let budget = Budget::new(100 << 10);
    let long = header(0, 4, 0, (64 << 10) + 1, 9, 1);
    let refused = ChunkReader::new(stranger(&budget, "a")).read(&mut long.as_slice());
    assert!(
        refused
            .as_ref()
            .unwrap_err()
            .to_string()
            .ends_with("at most 65536 are taken before a publish"),
        "{refused:?}"
    );
    let mut crowd = Vec::new();
    for n in 0..100 {
        let mut reader = ChunkReader::new(stranger(&budget, "a"));
        let (begun, _) = halves(4, 60 << 10);
        match reader.read(&mut begun.as_slice()) {
            Ok(None) => crowd.push(reader),
            other => assert_eq!((other, n), (Err(ChunkError::Budget), 1), "the newest one ends"),
        }
        if n == 1 {
            break;
        }
    }
    // Another address, and this one too, may still send commands. The other address may even send long ones.
    for (owner, length) in [("a", 4 << 10), ("b", 4 << 10), ("b", 20 << 10)] {
        let (begun, rest) = halves(4, length);
        let bytes = [begun, rest].concat();
        let mut reader = ChunkReader::new(stranger(&budget, owner));
        assert!(
            reader.read(&mut bytes.as_slice()).unwrap().is_some(),
            "{owner} {length}"
        );
    }
    drop(crowd);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_publisher_whose_message_finds_no_memory_waits_and_loses_nothing() {
    let budget = Budget::new(10_000);
    let mut greedy = ChunkReader::new(proved(&budget, "one"));
    let mut other = ChunkReader::new(proved(&budget, "other"));
    let mut third = ChunkReader::new(proved(&budget, "third"));
    let (begun, rest) = halves(4, 9_000);
    assert_eq!(greedy.read(&mut begun.as_slice()), Ok(None));
    assert_eq!((greedy.is_held_up(), greedy.loan()), (false, Some(1)));
    // The connection keeps its own share, however full the rest is.
    let small = halves(4, 1_000);
    let small = [small.0, small.1].concat();
    assert!(third.read(&mut small.as_slice()).unwrap().is_some());
    // A message that needs more waits, and the messages behind it wait, too.
    let big = halves(4, 2_000);
    let bytes = [big.0, big.1, small.clone()].concat();
    let mut input = bytes.as_slice();
    assert_eq!(other.read(&mut input), Ok(None));
    assert!(other.is_held_up() && !input.is_empty());
    assert_eq!(other.read(&mut input), Ok(None), "still");
    assert!(greedy.read(&mut rest.as_slice()).unwrap().is_some());
    let message = other.read(&mut input).unwrap().unwrap();
    assert_eq!(
        (message.payload.len(), other.is_held_up(), other.loan()),
        (2_000, false, None)
    );
    let message = other.read(&mut input).unwrap().unwrap();
    assert_eq!((message.payload.len(), input.len(), budget.used()), (1_000, 0, 0));
}

#[test]
fn what_was_half_received_before_a_publish_is_whole_behind_it() {
    let (strangers, publishers) = (Budget::new(100 << 10), Budget::new(1 << 20));
    let mut reader = ChunkReader::new(stranger(&strangers, "a"));
    let (begun, rest) = halves(4, 30 << 10);
    assert_eq!(reader.read(&mut begun.as_slice()), Ok(None));
    assert_eq!(strangers.used(), 30 << 10);
    reader.allow(proved(&publishers, "cam"));
    assert_eq!(strangers.used(), 0);
    assert!(reader.read(&mut rest.as_slice()).unwrap().is_some());
    let (begun, _) = halves(5, 9 << 20);
    assert_eq!(reader.read(&mut begun.as_slice()), Ok(None));
    assert!(reader.is_held_up());
}

#[test]
fn the_shared_budget_stops_many_and_a_finished_message_gives_back() {
    let budget = Budget::new(100);
    let mut first = ChunkReader::new(budget.clone());
    let mut second = ChunkReader::new(budget.clone());
    let begun = [header(0, 4, 0, 80, 9, 1), vec![0; 40]].concat();
    assert_eq!(first.read(&mut begun.as_slice()), Ok(None));
    assert_eq!(second.read(&mut begun.as_slice()), Err(ChunkError::Budget));
    assert!(first.read(&mut [0; 40].as_slice()).unwrap().is_some());
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_finished_message_has_no_spare_memory_and_was_not_moved() {
    let body = vec![7_u8; 300_000];
    let mut bytes = Vec::new();
    ChunkWriter::default().write(6, 9, 1, 1, &body, &mut bytes);
    let message = read_all(&mut reader(), &bytes, 4096).unwrap().remove(0);
    assert_eq!(message.payload, body);
    let vec: Vec<u8> = message.payload.into();
    assert_eq!(vec.capacity(), vec.len());
}

fn any_message() -> impl Strategy<Value = (u8, Message)> {
    let time = prop_oneof![0_u32..5000, 0xFF_FF00_u32..0x0100_0100, any::<u32>()];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..600),
        (1_usize..9000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    (3_u8..12, 8_u8..23, time, any::<u32>(), payload).prop_map(|(csid, kind, timestamp, stream, payload)| {
        let payload = Bytes::from(payload);
        (
            csid,
            Message {
                kind,
                timestamp,
                stream,
                payload,
            },
        )
    })
}

proptest! {
    #[test]
    fn what_our_writer_writes_reads_back_in_any_pieces(
        messages in prop::collection::vec(any_message(), 1..12),
        size in 128_u32..6000,
        piece in 1_usize..3000,
    ) {
        let mut bytes = Vec::new();
        let mut writer = ChunkWriter::default();
        writer.set_chunk_size(size, &mut bytes);
        for (csid, message) in &messages {
            writer.write(*csid, message.kind, message.timestamp, message.stream, &message.payload, &mut bytes);
        }
        let back = read_all(&mut reader(), &bytes, piece).unwrap();
        prop_assert_eq!(back, messages.into_iter().map(|(_, message)| message).collect::<Vec<_>>());
    }

    #[test]
    fn what_another_writer_compresses_reads_back(
        payloads in prop::collection::vec((0_u8..3, 1_usize..700, 0_u32..60), 1..30),
        start in prop_oneof![Just(0_u32), Just(0xFF_FFF0), 1_u32..0x7000_0000],
        piece in 1_usize..500,
    ) {
        let mut serializer = ChunkSerializer::new();
        let (mut bytes, mut expected, mut time) = (Vec::new(), Vec::new(), start);
        for (kind, length, step) in payloads {
            time += step;
            let message = MessagePayload {
                timestamp: RtmpTimestamp::new(time),
                type_id: [8, 9, 18][usize::from(kind)],
                message_stream_id: 1,
                data: Bytes::from(vec![kind; length]),
            };
            bytes.extend(serializer.serialize(&message, false, false).unwrap().bytes);
            expected.push((message.type_id, time, message.data));
        }
        let back: Vec<_> = read_all(&mut reader(), &bytes, piece)
            .unwrap()
            .into_iter()
            .map(|message| (message.kind, message.timestamp, message.payload))
            .collect();
        prop_assert_eq!(back, expected);
    }

    #[test]
    fn interleaved_messages_come_out_whole(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..900), 2..4),
        order in prop::collection::vec(0_usize..4, 40),
        time in prop_oneof![0_u32..100, 0xFF_FFFF_u32..0x0200_0000],
        repeated in any::<bool>(),
        piece in 1_usize..200,
    ) {
        let mut left: Vec<_> = bodies.iter().map(|body| body.chunks(128)).collect();
        let mut begun = vec![false; bodies.len()];
        let mut bytes = Vec::new();
        let count = bodies.len();
        for index in order.into_iter().map(|index| index % count).chain((0..count).cycle().take(40)) {
            let Some(chunk) = left[index].next() else { continue };
            let csid = 4 + index as u32;
            if begun[index] {
                bytes.extend(header(3, csid, 0, 0, 0, 0));
                // Omitting is only decidable when the payload differs from the timestamp.
                let alike = chunk.first_chunk::<4>() == Some(&time.to_be_bytes());
                if time >= 0xFF_FFFF && (repeated || alike) {
                    bytes.extend(time.to_be_bytes());
                }
            } else {
                bytes.extend(header(0, csid, time, bodies[index].len() as u32, 9, csid));
                begun[index] = true;
            }
            bytes.extend(chunk);
        }
        // More bytes follow the end, so that no short tail waits for more.
        bytes.extend([header(0, 3, 0, 4, 20, 0), vec![1; 4]].concat());
        let mut back = read_all(&mut reader(), &bytes, piece).unwrap();
        back.pop();
        back.sort_by_key(|message| message.stream);
        prop_assert_eq!(back.len(), count);
        for (message, body) in back.iter().zip(&bodies) {
            prop_assert_eq!(&message.payload[..], &body[..]);
            prop_assert_eq!(message.timestamp, time);
        }
    }

    #[test]
    fn garbage_stays_within_its_budget(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        piece in 1_usize..300,
    ) {
        let budget = Budget::new(200_000);
        let mut reader = ChunkReader::new(budget.clone());
        let _ = read_all(&mut reader, &bytes, piece);
        prop_assert!(budget.used() <= 200_000);
        drop(reader);
        prop_assert_eq!(budget.used(), 0);
    }
}
