//! Serves the page, the cases and the played files to the browser. HTTP/1.1, one connection for each request.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::Case;

const PAGE: &str = include_str!("page.html");

pub(super) struct Server {
    pub(super) port: u16,
    hls_js: Vec<u8>,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    waiting: VecDeque<String>,
    waiting_live: VecDeque<String>,
    cases: HashMap<u64, Running>,
}

struct Running {
    folder: PathBuf,
    page: String,
    answer: Sender<String>,
    requests: u32,
    /// The number of the picture that is shown.
    shown: Option<usize>,
}

impl Server {
    pub(super) fn start(hls_js: Vec<u8>) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            hls_js,
            state: Mutex::default(),
            more: Condvar::new(),
        });
        let accepting = Arc::clone(&server);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&accepting);
                // The browser may hang up in the middle of a file.
                std::thread::spawn(move || drop(server.answer(stream)));
            }
        });
        server
    }

    /// Adds a case at the end of its queue.
    pub(super) fn ask(&self, case: &Case) -> (u64, Receiver<String>) {
        let (answer, answers) = channel();
        let mut state = self.state.lock().unwrap();
        let id = state.next;
        state.next += 1;
        let mut told = serde_json::to_value(case).unwrap();
        told["id"] = id.into();
        queue(&mut state, case.followed).push_back(told.to_string());
        let running = Running {
            folder: case.folder.clone(),
            page: case.text.clone(),
            answer,
            requests: 0,
            shown: None,
        };
        state.cases.insert(id, running);
        self.more.notify_all();
        (id, answers)
    }

    /// The number of the picture that a case shows now. None when the case has ended.
    pub(super) fn shown(&self, id: u64) -> Option<Option<usize>> {
        self.state.lock().unwrap().cases.get(&id).map(|case| case.shown)
    }

    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut range) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim().to_ascii_lowercase();
            match header.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(("range", value)) => range = value.strip_prefix("bytes=").map(str::to_owned),
                Some(_) => (),
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let words: Vec<&str> = path.trim_start_matches('/').splitn(3, '/').collect();
        match words.as_slice() {
            [""] => send(stream, "text/html", PAGE.as_bytes()),
            ["hls.js"] => send(stream, "text/javascript", &self.hls_js),
            ["next", queue] => match self.next(*queue == "live") {
                Some(case) => send(stream, "application/json", case.as_bytes()),
                None => head(&stream, "204 No Content", &[("content-length", "0".to_owned())]),
            },
            ["requests", id] => {
                let requests = self.of(id, |case| case.requests).unwrap_or_default();
                send(
                    stream,
                    "application/json",
                    format!("{{\"requests\":{requests}}}").as_bytes(),
                )
            }
            ["shown", id, number] => {
                self.of(id, |case| case.shown = number.parse().ok());
                send(stream, "text/plain", b"")
            }
            ["p", id, ""] => {
                let page = self.of(id, |case| case.page.clone()).unwrap_or_default();
                send(stream, "text/html", page.as_bytes())
            }
            ["p", _, "hls.min.js"] => send(stream, "text/javascript", &self.hls_js),
            ["done", id] => {
                let text = String::from_utf8_lossy(&body).into_owned();
                let case = id
                    .parse()
                    .ok()
                    .and_then(|id: u64| self.state.lock().unwrap().cases.remove(&id));
                if let Some(case) = case {
                    drop(case.answer.send(text));
                }
                send(stream, "text/plain", b"")
            }
            ["f", id, file] => {
                let folder = self.of(id, |case| {
                    case.requests += 1;
                    case.folder.clone()
                });
                let file = file.split('?').next().unwrap_or_default();
                match folder.filter(|_| !file.contains("..")) {
                    Some(folder) => send_file(stream, &folder.join(file), range.as_deref()),
                    None => head(&stream, "404 Not Found", &[("content-length", "0".to_owned())]),
                }
            }
            _ => head(&stream, "404 Not Found", &[("content-length", "0".to_owned())]),
        }
    }

    /// The next case; none when there was no case for so long that the browser should ask again.
    fn next(&self, is_live: bool) -> Option<String> {
        let state = self.state.lock().unwrap();
        let wait = Duration::from_secs(20);
        let waited = self
            .more
            .wait_timeout_while(state, wait, |state| queue(state, is_live).is_empty());
        queue(&mut waited.unwrap().0, is_live).pop_front()
    }

    fn of<T>(&self, id: &str, what: impl FnOnce(&mut Running) -> T) -> Option<T> {
        let id: u64 = id.parse().ok()?;
        self.state.lock().unwrap().cases.get_mut(&id).map(what)
    }
}

/// The cases that wait. What is live has a queue of its own.
fn queue(state: &mut State, is_live: bool) -> &mut VecDeque<String> {
    if is_live {
        &mut state.waiting_live
    } else {
        &mut state.waiting
    }
}

fn send_file(mut stream: TcpStream, path: &Path, range: Option<&str>) -> std::io::Result<()> {
    let Ok(mut file) = std::fs::File::open(path) else {
        return head(&stream, "404 Not Found", &[("content-length", "0".to_owned())]);
    };
    let len = file.metadata()?.len();
    let bounds = range.and_then(|range| {
        let (from, to) = range.split_once('-')?;
        let last = to.parse().unwrap_or(u64::MAX).min(len.checked_sub(1)?);
        Some((from.parse().ok()?, last)).filter(|(from, last): &(u64, u64)| from <= last)
    });
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("m4a") => "audio/mp4",
        _ => "video/mp4",
    };
    let (status, from, last) = match bounds {
        Some((from, last)) => ("206 Partial Content", from, last),
        None => ("200 OK", 0, len.saturating_sub(1)),
    };
    let count = (last + 1 - from).min(len);
    let mut fields = vec![
        ("content-type", kind.to_owned()),
        ("content-length", count.to_string()),
        ("accept-ranges", "bytes".to_owned()),
    ];
    if bounds.is_some() {
        fields.push(("content-range", format!("bytes {from}-{last}/{len}")));
    }
    head(&stream, status, &fields)?;
    file.seek(SeekFrom::Start(from))?;
    std::io::copy(&mut file.take(count), &mut stream)?;
    Ok(())
}

fn send(mut stream: TcpStream, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len().to_string();
    head(
        &stream,
        "200 OK",
        &[("content-type", kind.to_owned()), ("content-length", length)],
    )?;
    stream.write_all(body)
}

fn head(mut stream: &TcpStream, status: &str, fields: &[(&str, String)]) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncache-control: no-store\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())
}
