//! The wait for the head of a connection's first request.
//!
//! A connection that hyper serves takes 16 KiB of memory from its first moment on. Whoever connects and says nothing, or half of a
//! request, is to take less: until a head is there, its bytes stay with the system.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// The bytes that are looked at. Who sends more than this before the end of its head is served: its head may be a long one.
const LOOKED_AT: usize = 4 << 10;

/// Resolves when the head of a request has come, whole or nearly so, or when the peer ends the connection. Takes nothing out of
/// the stream.
pub(super) async fn arrives(stream: &TcpStream) -> io::Result<()> {
    loop {
        if stream.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(());
        }
        // An answer of "would block" makes the next wait one for new bytes.
        match stream.try_io(Interest::READABLE, || looks(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

fn looks(stream: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; LOOKED_AT];
    let count = recv(stream.as_raw_fd(), &mut bytes, MsgFlags::MSG_PEEK)?;
    let seen = bytes.get(..count).unwrap_or_default();
    let may_be_half = count > 0 && count < LOOKED_AT && !is_no_request(seen);
    if may_be_half && !has_head(seen) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(())
}

/// True if these bytes begin no request: its first word is a token (RFC 9110, section 5.6.2). TLS on the wrong port does not
/// begin with one, and is to be told so at once.
fn is_no_request(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !matches!(byte, b'\r' | b'\n'));
    first.is_some_and(|byte| !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~".contains(byte))
}

/// True if there is an empty line (RFC 9112, section 2.1; section 2.2 lets lines end without a carriage return) behind another
/// one: empty lines before a request are passed over.
fn has_head(bytes: &[u8]) -> bool {
    let begins = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let head = begins.and_then(|begins| bytes.get(begins..)).unwrap_or_default();
    let ends = |end: &[u8]| head.windows(end.len()).any(|window| window == end);
    ends(b"\n\r\n") || ends(b"\n\n")
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for whole in [
            "GET / HTTP/1.1\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nbody",
            "GET / HTTP/1.1\n\n",
        ] {
            assert!(has_head(whole.as_bytes()), "{whole:?}");
        }
        for half in [
            "",
            "\r\n\r\n",
            "\n\n\n",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r",
        ] {
            assert!(!has_head(half.as_bytes()), "{half:?}");
        }
    }

    #[test]
    fn tls_and_other_bytes_are_no_request() {
        for other in [&b"\x16\x03\x01\x02\x00"[..], b"\0", b"\r\n {", b"\xff"] {
            assert!(is_no_request(other), "{other:?}");
        }
        for begun in ["", "\r\n", "G", "\nGET", "PRI * HTTP/2.0"] {
            assert!(!is_no_request(begun.as_bytes()), "{begun:?}");
        }
    }

    #[tokio::test]
    async fn a_head_that_comes_byte_by_byte_is_waited_for_and_left_in_the_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let (last, first) = head.split_last().unwrap();
        client.set_nodelay(true).unwrap();
        let waits = arrives(&stream);
        let mut waits = std::pin::pin!(waits);
        for byte in first {
            client.write_all(&[*byte]).await.unwrap();
            let waited = tokio::time::timeout(std::time::Duration::from_millis(1), waits.as_mut()).await;
            assert!(waited.is_err());
        }
        client.write_all(&[*last]).await.unwrap();
        waits.await.unwrap();
        let mut bytes = [0; 64];
        assert_eq!(stream.peek(&mut bytes).await.unwrap(), head.len());
    }

    #[tokio::test]
    async fn an_end_and_a_long_head_are_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(&[b'x'; LOOKED_AT]).await.unwrap();
        arrives(&stream).await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"GET / HT").await.unwrap();
        client.shutdown().await.unwrap();
        arrives(&stream).await.unwrap();
    }
}
