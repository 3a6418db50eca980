//! Mosquitto, and the clients that people listen to it with.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::programs::{MOSQUITTO, MOSQUITTO_PUB, MOSQUITTO_SUB};
use crate::support::port::Port;
use crate::support::wait_until;

/// Mosquitto, on its own port.
pub(crate) struct Mosquitto {
    home: PathBuf,
    pub(crate) port: u16,
    _held: Port,
    child: Option<Child>,
}

impl Mosquitto {
    pub(crate) fn start(home: &Path) -> Self {
        let held = Port::new();
        let mut broker = Self {
            home: home.to_owned(),
            port: held.address().port(),
            _held: held,
            child: None,
        };
        let config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\nuser root\n",
            broker.port,
            home.display()
        );
        std::fs::write(home.join("mosquitto.conf"), config).unwrap();
        broker.resume();
        broker
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub(crate) fn resume(&mut self) {
        let mut command = Command::new(MOSQUITTO.path());
        command.arg("-c").arg(self.home.join("mosquitto.conf"));
        self.child = Some(command.stderr(Stdio::null()).spawn().unwrap());
        wait_until("the broker to listen", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    /// Kills Mosquitto, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_file(self.home.join("mosquitto.db"));
    }

    /// Publishes with `mosquitto_pub`, as people do.
    pub(crate) fn publish(&self, arguments: &[&str]) {
        self.publish_as("mqttv5", arguments);
    }

    /// The same in a version of MQTT, as `mosquitto_pub -V` has it.
    pub(crate) fn publish_as(&self, version: &str, arguments: &[&str]) {
        let port = self.port.to_string();
        let mut all = vec!["-p", &port, "-V", version];
        all.extend(arguments);
        MOSQUITTO_PUB.run(all).ok();
    }

    /// Begins to print the published messages, with topic and payload.
    pub(crate) fn listen(&self) -> Listening {
        let file = self.home.join("heard.txt");
        let out = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&file)
            .unwrap();
        let mut command = Command::new(MOSQUITTO_SUB.path());
        let port = self.port.to_string();
        // The client has its own session, so that it gets messages that were sent while the broker was away.
        command.args([
            "-p", &port, "-V", "mqttv5", "-q", "1", "-c", "-i", "listener", "-x", "3600", "-v",
        ]);
        let child = command.args(["-t", "edgereel/#"]).stdout(out).spawn().unwrap();
        Listening { file, child }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `mosquitto_sub`, and its output.
pub(crate) struct Listening {
    file: PathBuf,
    child: Child,
}

impl Listening {
    pub(crate) fn heard(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        let line = |line: &str| {
            line.split_once(' ')
                .map(|(topic, text)| (topic.to_owned(), text.to_owned()))
        };
        text.lines().filter_map(line).collect()
    }

    /// Waits until the client receives new messages.
    pub(crate) fn hears(&self, broker: &Mosquitto) {
        wait_until("the listener to listen", || {
            broker.publish(&["-t", "edgereel/is-anybody-there", "-m", "?"]);
            let heard = self.heard();
            heard.iter().any(|(topic, _)| topic.ends_with("is-anybody-there"))
        });
    }

    /// The events so far, in the order in which they came.
    pub(crate) fn events(&self, device: &str) -> Vec<Value> {
        let heard = self.heard().into_iter();
        let of_events = heard.filter(|(topic, _)| topic.starts_with(&format!("edgereel/{device}/event/")));
        of_events
            .filter_map(|(_, text)| serde_json::from_str(&text).ok())
            .collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
