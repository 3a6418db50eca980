//! The first publisher: it tries to connect until somebody listens, and asks to publish.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use edgereel::doors::rtmp::{Client, ClientEvent, RtmpUrl};

/// The interval between two tries, which is the resolution of the measurement.
const AGAIN: Duration = Duration::from_millis(1);

/// Waits until the service accepts a publish to `live/NAME` at this port. Returns the connection, so that the publish
/// continues.
pub(crate) fn publish(port: u16, name: &str, patience: Duration) -> anyhow::Result<TcpStream> {
    let begun = Instant::now();
    let mut socket = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(socket) => break socket,
            Err(error) if begun.elapsed() > patience => {
                return Err(error).context("nobody listens");
            }
            Err(_) => std::thread::sleep(AGAIN),
        }
    };
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(patience))?;
    let url: RtmpUrl = format!("rtmp://127.0.0.1:{port}/live/{name}").parse()?;
    let mut client = Client::new(url)?;
    let mut buffer = [0; 4096];
    loop {
        socket.write_all(client.output())?;
        client.sent(client.output().len());
        let count = socket.read(&mut buffer).context("waiting for an answer")?;
        if count == 0 {
            bail!("the connection was closed before the publish was answered");
        }
        let mut input = buffer.get(..count).unwrap_or_default();
        match client.handle(&mut input)? {
            Some(ClientEvent::Publishing) => return Ok(socket),
            Some(other) => bail!("the publish was answered with {other:?}"),
            None => {}
        }
    }
}
