//! The handshake, RTMP §5.2, and its digest form.
//!
//! rml_rtmp does the cryptography. The code here gives it exactly the bytes of a handshake, so that it never buffers more and
//! never sees what follows.

use rml_rtmp::handshake::{Handshake as Rml, HandshakeProcessResult, PeerType};

/// The bytes of C0, C1 and C2, or of S0, S1 and S2.
const HANDSHAKE_BYTES: usize = 1 + 1536 + 1536;

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The first byte is not 3: TLS, HTTP, encrypted RTMP or a port scan.
    #[error("first byte is {0:#04x}, not the 3 of RTMP (RTMPE and RTMPS are not spoken here)")]
    Version(u8),
    /// The packets of the handshake contradict each other.
    #[error("handshake packets do not agree")]
    Mismatch,
}

/// One side of a handshake.
pub(super) struct Handshake {
    inner: Rml,
    received: usize,
}

impl Handshake {
    /// The accepting side.
    pub(super) fn server() -> Self {
        Self {
            inner: Rml::new(PeerType::Server),
            received: 0,
        }
    }

    /// The connecting side. It writes C0 and C1 to `out`.
    pub(super) fn client(out: &mut Vec<u8>) -> Result<Self, HandshakeError> {
        let mut inner = Rml::new(PeerType::Client);
        let first = inner
            .generate_outbound_p0_and_p1()
            .map_err(|_| HandshakeError::Mismatch)?;
        out.extend_from_slice(&first);
        Ok(Self { inner, received: 0 })
    }

    /// Consumes bytes of the handshake, and appends answers to `out`. True when the handshake is complete.
    pub(super) fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        if self.received == 0
            && let Some(&version) = input.first()
            && version != 3
        {
            return Err(HandshakeError::Version(version));
        }
        let (mine, rest) = input.split_at(input.len().min(HANDSHAKE_BYTES - self.received));
        *input = rest;
        self.received += mine.len();
        if mine.is_empty() {
            return Ok(false);
        }
        match self.inner.process_bytes(mine) {
            Ok(HandshakeProcessResult::InProgress { response_bytes }) => {
                out.extend_from_slice(&response_bytes);
                Ok(false)
            }
            Ok(HandshakeProcessResult::Completed { response_bytes, .. }) => {
                out.extend_from_slice(&response_bytes);
                Ok(true)
            }
            Err(_) => Err(HandshakeError::Mismatch),
        }
    }
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handshake({} of {HANDSHAKE_BYTES} bytes)", self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_in_any_pieces() {
        for piece in [1, 7, 1536, 1537, 4000] {
            let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
            let mut client = Handshake::client(&mut to_server).unwrap();
            let mut server = Handshake::server();
            let (mut client_done, mut server_done) = (false, false);
            while !(client_done && server_done) {
                let sent = std::mem::take(&mut to_server);
                for mut part in sent.chunks(piece) {
                    server_done |= server.read(&mut part, &mut to_client).unwrap();
                }
                let sent = std::mem::take(&mut to_client);
                for mut part in sent.chunks(piece) {
                    client_done |= client.read(&mut part, &mut to_server).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_simple_client_gets_its_own_packet_back_and_the_rest_is_left() {
        let mut out = Vec::new();
        let mut server = Handshake::server();
        let mut hello = vec![3];
        hello.extend_from_slice(&[7; 1536]);
        assert!(!server.read(&mut hello.as_slice(), &mut out).unwrap());
        assert_eq!(out.len(), HANDSHAKE_BYTES);
        assert_eq!(&out[1537..], &[7; 1536]);
        let mut reply = out[1..1537].to_vec();
        reply.extend_from_slice(b"chunks");
        let mut input = reply.as_slice();
        assert!(server.read(&mut input, &mut out).unwrap());
        assert_eq!(input, b"chunks");
    }

    #[test]
    fn other_protocols_are_named() {
        let error = Handshake::server().read(&mut b"GET / HTTP/1.1".as_slice(), &mut Vec::new());
        assert_eq!(error, Err(HandshakeError::Version(b'G')));
    }
}
