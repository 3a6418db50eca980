//! One connection: lines in, lines out, in order.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::lines::{Lines, TooLong};
use crate::api::{Answer, Api, Code, Failure, MAX_REQUEST, Request};

/// A connection that asks nothing, or does not take an answer, for this time is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Bytes that are read at a time.
const BLOCK: usize = 4096;

/// Answers requests until the other side is done, or is silent for too long, or the service stops.
pub(super) async fn serve(mut stream: UnixStream, api: &Api, mut stopped: watch::Receiver<()>) {
    let mut lines = Lines::default();
    loop {
        match lines.line() {
            Ok(Some(line)) => {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let answer = answer(api, &line).await;
                if !matches!(timeout(IDLE, tell(&mut stream, &answer)).await, Ok(Ok(()))) {
                    return;
                }
                // A stopping service does not begin the lines behind this one.
                if stopped.has_changed().is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => {}
            Err(TooLong) => {
                let text = format!("a line has more than {MAX_REQUEST} bytes; the connection is closed");
                let refusal = Answer::refusal(Failure::new(Code::BadRequest, text));
                let _ = timeout(IDLE, tell(&mut stream, &refusal)).await;
                return;
            }
        }
        let mut block = [0; BLOCK];
        let read = tokio::select! {
            read = timeout(IDLE, stream.read(&mut block)) => read,
            // The sender is gone: the service stops.
            _ = stopped.changed() => return,
        };
        match read {
            Ok(Ok(0)) => {
                // A last line may have no end.
                let line = lines.rest();
                if !line.trim_ascii().is_empty() {
                    let answer = answer(api, &line).await;
                    let _ = timeout(IDLE, tell(&mut stream, &answer)).await;
                }
                return;
            }
            Ok(Ok(count)) => lines.push(block.get(..count).unwrap_or_default()),
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Sends an answer as one line of JSON.
pub(super) async fn tell(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut text = answer.to_json();
    text.push('\n');
    stream.write_all(text.as_bytes()).await
}

async fn answer(api: &Api, line: &[u8]) -> Answer {
    let mut request = match Request::parse(line) {
        Ok(request) => request,
        Err(failure) => return Answer::refusal(failure),
    };
    let command = request.arguments.remove("command");
    match command {
        Some(Value::String(name)) => api.ask(&name, request).await,
        _ => {
            let text = "'command' is missing, as in {\"command\":\"help\"}";
            let mut failure = Failure::new(Code::BadRequest, text);
            failure.field = Some("command".to_owned());
            Answer {
                id: request.id,
                result: Err(failure),
            }
        }
    }
}
