//! A small HTTP/1.1 client, which shows every byte of an answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::wait::PATIENCE;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// False when the connection broke before the promised end of the body.
    pub(crate) whole: bool,
}

impl Reply {
    /// The value of a header, whose name is given in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Asks with `GET`.
#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Reply {
    ask(address, "GET", path, headers, b"")
}

/// Asks with any method.
#[track_caller]
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(address).expect("the door is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).expect("the request is sent");
    // A door that refuses may close before it has read the body.
    let _ = stream.write_all(body);
    reply(stream, method)
}

/// Reads an answer to its end.
#[track_caller]
pub(crate) fn reply(stream: TcpStream, method: &str) -> Reply {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut reply = Reply {
        status,
        headers,
        body: Vec::new(),
        whole: true,
    };
    let has_body = method != "HEAD" && status != 304 && status != 204;
    let length = reply
        .header("content-length")
        .map(|length| length.parse().expect("a length"));
    let is_chunked = reply.header("transfer-encoding") == Some("chunked");
    match length {
        _ if !has_body => {}
        Some(length) => {
            // A connection that breaks shows in the length.
            let _ = reader.take(length).read_to_end(&mut reply.body);
            reply.whole = reply.body.len() as u64 == length;
        }
        None if is_chunked => reply.whole = chunks(&mut reader, &mut reply.body).is_some(),
        None => {
            let _ = reader.read_to_end(&mut reply.body);
        }
    }
    reply
}

/// Reads a body in chunks (RFC 9112, section 7.1). None when it is cut off.
fn chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = u64::from_str_radix(line.trim(), 16).ok()?;
        reader.by_ref().take(length).read_to_end(body).ok()?;
        reader.read_line(&mut String::new()).ok()?;
        if length == 0 {
            return Some(());
        }
    }
}

/// Connects from another address of this machine.
#[track_caller]
pub(crate) fn connect_from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let connecting = async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        socket.connect(address).await?.into_std()
    };
    let socket = runtime.and_then(|runtime| runtime.block_on(connecting));
    let socket = socket.expect("the service listens");
    socket.set_nonblocking(false).expect("a socket");
    socket
}
