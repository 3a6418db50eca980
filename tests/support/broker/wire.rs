//! Packets and their bytes, where the codec of the client library is not enough.

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::{Disconnect, DisconnectReasonCode, Packet};

use super::wire4;

/// The next packet, if all of it has arrived; an error says why the sender must be disconnected.
pub(super) fn next_packet(
    buffer: &mut BytesMut,
    max: Option<u32>,
    is_old: bool,
) -> Result<Option<Packet>, DisconnectReasonCode> {
    let (mut rest, mut at) = (0_usize, 1_usize);
    loop {
        let Some(byte) = buffer.get(at) else {
            return Ok(None);
        };
        rest |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if at > 4 {
            return Err(DisconnectReasonCode::MalformedPacket);
        }
    }
    let total = at + rest;
    if max.is_some_and(|max| total > max as usize) {
        return Err(DisconnectReasonCode::PacketTooLarge);
    }
    if buffer.len() < total {
        return Ok(None);
    }
    let mut frame = buffer.split_to(total);
    if is_old {
        let packet = wire4::read(&mut frame);
        return packet.map(Some).ok_or(DisconnectReasonCode::MalformedPacket);
    }
    // The codec does not read a DISCONNECT without properties, and clients send only such packets.
    if frame[0] == 0xe0 && rest < 2 {
        let reason = frame.get(2).copied().unwrap_or(0);
        let reason = DisconnectReasonCode::try_from(reason);
        let reason = reason.map_err(|_| DisconnectReasonCode::MalformedPacket)?;
        return Ok(Some(Packet::Disconnect(Disconnect::new(reason))));
    }
    let packet = Packet::read(&mut frame, None);
    packet
        .map(Some)
        .map_err(|_| DisconnectReasonCode::MalformedPacket)
}

/// The version that a CONNECT names, once these bytes have arrived.
pub(super) fn level(buffer: &BytesMut) -> Option<u8> {
    let header = 2 + buffer.iter().skip(1).take_while(|byte| *byte & 0x80 != 0).count();
    buffer.get(header + 6).copied()
}

/// The bytes of a packet.
pub(super) fn encoded(packet: &Packet) -> BytesMut {
    match packet {
        // The codec's count here is one byte less than what it writes.
        Packet::Disconnect(disconnect) => BytesMut::from(&[0xe0, 2, disconnect.reason_code as u8, 0][..]),
        _ => {
            let mut bytes = BytesMut::new();
            packet.write(&mut bytes, None).unwrap();
            bytes
        }
    }
}

/// Whether a filter of a subscription covers a topic.
pub(super) fn covers(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if wanted == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => (),
            _ => return false,
        }
    }
    levels.next().is_none()
}
