//! Writes messages as chunks, RTMP §5.3.

use super::chunk_header::EXTENDED;
use super::message::{CONTROL_CHUNKS, SET_CHUNK_SIZE};

/// Writes messages as chunks. Every message begins with a full header. That is seven bytes more than the least possible, and a
/// peer can remember nothing wrongly.
#[derive(Debug)]
pub struct ChunkWriter {
    chunk_size: usize,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self { chunk_size: 128 }
    }
}

impl ChunkWriter {
    /// Announces a chunk size in bytes and uses it from here on. Sizes outside 128 to 65536 are brought inside.
    pub fn set_chunk_size(&mut self, size: u32, out: &mut Vec<u8>) {
        let size = size.clamp(128, 65_536);
        self.write(CONTROL_CHUNKS, SET_CHUNK_SIZE, 0, 0, &size.to_be_bytes(), out);
        self.chunk_size = usize::try_from(size).unwrap_or(128);
    }

    /// Appends one message to `out`. `csid` is 2 to 63, `timestamp` is in milliseconds. A body over 2²⁴ - 1 bytes is cut there.
    pub fn write(&self, csid: u8, kind: u8, timestamp: u32, stream: u32, body: &[u8], out: &mut Vec<u8>) {
        let body = body.get(..0x00FF_FFFF).unwrap_or(body);
        let [_, length @ ..] = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
        let extended = timestamp >= EXTENDED;
        let [_, time @ ..] = timestamp.min(EXTENDED).to_be_bytes();
        out.reserve(body.len() + (body.len() / self.chunk_size + 1) * 5 + 15);
        out.push(csid & 0x3F);
        out.extend_from_slice(&time);
        out.extend_from_slice(&length);
        out.push(kind);
        out.extend_from_slice(&stream.to_le_bytes());
        for (index, piece) in body.chunks(self.chunk_size).enumerate() {
            if index > 0 {
                out.push(0xC0 | (csid & 0x3F));
            }
            if extended {
                out.extend_from_slice(&timestamp.to_be_bytes());
            }
            out.extend_from_slice(piece);
        }
        if body.is_empty() && extended {
            out.extend_from_slice(&timestamp.to_be_bytes());
        }
    }
}
