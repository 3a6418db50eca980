//! Chromium, a page with the players, and the small web server that the page comes from.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::common::process::Process;

const PAGE: &str = include_str!("page.html");
/// The longest answer of the page, in bytes.
const MOST: usize = 1 << 20;

/// How many players play what, and when.
#[derive(Debug, Serialize)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) players: usize,
    /// Between the starts of two players.
    pub(super) stagger_ms: u64,
    /// From the start of a player to its last look.
    pub(super) after_ms: u64,
}

/// The web server. The page is served when the settings are there.
pub(super) struct Browser {
    listener: TcpListener,
    hls_js: Vec<u8>,
}

struct Files {
    hls_js: Vec<u8>,
    settings: String,
    answer: Sender<String>,
}

impl Browser {
    pub(super) fn listen(hls_js: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(("127.0.0.1", 0))?,
            hls_js: std::fs::read(hls_js)?,
        })
    }

    /// The origin of the page.
    pub(super) fn origin(&self) -> String {
        let port = self.listener.local_addr().map_or(0, |address| address.port());
        format!("http://127.0.0.1:{port}")
    }

    /// Opens the page in a new Chromium. Returns what the page has to say at its end.
    pub(super) fn play(
        self,
        settings: &Settings,
        profile: &Path,
        longest: Duration,
    ) -> anyhow::Result<String> {
        let url = self.origin() + "/";
        let answers = self.serve(serde_json::to_string(settings)?);
        let mut command = Command::new("chromium");
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--mute-audio",
            "--autoplay-policy=no-user-gesture-required",
            "--remote-debugging-port=0",
        ]);
        command
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url);
        let _chromium = Process::start(&mut command, &profile.with_extension("log"))?;
        answers.recv_timeout(longest).context("the page says nothing")
    }

    fn serve(self, settings: String) -> Receiver<String> {
        let (answer, answers) = channel();
        let files = Arc::new(Files {
            hls_js: self.hls_js,
            settings,
            answer,
        });
        // The thread ends with the bench.
        std::thread::spawn(move || {
            for stream in self.listener.incoming().flatten() {
                let files = Arc::clone(&files);
                std::thread::spawn(move || drop(files.answer(stream)));
            }
        });
        answers
    }
}

impl Files {
    fn answer(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            match header.trim().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse()?,
                Some(_) => {}
                None => break,
            }
        }
        let (kind, body) = match path.as_str() {
            "/" => ("text/html", PAGE.as_bytes()),
            "/hls.js" => ("text/javascript", self.hls_js.as_slice()),
            "/settings" => ("application/json", self.settings.as_bytes()),
            "/seen" if length <= MOST => {
                let mut body = vec![0; length];
                reader.read_exact(&mut body)?;
                self.answer.send(String::from_utf8(body)?)?;
                ("text/plain", &b""[..])
            }
            other => bail!("the browser asks for {other}"),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        )?;
        Ok(stream.write_all(body)?)
    }
}
