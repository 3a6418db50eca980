//! A broker for the demo: Mosquitto, where it is installed.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::cli::shown;
use crate::config::{BrokerUrl, Mqtt, Span};
use crate::doors::mqtt::{LinkSettings, Remote};

/// The time within which the broker must listen.
const START: Duration = Duration::from_secs(5);

/// A broker that runs as long as this value lives.
pub(super) struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    /// Starts a broker that keeps its files in `dir`. Returns none where none is installed.
    pub(super) async fn start(dir: &Path) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("mosquitto") else {
            return Ok(None);
        };
        // A port that nobody uses now. If another program takes it before the broker does, the demo says so.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let config = dir.join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
        write(&config, &text)?;
        let child = Command::new(&program)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the demo, which says goodbye to the broker and then ends it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let broker = Self { child, port };
        let deadline = super::start() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if super::start() > deadline {
                anyhow::bail!("{} does not listen on port {port}", program.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(broker))
    }

    /// The address of the broker.
    pub(super) fn url(&self) -> BrokerUrl {
        BrokerUrl {
            tls: false,
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: self.port,
        }
    }

    /// Subscribes to the messages of the box: events, a line each.
    pub(super) async fn listen(&self, prefix: &str, device: &str) -> anyhow::Result<Heard> {
        let link = link(self.url())?;
        let mut remote = Remote::connect(&link, self.url().to_string()).await?;
        remote
            .listen(&[
                &format!("{prefix}/{device}/event/#"),
                &format!("{prefix}/{device}/status"),
            ])
            .await?;
        let (sender, lines) = mpsc::channel(64);
        let prefix = prefix.to_owned();
        let page = shown::Page::stdout();
        let task = tokio::spawn(async move {
            while let Ok(message) = remote.message().await {
                let topic = String::from_utf8_lossy(&message.topic).into_owned();
                if let Ok(said) = serde_json::from_slice(&message.payload)
                    && sender
                        .send(shown::event(&page, &prefix, &topic, &said))
                        .await
                        .is_err()
                {
                    break;
                }
            }
        });
        Ok(Heard { lines, task })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The messages of the box, line by line.
pub(super) struct Heard {
    pub(super) lines: mpsc::Receiver<String>,
    task: JoinHandle<()>,
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn link(url: BrokerUrl) -> anyhow::Result<LinkSettings> {
    crate::daemon::broker_keys(&Mqtt {
        url,
        client_id: Some("edgereel-demo-listener".to_owned()),
        session_expiry: Span::from_secs(0),
        ..Mqtt::default()
    })
}

/// The path of a program: on the PATH, or in a folder that is not on an ordinary user's PATH.
fn installed(name: &str) -> Option<PathBuf> {
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&searched).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

#[expect(clippy::disallowed_methods, reason = "the broker's own file, not the tape")]
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write '{}'", path.display()))
}
