//! The service as a client sees it: its control socket, and one request.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use super::denied::Refused;
use super::open::StoreArgument;
use crate::api::{MAX_ANSWER, MAX_REQUEST};
use crate::daemon::{SOCKET_NAME, default_socket};

/// The most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;
/// The most other sockets that a message names.
const MOST_OTHERS: usize = 4;
/// The longest wait for an answer. The service answers within half of this, whatever its storage device does.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest wait for an answer that a command can do without.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);
/// The directory of the socket that systemd makes: RuntimeDirectory= of systemd/edgereel.service.
const PACKAGED: &str = "/run/edgereel";

/// The error that no service answers.
#[derive(Debug, thiserror::Error)]
#[error("no service answers at {}{}", shown(.looked), advice(.others))]
pub(super) struct NoService {
    looked: Vec<PathBuf>,
    /// The sockets of other services of this machine that answer.
    others: Vec<PathBuf>,
}

/// The paths where the control socket may be.
pub(super) fn find_socket(store: &StoreArgument) -> anyhow::Result<Vec<PathBuf>> {
    // Without a `--config` of its own, the configuration may be that of another store.
    if let (Some(data), false) = (store.data(), store.names_config()) {
        return Ok(vec![default_socket(data)]);
    }
    let config = store.config()?;
    if let Some(socket) = &config.control.socket {
        return Ok(vec![socket.clone()]);
    }
    // The socket that is named after the store certainly belongs to that store.
    let own = default_socket(&config.storage.dir);
    let packaged = Path::new(PACKAGED).join(SOCKET_NAME);
    let others = [packaged]
        .into_iter()
        .filter(|path| path.exists() && *path != own);
    Ok(std::iter::once(own.clone()).chain(others).collect())
}

/// The address under which viewers reach the box, without a slash at its end: None where no service of this store says one.
pub(super) fn viewers_address(store: &StoreArgument) -> Option<String> {
    let mut paths = find_socket(store).ok()?;
    // Where there is no socket, nobody looks for those of other services.
    paths.retain(|path| path.exists());
    paths.first()?;
    let command = "device.info";
    let request = serde_json::to_value(Asked { command }).ok()?;
    let answer = ask_within(&paths, &request, SHORT_PATIENCE).ok()?.ok()?;
    Some(answer.pointer("/result/url")?.as_str()?.to_owned())
}

/// A request without arguments.
#[derive(Serialize)]
struct Asked {
    command: &'static str,
}

/// Sends a request to the first of these sockets that exists.
pub(super) fn ask(paths: &[PathBuf], request: &Value) -> anyhow::Result<Result<Value, NoService>> {
    ask_within(paths, request, PATIENCE)
}

/// Sends a request as [`ask`] does, and waits at most `patience`.
pub(super) fn ask_within(
    paths: &[PathBuf],
    request: &Value,
    patience: Duration,
) -> anyhow::Result<Result<Value, NoService>> {
    let text = request.to_string();
    if text.len() > MAX_REQUEST {
        bail!(
            "the request has {} bytes; at most {MAX_REQUEST} are accepted",
            text.len()
        );
    }
    for path in paths {
        let shown = path.display();
        match UnixStream::connect(path) {
            Ok(stream) => {
                return talk(stream, &text, patience)
                    .with_context(|| format!("the service at {shown} did not answer"))
                    .map(Ok);
            }
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                return Err(error).with_context(|| Refused {
                    what: format!("cannot ask the service at {shown}: only root and the service's user may"),
                    path: path.clone(),
                });
            }
        }
    }
    let looked = paths.to_vec();
    let others = found_elsewhere(&looked);
    Ok(Err(NoService { looked, others }))
}

/// The sockets of this machine's services that answer, or that are closed to this user. Sockets that were tried already are
/// left out.
fn found_elsewhere(looked: &[PathBuf]) -> Vec<PathBuf> {
    let own = default_socket(Path::new("")).parent().map(Path::to_owned);
    let users = |base: &Path| {
        let entries = base.read_dir().into_iter().flatten().flatten().take(MOST_ENTRIES);
        // The name is `edgereel`, or `edgereel-` with the number of a user.
        let is_ours = |name: &str| {
            let rest = name
                .strip_prefix("edgereel")
                .map(|rest| rest.trim_start_matches('-'));
            rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let named = entries.filter(|entry| is_ours(&entry.file_name().to_string_lossy()));
        named.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let mut folders = users(&std::env::temp_dir());
    folders.extend(users(Path::new("/run")));
    folders.extend(own);
    folders.sort();
    folders.dedup();
    let sockets = folders
        .iter()
        .flat_map(|folder| {
            folder
                .read_dir()
                .into_iter()
                .flatten()
                .flatten()
                .take(MOST_ENTRIES)
        })
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sock") && !looked.contains(path));
    let answers = |path: &PathBuf| !matches!(UnixStream::connect(path), Err(error) if is_absent(&error));
    sockets.filter(answers).take(MOST_OTHERS).collect()
}

fn advice(found: &[PathBuf]) -> String {
    let others = match found {
        [] => String::new(),
        found => format!(
            "\n  but a service answers at {}: use --socket PATH to ask it",
            shown(found)
        ),
    };
    format!(
        "{others}\n  is `edgereel run` running? `systemctl status edgereel` shows it for a service of systemd\n  \
         if it was started with --config FILE or --data DIR, give this command the same"
    )
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory
    )
}

fn talk(mut stream: UnixStream, text: &str, patience: Duration) -> anyhow::Result<Value> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // A service that turned this user away does not read. Its answer is there all the same.
    let written = stream.write_all(format!("{text}\n").as_bytes());
    let most = u64::try_from(MAX_ANSWER)? + 1;
    let mut line = Vec::new();
    let read = BufReader::new(stream.take(most)).read_until(b'\n', &mut line);
    if line.is_empty() {
        written?;
        read?;
        bail!("it closed the connection");
    }
    serde_json::from_slice(&line).context("the service sent something that is not an answer")
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path: &PathBuf| Path::display(path).to_string())
        .collect();
    paths.join(" or ")
}
