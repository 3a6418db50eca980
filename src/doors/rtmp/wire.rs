//! The layer between a session and its socket: nothing, or TLS.
//!
//! The wire drives rustls over the socket by hand, so that a connection under TLS is read on the same ticks as any other.

use std::io::{ErrorKind, Read, Write};

use rustls::{ClientConnection, Connection};
use tokio::net::TcpStream;

use crate::tls::Certificate;

/// The most encrypted bytes that one read takes. Records without content must not keep the other connections waiting.
const MAX_TAKEN: usize = 256 << 10;

/// Carries bytes between a session and a socket that does not block.
pub(super) enum Wire {
    Plain,
    Tls(Box<Connection>),
}

impl Wire {
    /// The server's side of TLS.
    pub(super) fn tls(certificate: &Certificate) -> Result<Self, rustls::Error> {
        Ok(Wire::Tls(Box::new(certificate.connection()?.into())))
    }

    /// The publisher's side of TLS.
    pub(super) fn client(connection: ClientConnection) -> Self {
        Wire::Tls(Box::new(connection.into()))
    }

    /// Reads the bytes that are there. The error is `WouldBlock` when there are none; 0 means the end.
    pub(super) fn read(&mut self, socket: &mut impl Socket, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain => socket.read(buffer),
            Wire::Tls(tls) => read_tls(tls, socket, buffer),
        }
    }

    /// Sends as much as the socket takes, of the bytes that wait already and of `bytes`. Gives how many of `bytes` need not be
    /// given again.
    pub(super) fn write(&mut self, socket: &mut impl Socket, bytes: &[u8]) -> std::io::Result<usize> {
        let Wire::Tls(tls) = self else {
            return socket.write(bytes);
        };
        // rustls bounds this: it takes no more than 64 KiB that are not sent.
        let taken = tls.writer().write(bytes)?;
        let mut moved = taken > 0;
        while tls.wants_write() {
            match tls.write_tls(socket) {
                Ok(_) => moved = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock && moved => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// True while encrypted bytes wait that the socket did not take.
    pub(super) fn waits(&self) -> bool {
        match self {
            Wire::Plain => false,
            Wire::Tls(tls) => tls.wants_write(),
        }
    }

    /// True until the handshake of TLS is complete.
    pub(super) fn is_handshaking(&self) -> bool {
        match self {
            Wire::Plain => false,
            Wire::Tls(tls) => tls.is_handshaking(),
        }
    }

    /// Ends TLS in order, behind all that was written.
    pub(super) fn close(&mut self) {
        if let Wire::Tls(tls) = self {
            tls.send_close_notify();
        }
    }
}

/// A socket that does not block.
pub(super) trait Socket: Read + Write {}

impl Socket for &std::net::TcpStream {}

/// A socket of the runtime, read and written without waiting.
pub(super) struct Tried<'a>(pub(super) &'a TcpStream);

impl Read for Tried<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Tried<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Socket for Tried<'_> {}

/// Fills the buffer with the decrypted bytes that are there.
fn read_tls(tls: &mut Connection, socket: &mut impl Socket, buffer: &mut [u8]) -> std::io::Result<usize> {
    let (mut filled, mut taken) = (0, 0);
    // Decrypted bytes are given first. An error behind them comes up at the next call.
    let or_filled = |filled: usize, error: std::io::Error| match filled {
        0 => Err(error),
        some => Ok(some),
    };
    loop {
        let rest = buffer.get_mut(filled..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(filled);
        }
        match tls.reader().read(rest) {
            // TLS ended in order, or the connection ended without that. Encoders do not mind, and RTMP has its own end.
            Ok(0) => return Ok(filled),
            Ok(count) => {
                filled += count;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(filled),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return or_filled(filled, error),
        }
        if taken >= MAX_TAKEN {
            return or_filled(filled, ErrorKind::WouldBlock.into());
        }
        match tls.read_tls(socket) {
            Ok(count) => taken += count,
            Err(error) => return or_filled(filled, error),
        }
        if let Err(error) = tls.process_new_packets() {
            // The alert tells the peer why, if it can be sent.
            let _ = tls.write_tls(socket);
            return Err(std::io::Error::new(ErrorKind::InvalidData, error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// A socket that takes at most so many bytes at a time, and gives the bytes that a test put there.
    #[derive(Default)]
    struct Pipe {
        inbound: VecDeque<u8>,
        outbound: VecDeque<u8>,
        /// The most bytes that it takes until it is emptied.
        room: usize,
    }

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.inbound.is_empty() {
                Err(ErrorKind::WouldBlock.into())
            } else {
                self.inbound.read(buffer)
            }
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let count = bytes.len().min(self.room - self.outbound.len());
            match count {
                0 => Err(ErrorKind::WouldBlock.into()),
                _ => self.outbound.write(&bytes[..count]),
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Socket for Pipe {}

    fn pair() -> (Wire, ClientConnection) {
        let made = rcgen::generate_simple_self_signed(["box.test".to_owned()]).unwrap();
        let certificate = Certificate::from_pem(
            made.cert.pem().as_bytes(),
            made.signing_key.serialize_pem().as_bytes(),
        )
        .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), "box.test".try_into().unwrap()).unwrap();
        (Wire::tls(&certificate).unwrap(), client)
    }

    /// Carries bytes until both sides are silent. Gives what the server heard and what the client heard.
    fn carry(
        wire: &mut Wire,
        client: &mut ClientConnection,
        pipe: &mut Pipe,
        answer: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        let (mut heard, mut told, mut open) = (Vec::new(), Vec::new(), answer);
        let mut buffer = vec![0; 10_000];
        for _ in 0..10_000 {
            let mut moved = false;
            while client.wants_write() {
                moved |= client.write_tls(&mut pipe.inbound).unwrap() > 0;
            }
            while let Ok(count) = wire.read(pipe, &mut buffer) {
                moved |= count > 0;
                heard.extend_from_slice(&buffer[..count]);
            }
            if !open.is_empty() || wire.waits() {
                let sent = wire.write(pipe, open).unwrap_or(0);
                moved |= sent > 0;
                open = &open[sent..];
            }
            while !pipe.outbound.is_empty() {
                moved |= client.read_tls(&mut pipe.outbound).unwrap() > 0;
                client.process_new_packets().unwrap();
                let mut plain = Vec::new();
                let _ = client.reader().read_to_end(&mut plain);
                told.extend(plain);
            }
            if !moved {
                break;
            }
        }
        (heard, told)
    }

    #[test]
    fn bytes_come_through_both_ways_whatever_the_socket_takes() {
        for room in [1, 100, 1 << 20] {
            let (mut wire, mut client) = pair();
            let mut pipe = Pipe {
                room,
                ..Pipe::default()
            };
            let question: Vec<u8> = (0..60_000_u32).map(|n| n as u8).collect();
            client.writer().write_all(&question).unwrap();
            let answer = vec![7; 150_000.min(room * 5_000)];
            let (heard, told) = carry(&mut wire, &mut client, &mut pipe, &answer);
            assert!(
                heard == question,
                "{} bytes heard with room for {room}",
                heard.len()
            );
            assert!(told == answer, "{} bytes told with room for {room}", told.len());
            client.send_close_notify();
            client.write_tls(&mut pipe.inbound).unwrap();
            assert_eq!(wire.read(&mut pipe, &mut [0; 10]).unwrap(), 0);
        }
    }

    #[test]
    fn what_is_no_tls_is_an_error_with_its_reason() {
        for noise in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[3; 1537],
            &[22, 3, 1, 0, 4, 1, 0, 0, 0, 0],
        ] {
            let (mut wire, _) = pair();
            let mut pipe = Pipe {
                room: 1 << 20,
                ..Pipe::default()
            };
            pipe.inbound.extend(noise);
            let error = wire.read(&mut pipe, &mut [0; 100]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        }
    }
}
