//! An RTMP client that sends what a test tells it to, right or wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use super::wait::PATIENCE;

const CHUNK: usize = 60_000;

/// A connection.
pub(crate) struct Rtmp {
    socket: Socket,
    received: Vec<u8>,
}

/// The transport of a connection.
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    fn tcp(&self) -> &TcpStream {
        match self {
            Socket::Plain(socket) => socket,
            Socket::Tls(tls) => &tls.sock,
        }
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Socket::Plain(socket) => socket,
            Socket::Tls(tls) => tls,
        }
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    Open,
}

impl Rtmp {
    /// Connects, and does nothing else.
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the service listens")
    }

    /// Connects from another address of this machine, and does nothing else.
    #[track_caller]
    pub(crate) fn connect_from(source: [u8; 4], address: SocketAddr) -> Self {
        let socket = super::http::connect_from(source, address);
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self::over(Socket::Plain(socket))
    }

    /// Connects and completes the handshake.
    #[track_caller]
    pub(crate) fn handshaken(address: SocketAddr) -> Self {
        Self::try_handshaken(address).expect("the service shakes hands")
    }

    /// Connects up to an accepted `connect` and a message stream, 1.
    #[track_caller]
    pub(crate) fn connected(address: SocketAddr, app: &str) -> Self {
        Self::try_connected(address, app).expect("the service lets connect")
    }

    /// Connects up to an accepted `publish`.
    #[track_caller]
    pub(crate) fn publishing(address: SocketAddr, app: &str, key: &str) -> Self {
        Self::try_publishing(address, app, key).expect("the service lets publish")
    }

    /// As [`publishing`](Self::publishing), with a service that may be killed meanwhile.
    pub(crate) fn try_publishing(address: SocketAddr, app: &str, key: &str) -> std::io::Result<Self> {
        let mut client = Self::try_connected(address, app)?;
        if !client.try_may_publish(key)? {
            let text = format!("{app}/{key} is refused");
            return Err(std::io::Error::new(ErrorKind::ConnectionRefused, text));
        }
        client.received.clear();
        Ok(client)
    }

    fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(Socket::Plain(socket)))
    }

    /// A connection on which nothing was sent yet.
    pub(crate) fn over(socket: Socket) -> Self {
        Self {
            socket,
            received: Vec::new(),
        }
    }

    /// Takes a connection on which nothing was sent yet up to an accepted `publish`.
    #[track_caller]
    pub(crate) fn go_publishing(self, app: &str, key: &str) -> Self {
        let address = self.socket.tcp().peer_addr().expect("a socket");
        let connected = self
            .shake_hands()
            .and_then(|client| client.go_connected(address, app));
        let mut client = connected.expect("the service lets connect");
        assert!(client.may_publish(key), "{app}/{key} is refused");
        client
    }

    fn try_handshaken(address: SocketAddr) -> std::io::Result<Self> {
        Self::try_connect(address)?.shake_hands()
    }

    /// Completes the handshake with a service that may close this connection.
    pub(crate) fn try_shaken(self) -> Option<Self> {
        self.shake_hands().ok()
    }

    fn shake_hands(self) -> std::io::Result<Self> {
        let mut client = self;
        let mut hello = vec![0; 1537];
        hello[0] = 3;
        client.send(&hello)?;
        client.finish_handshake()
    }

    /// Continues a handshake whose first part was sent, up to an accepted `publish`.
    #[track_caller]
    pub(crate) fn go_on(self, app: &str, key: &str) -> Self {
        let address = self.socket.tcp().peer_addr().expect("a socket");
        let connected = self
            .finish_handshake()
            .and_then(|client| client.go_connected(address, app));
        let mut client = connected.expect("the service lets connect");
        assert!(client.may_publish(key), "{app}/{key} is refused");
        client.received.clear();
        client
    }

    fn finish_handshake(self) -> std::io::Result<Self> {
        let mut client = self;
        client.await_received("S0 to S2", |bytes| bytes.len() >= 3073)?;
        let answer = client.received[1..1537].to_vec();
        client.received.drain(..3073);
        client.send(&answer)?;
        // Set Chunk Size, so that later messages are not cut into pieces.
        client.send(&message(2, 1, 0, 0, &(CHUNK as u32).to_be_bytes()))?;
        Ok(client)
    }

    fn try_connected(address: SocketAddr, app: &str) -> std::io::Result<Self> {
        Self::try_handshaken(address)?.go_connected(address, app)
    }

    fn go_connected(self, address: SocketAddr, app: &str) -> std::io::Result<Self> {
        let mut client = self;
        let url = format!("rtmp://{address}/{app}");
        let connect = [
            string("connect"),
            number(1.0),
            object(&[("app", string(app)), ("tcUrl", string(&url))]),
        ];
        client.command(0, &connect)?;
        client.await_text("NetConnection.Connect.Success")?;
        client.command(0, &[string("createStream"), number(2.0), vec![5]])?;
        Ok(client)
    }

    /// Asks to publish.
    pub(crate) fn publish(&mut self, key: &str) -> std::io::Result<()> {
        self.command(
            1,
            &[
                string("publish"),
                number(3.0),
                vec![5],
                string(key),
                string("live"),
            ],
        )
    }

    /// Asks to publish. Returns whether the service accepts it.
    #[track_caller]
    pub(crate) fn may_publish(&mut self, key: &str) -> bool {
        self.try_may_publish(key).expect("an answer to publish")
    }

    fn try_may_publish(&mut self, key: &str) -> std::io::Result<bool> {
        self.publish(key)?;
        let has =
            |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let (yes, no) = (
            "NetStream.Publish.Start",
            ["NetStream.Publish.BadName", "NetStream.Publish.Denied"],
        );
        let answered = |bytes: &[u8]| has(bytes, yes) || no.iter().any(|no| has(bytes, no));
        self.await_received("an answer to publish", answered)?;
        Ok(has(&self.received, yes))
    }

    /// Ends the publish properly and waits until the service has confirmed it.
    #[track_caller]
    pub(crate) fn unpublish(&mut self, key: &str) -> std::io::Result<()> {
        self.command(0, &[string("FCUnpublish"), number(4.0), vec![5], string(key)])?;
        self.await_text("NetStream.Unpublish.Success")
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.stream().write_all(bytes)
    }

    /// Sends a command of AMF0 values.
    pub(crate) fn command(&mut self, stream: u32, values: &[Vec<u8>]) -> std::io::Result<()> {
        let message = message(3, 20, 0, stream, &values.concat());
        self.send(&message)
    }

    /// Sends media as an FLV tag has it.
    pub(crate) fn media(&mut self, kind: u8, time: u32, body: &[u8]) -> std::io::Result<()> {
        let channel = if kind == 8 { 4 } else { 6 };
        self.send(&message(channel, kind, time, 1, body))
    }

    /// Asks for a sign of life; `token` comes back once all that was sent before has been taken.
    pub(crate) fn ping(&mut self, token: u32) -> std::io::Result<()> {
        let [a, b, c, d] = token.to_be_bytes();
        self.send(&message(2, 4, 0, 0, &[0, 6, a, b, c, d]))
    }

    /// The last token that came back. This looks at the received bytes and does not wait.
    pub(crate) fn last_pong(&mut self) -> Option<u32> {
        self.socket.tcp().set_nonblocking(true).expect("a socket");
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.socket.stream().read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..count]);
        }
        self.socket.tcp().set_nonblocking(false).expect("a socket");
        // Behind time and length: User Control, message stream 0, Ping Response, the token.
        let pong = |bytes: &[u8]| bytes[..10] == [0, 0, 6, 4, 0, 0, 0, 0, 0, 7];
        let at = self.received.windows(14).rposition(pong)?;
        let token = self.received[at + 10..at + 14]
            .try_into()
            .ok()
            .map(u32::from_be_bytes);
        self.received.drain(..at + 14);
        token
    }

    /// Waits until the service has sent `text`.
    #[track_caller]
    pub(crate) fn wait_text(&mut self, text: &str) {
        self.await_text(text).expect("an answer");
    }

    /// Waits until the received bytes satisfy `enough`.
    #[track_caller]
    pub(crate) fn wait_received(&mut self, what: &str, enough: impl Fn(&[u8]) -> bool) {
        self.await_received(what, enough).expect("an answer");
    }

    fn await_text(&mut self, text: &str) -> std::io::Result<()> {
        self.await_received(text, |bytes| {
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }

    fn await_received(&mut self, what: &str, enough: impl Fn(&[u8]) -> bool) -> std::io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !enough(&self.received) {
            let ended = self.read(Duration::from_millis(200));
            let said = || String::from_utf8_lossy(&self.received).into_owned();
            if ended == Ended::Closed && !enough(&self.received) {
                let text = format!("closed before '{what}'; said: {}", said());
                return Err(std::io::Error::new(ErrorKind::ConnectionReset, text));
            }
            if Instant::now() >= deadline {
                let text = format!("'{what}' never came; said: {}", said());
                return Err(std::io::Error::new(ErrorKind::TimedOut, text));
            }
        }
        Ok(())
    }

    /// Waits until the service has closed the connection. Returns what the service sent before.
    #[track_caller]
    pub(crate) fn wait_closed(mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while self.read(Duration::from_millis(200)) == Ended::Open {
            assert!(
                Instant::now() < deadline,
                "the service never closed the connection"
            );
        }
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Receives for at most so long.
    pub(crate) fn read(&mut self, longest: Duration) -> Ended {
        self.socket
            .tcp()
            .set_read_timeout(Some(longest))
            .expect("a socket");
        let mut buffer = [0; 16 << 10];
        match self.socket.stream().read(&mut buffer) {
            Ok(0) => Ended::Closed,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Ended::Open
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ended::Open,
            Err(error) if error.kind() == ErrorKind::Interrupted => Ended::Open,
            Err(_) => Ended::Closed,
        }
    }
}

/// A message in chunks of [`CHUNK`], each message with a full header.
pub(crate) fn message(channel: u8, kind: u8, time: u32, stream: u32, body: &[u8]) -> Vec<u8> {
    let short = time.min(0xFF_FFFF);
    let extended = if short == 0xFF_FFFF {
        time.to_be_bytes().to_vec()
    } else {
        Vec::new()
    };
    let mut out = vec![channel];
    out.extend(&short.to_be_bytes()[1..]);
    out.extend(&(body.len() as u32).to_be_bytes()[1..]);
    out.push(kind);
    out.extend(stream.to_le_bytes());
    out.extend(&extended);
    for (number, chunk) in body.chunks(CHUNK).enumerate() {
        if number > 0 {
            out.push(0xC0 | channel);
            out.extend(&extended);
        }
        out.extend(chunk);
    }
    out
}

/// An AMF0 string.
pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut out = vec![2];
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text.as_bytes());
    out
}

/// An AMF0 number.
pub(crate) fn number(value: f64) -> Vec<u8> {
    let mut out = vec![0];
    out.extend(value.to_be_bytes());
    out
}

/// An AMF0 object.
pub(crate) fn object(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![3];
    for (name, value) in fields {
        out.extend(&string(name)[1..]);
        out.extend(value);
    }
    out.extend([0, 0, 9]);
    out
}
