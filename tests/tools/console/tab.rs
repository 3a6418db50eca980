//! A tab of a browser of its own, driven by the DevTools protocol over a pipe: JSON, with a zero byte behind each message.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs::CHROMIUM;
use crate::support::home;

/// Long enough for anything on a busy machine. Only a failure waits for all of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(40);

/// A tab.
pub(crate) struct Tab {
    chromium: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// The requests so far, as in `GET http://…`.
    pub(crate) requests: Vec<String>,
    /// The bytes that came so far.
    pub(crate) received: u64,
    /// What failed in the page: exceptions, and what its policy forbids.
    faults: Vec<String>,
    _profile: TempDir,
}

impl Tab {
    /// Opens an address in English.
    #[track_caller]
    pub(crate) fn open(url: &str) -> Self {
        Self::open_after(url, "")
    }

    /// Opens an address. A script runs in each page before its own.
    #[track_caller]
    pub(crate) fn open_after(url: &str, script: &str) -> Self {
        let profile = home();
        // The shell gives the protocol's pipes the numbers that Chromium reads and writes. Chromium ends when they do.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$@\" 3<&0 4>&1 >/dev/null 2>&1", "sh"])
            .arg(CHROMIUM.path())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--mute-audio",
                "--lang=en-US",
                "--autoplay-policy=no-user-gesture-required",
                // A name that is not this machine's for the browser, so an origin that it does not trust.
                "--host-resolver-rules=MAP box.test 127.0.0.1",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut chromium = command.spawn().expect("Chromium runs");
        let (input, output) = (chromium.stdin.take(), chromium.stdout.take().unwrap());
        let mut tab = Self {
            chromium,
            input,
            output: BufReader::new(output),
            session: None,
            last: 0,
            requests: Vec::new(),
            received: 0,
            faults: Vec::new(),
            _profile: profile,
        };
        let target = tab.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attached = tab.ask(
            "Target.attachToTarget",
            json!({"targetId": target["targetId"], "flatten": true}),
        );
        tab.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            tab.ask(&format!("{domain}.enable"), json!({}));
        }
        let size = json!({"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        tab.ask("Emulation.setDeviceMetricsOverride", size);
        if !script.is_empty() {
            tab.ask("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}));
        }
        tab.ask("Page.navigate", json!({"url": url}));
        tab
    }

    /// Asks the browser.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut request = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        let mut text = request.to_string().into_bytes();
        text.push(0);
        self.input
            .as_mut()
            .unwrap()
            .write_all(&text)
            .expect("Chromium reads");
        loop {
            let mut message = Vec::new();
            self.output.read_until(0, &mut message).expect("Chromium answers");
            assert_eq!(message.pop(), Some(0), "Chromium is there");
            let mut message: Value = serde_json::from_slice(&message).unwrap();
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        let told = &message["params"];
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                let request = &told["request"];
                let (method, url) = (&request["method"], &request["url"]);
                self.requests
                    .push(format!("{} {}", method.as_str().unwrap(), url.as_str().unwrap()));
            }
            Some("Network.dataReceived") => {
                self.received += told["encodedDataLength"].as_u64().unwrap_or_default();
            }
            Some("Runtime.exceptionThrown") => self.faults.push(told.to_string()),
            // What the box refuses is an answer. What the policy of the page forbids is a fault of the page.
            Some("Log.entryAdded") if told["entry"]["source"] == "security" => {
                self.faults.push(told.to_string())
            }
            _ => {}
        }
    }

    /// The value of an expression, or of what it promises.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "replMode": true});
        let mut answer = self.ask("Runtime.evaluate", params);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].take()
    }

    /// Runs statements.
    #[track_caller]
    pub(crate) fn run(&mut self, statements: &str) {
        self.value(&format!("(() => {{ {statements} }})()"));
    }

    /// Waits until an expression is true. Gives how long that took.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) -> Duration {
        let began = Instant::now();
        while self.value(&format!("Boolean({expression})")) != true {
            if began.elapsed() > PATIENCE {
                let shown = self.value("document.body.innerText");
                panic!(
                    "waited for {expression}; the page shows {shown}; faults: {:?}",
                    self.faults
                );
            }
            std::thread::park_timeout(LOOK);
        }
        began.elapsed()
    }

    /// Lets the page be for so many milliseconds. What is waited for, `wait` waits for: this is for what must not come.
    pub(crate) fn pause(&mut self, ms: u32) {
        self.value(&format!("await new Promise(done => setTimeout(done, {ms}))"));
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub(crate) fn wait_text(&mut self, text: &str) -> Duration {
        self.wait(&format!("document.body.innerText.includes({})", json!(text)))
    }

    /// Presses the first button or link of this text that is shown within what a selector names.
    #[track_caller]
    pub(crate) fn press_in(&mut self, within: &str, text: &str) {
        let found = format!(
            "[...document.querySelectorAll({})].flatMap(one => [...one.querySelectorAll('button, a')])\
             .find(one => one.offsetParent && !one.disabled && one.textContent.trim() === {})",
            json!(within),
            json!(text)
        );
        self.wait(&found);
        self.run(&format!("({found}).click()"));
    }

    /// The same anywhere.
    #[track_caller]
    pub(crate) fn press(&mut self, text: &str) {
        self.press_in("body", text);
    }

    /// Fails if anything failed in the page, or if it asked another server.
    #[track_caller]
    pub(crate) fn is_clean(&mut self) {
        assert_eq!(self.value("1"), 1);
        assert!(self.faults.is_empty(), "{:#?}", self.faults);
        let origin = self.value("location.origin");
        let ours = |request: &&String| {
            let (_, url) = request.split_once(' ').unwrap();
            // The pictures of its own buttons, a browser has in addresses of data.
            let of_itself = ["blob:", "data:", "about:"]
                .iter()
                .any(|start| url.starts_with(start));
            of_itself || url.starts_with(origin.as_str().unwrap())
        };
        let others: Vec<&String> = self.requests.iter().filter(|one| !ours(one)).collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // It ends when nobody can ask it any more.
        self.input = None;
        drop(self.chromium.kill());
        drop(self.chromium.wait());
    }
}
