//! The console in Firefox: what is shown and played there, too. The protocol is WebDriver BiDi: JSON in messages of a WebSocket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::tab::{LOOK, PATIENCE};
use super::{Box, PASSWORD, clip};
use crate::programs::FIREFOX;
use crate::support::{edgereel, home, wait_for, wait_until};

/// A window of a Firefox of its own.
struct Firefox {
    process: Child,
    socket: BufReader<TcpStream>,
    context: Value,
    last: u64,
    /// The errors of scripts, and what the policy of the page forbids.
    faults: Vec<String>,
    _profile: TempDir,
}

impl Firefox {
    #[track_caller]
    fn open(url: &str) -> Self {
        let profile = home();
        // What Firefox asks of others by itself is none of this; a page may play by itself.
        let preferences = "user_pref('media.autoplay.default', 0);\nuser_pref('intl.accept_languages', 'en-US');\n\
             user_pref('app.normandy.enabled', false);\nuser_pref('services.settings.server', 'data:,none');\n\
             user_pref('datareporting.policy.dataSubmissionEnabled', false);\nuser_pref('browser.shell.checkDefaultBrowser', false);\n";
        std::fs::write(profile.path().join("user.js"), preferences.replace('\'', "\"")).unwrap();
        let process = Command::new(FIREFOX.path())
            .args([
                "--headless",
                "--no-remote",
                "--remote-debugging-port=0",
                "--profile",
            ])
            .arg(profile.path())
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Firefox runs");
        let path = profile.path().join("WebDriverBiDiServer.json");
        let port = wait_for("Firefox to listen", || {
            let said: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
            said["ws_port"].as_u64()
        });
        let mut stream = TcpStream::connect(("127.0.0.1", port as u16)).expect("Firefox is there");
        // RFC 6455, section 4.1. What it answers is believed.
        let hello = format!(
            "GET /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(hello.as_bytes()).unwrap();
        let mut socket = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(
                socket.read_line(&mut line).unwrap() > 0,
                "Firefox takes a WebSocket"
            );
        }
        let mut this = Self {
            process,
            socket,
            context: Value::Null,
            last: 0,
            faults: Vec::new(),
            _profile: profile,
        };
        this.ask("session.new", json!({"capabilities": {}}));
        this.ask("session.subscribe", json!({"events": ["log.entryAdded"]}));
        let tree = this.ask("browsingContext.getTree", json!({}));
        this.context = tree["contexts"][0]["context"].clone();
        let address = json!({"context": this.context, "url": url, "wait": "complete"});
        this.ask("browsingContext.navigate", address);
        this
    }

    /// Asks the browser.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let text = json!({"id": self.last, "method": method, "params": params}).to_string();
        self.send(text.as_bytes());
        loop {
            let mut message: Value = serde_json::from_slice(&self.receive()).unwrap();
            if message["id"] == self.last {
                assert_eq!(message["type"], "success", "{method}: {message}");
                return message["result"].take();
            }
            let entry = &message["params"];
            if message["method"] == "log.entryAdded"
                && entry["type"] == "javascript"
                && entry["level"] == "error"
            {
                self.faults.push(entry.to_string());
            }
        }
    }

    /// Sends a message as one frame (RFC 6455, section 5.2).
    fn send(&mut self, text: &[u8]) {
        let mut frame = vec![0x81];
        match u16::try_from(text.len()) {
            Ok(len) if len < 126 => frame.push(0x80 | len as u8),
            Ok(len) => {
                frame.push(0x80 | 126);
                frame.extend(len.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend((text.len() as u64).to_be_bytes());
            }
        }
        // Any mask but zeros, which Firefox takes for none.
        const MASK: u8 = 0x5a;
        frame.extend([MASK; 4]);
        frame.extend(text.iter().map(|byte| byte ^ MASK));
        self.socket.get_mut().write_all(&frame).expect("Firefox reads");
    }

    /// The next message, of all its frames.
    fn receive(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        loop {
            let mut head = [0; 2];
            self.socket.read_exact(&mut head).expect("Firefox answers");
            let len = match head[1] & 0x7f {
                126 => u64::from(u16::from_be_bytes(self.bytes())),
                127 => u64::from_be_bytes(self.bytes()),
                len => u64::from(len),
            };
            let from = message.len();
            message.resize(from + len as usize, 0);
            self.socket
                .read_exact(&mut message[from..])
                .expect("Firefox answers");
            // Its pings want no answer within the time of a test.
            if head[0] & 0x0f >= 8 {
                message.truncate(from);
            } else if head[0] & 0x80 != 0 {
                return message;
            }
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.socket.read_exact(&mut bytes).expect("Firefox answers");
        bytes
    }

    /// The value of an expression that gives a text, a number or a Boolean.
    #[track_caller]
    fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({"expression": expression, "target": {"context": self.context}, "awaitPromise": true});
        let mut answer = self.ask("script.evaluate", params);
        assert_eq!(answer["type"], "success", "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    fn wait(&mut self, expression: &str) {
        let began = Instant::now();
        while self.value(&format!("Boolean({expression})")) != true {
            let is_late = began.elapsed() > PATIENCE;
            assert!(
                !is_late,
                "waited for {expression}; the page shows {}; faults: {:?}",
                self.value("document.body.innerText"),
                self.faults
            );
            std::thread::park_timeout(LOOK);
        }
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn firefox_shows_streams_plays_live_and_recordings_and_draws_the_time_line() {
    let this = Box::start();
    let clip = clip(this.home.path(), 60);
    let pusher = this.push("live/cam1", &clip);
    let url = this.service.url("live/cam2");
    edgereel(&["publish", clip.to_str().unwrap(), &url, "--fast"]).ok();
    wait_until("some seconds of the stream", || pusher.taken() > 6_000);
    let mut tab = Firefox::open(&this.url("/"));
    tab.wait("document.querySelector('form.login')");
    tab.value(&format!(
        "{{ const [name, password] = document.querySelectorAll('form.login input'); name.value = 'staff'; \
         password.value = '{PASSWORD}'; document.querySelector('form.login button').click(); }}"
    ));
    // A still, which is an MP4 with one picture, and live, which hls.js plays.
    tab.wait("document.querySelector('.tile .still video')?.videoWidth === 320");
    let plays = "(video => video && video.currentTime > 0.3 && video.videoWidth === 320)(document.querySelector('.screen > video, section > video'))";
    tab.value("document.querySelector('.tile button').click()");
    tab.wait(plays);
    tab.value("location.hash = '#/recordings?prefix=live/cam2'");
    tab.wait("document.querySelectorAll('.recordings li').length === 1");
    tab.value("document.querySelector('.recordings a').click()");
    tab.wait(plays);
    tab.value("document.querySelector('main video').currentTime = 30");
    tab.wait("(video => !video.seeking && video.currentTime >= 30)(document.querySelector('main video'))");
    tab.value("location.hash = '#/timeline/live%2Fcam1'");
    tab.wait("[...document.querySelectorAll('tbody td')].some(one => one.textContent === 'recorded')");
    // The green of tape is on the canvas.
    tab.wait(
        "(canvas => { const row = canvas.getContext('2d').getImageData(0, 60, canvas.width, 1).data; \
         for (let at = 0; at < row.length; at += 4) if (row[at + 1] - row[at] > 60) return true; })(document.querySelector('canvas'))",
    );
    assert!(tab.faults.is_empty(), "{:#?}", tab.faults);
    pusher.stop();
}
