//! Requests of viewers: HTTP/1.1 over one connection, one request after the other. Nothing but what the servers here answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// The longest wait for bytes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest head of an answer.
const HEAD: usize = 64 << 10;

/// A connection to a server on this machine.
pub(crate) struct Connection {
    socket: TcpStream,
    /// Bytes that were read and belong to the body.
    ahead: Vec<u8>,
    buffer: Vec<u8>,
}

/// The beginning of an answer. The body has `length` bytes, and the first of them has arrived, if there is one.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) length: u64,
    /// From the request to the first byte of the body; of the head, where there is no body.
    pub(crate) first_byte: Duration,
    head: String,
}

impl Answer {
    /// Fails unless the status is 200 or 206.
    pub(crate) fn succeeded(self) -> anyhow::Result<Self> {
        let line = self.head.lines().next().unwrap_or_default();
        ensure!(matches!(self.status, 200 | 206), "the answer is {line}");
        Ok(self)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

impl Connection {
    pub(crate) fn open(port: u16) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).context("nobody listens for viewers")?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            ahead: Vec::new(),
            buffer: vec![0; 256 << 10],
        })
    }

    /// Asks for a path, with these further lines of the head. The body of the answer before must have been read.
    pub(crate) fn get(&mut self, path: &str, lines: &[&str]) -> anyhow::Result<Answer> {
        ensure!(self.ahead.is_empty(), "the last answer was not read");
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        for line in lines {
            request += line;
            request += "\r\n";
        }
        request += "\r\n";
        let begun = Instant::now();
        self.socket.write_all(request.as_bytes())?;
        let end = loop {
            if let Some(at) = find(&self.ahead, b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(self.ahead.len() < HEAD, "the head of the answer does not end");
            self.more()
                .with_context(|| format!("waiting for the answer to {path}"))?;
        };
        let head = String::from_utf8_lossy(self.ahead.get(..end).unwrap_or_default()).into_owned();
        self.ahead.drain(..end);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.context("the answer has no status")?,
            length: 0,
            first_byte: begun.elapsed(),
            head,
        };
        if let Some(length) = answer.header("content-length") {
            answer.length = length.parse().context("Content-Length")?;
        }
        if answer.length > 0 && self.ahead.is_empty() {
            self.more()?;
            answer.first_byte = begun.elapsed();
        }
        Ok(answer)
    }

    /// Reads the body of an answer, and gives it away piece by piece.
    pub(crate) fn read(&mut self, answer: &Answer, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut left = answer.length;
        let ahead = std::mem::take(&mut self.ahead);
        ensure!(ahead.len() as u64 <= left, "there are bytes behind the answer");
        left -= ahead.len() as u64;
        each(&ahead);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let count = self
                .socket
                .read(self.buffer.get_mut(..most).unwrap_or_default())?;
            if count == 0 {
                bail!("the answer breaks off, {left} bytes before its end");
            }
            each(self.buffer.get(..count).unwrap_or_default());
            left -= count as u64;
        }
        Ok(())
    }

    /// Asks, and reads the body.
    pub(crate) fn fetch(&mut self, path: &str, lines: &[&str]) -> anyhow::Result<(Answer, Vec<u8>)> {
        let answer = self.get(path, lines)?;
        let mut body = Vec::new();
        self.read(&answer, |piece| body.extend_from_slice(piece))?;
        let answer = answer.succeeded().with_context(|| path.to_owned())?;
        Ok((answer, body))
    }

    /// Asks for a text.
    pub(crate) fn text(&mut self, path: &str) -> anyhow::Result<String> {
        let (_, body) = self.fetch(path, &[])?;
        String::from_utf8(body).context("the answer is no text")
    }

    fn more(&mut self) -> anyhow::Result<()> {
        let count = self.socket.read(&mut self.buffer)?;
        ensure!(count > 0, "the connection was closed");
        self.ahead
            .extend_from_slice(self.buffer.get(..count).unwrap_or_default());
        Ok(())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
