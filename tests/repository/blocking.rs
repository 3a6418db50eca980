//! The network's thread and the deliveries' thread carry everything that happens at once. While one call waits for a storage
//! device, a lock or a service manager, no publisher is read, no command is answered and no SIGTERM is handled. So rooms that
//! run on these threads make no call that may wait, except for the calls that this file lists with their reasons.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Rooms that run on a runtime.
const ROOMS: [&str; 6] = ["api", "daemon", "delivery", "doors", "recorder", "worker"];

/// Calls that may wait.
const CALLS: [&str; 28] = [
    "std::fs::",
    " fs::",
    "(fs::",
    "File::open(",
    ".exists()",
    ".try_exists()",
    ".is_dir()",
    ".is_file()",
    ".canonicalize()",
    "statvfs(",
    "Library::open(",
    "Connection::open",
    "Store::open(",
    "thread::sleep(",
    "thread.join()",
    "block_on(",
    "block_in_place(",
    "blocking_recv(",
    "blocking_send(",
    ".recv_timeout(",
    "sync_channel(",
    "to_socket_addrs(",
    "std::net::TcpStream::connect",
    "net::UnixStream::connect",
    "net::UnixDatagram::unbound",
    "sd_notify::notify(",
    "std::process::Command",
    "load_native_certs(",
];

/// The places where such a call is allowed: the file, the call, how often, and why nobody has to wait for it.
const MAY: [(&str, &str, usize, &str); 31] = [
    (
        "api/described/kept.rs",
        "std::fs::",
        2,
        "part of a test, which compares documents with their files",
    ),
    (
        "api/process.rs",
        "std::fs::",
        2,
        "proc and sys: the kernel's memory",
    ),
    (
        "daemon/control.rs",
        "std::fs::",
        2,
        "once, before anybody is let in",
    ),
    ("daemon/control.rs", ".is_dir()", 1, "of what is known already"),
    (
        "daemon/keys.rs",
        "std::fs::",
        2,
        "asked by may_block, and at the start",
    ),
    (
        "daemon/keys.rs",
        ".exists()",
        1,
        "asked by may_block, and at the start",
    ),
    ("daemon/keys.rs", ".is_file()", 1, "of what is known already"),
    (
        "daemon/keys.rs",
        "load_native_certs(",
        1,
        "for commands, which have nobody else to hold up",
    ),
    (
        "daemon/log.rs",
        ".recv_timeout(",
        2,
        "at the end of the process, and on the thread of the log",
    ),
    (
        "daemon/log.rs",
        "sync_channel(",
        2,
        "lines are handed over by try_send",
    ),
    ("daemon/mod.rs", ".try_exists()", 1, "before there is a runtime"),
    ("daemon/mod.rs", "block_on(", 1, "begins the runtime"),
    (
        "daemon/notify.rs",
        "net::UnixDatagram::unbound",
        1,
        "made non-blocking in the next line",
    ),
    (
        "daemon/service/settings.rs",
        "std::fs::",
        1,
        "the machine's id, before anybody is let in",
    ),
    ("daemon/service/start.rs", "Store::open(", 1, "asked by may_block"),
    (
        "doors/http/live/mod.rs",
        "File::open(",
        2,
        "a chunk of the tape, opened by door.read",
    ),
    (
        "doors/http/shift/joined.rs",
        "File::open(",
        1,
        "a chunk of the tape, opened by door.read",
    ),
    (
        "doors/http/server.rs",
        "thread.join()",
        1,
        "asked by spawn_blocking, at the end",
    ),
    (
        "doors/http/server.rs",
        "block_on(",
        1,
        "begins the runtime, on a thread of its own",
    ),
    (
        "doors/rtmp/push/mod.rs",
        "block_on(",
        1,
        "begins the runtime, on a thread of its own",
    ),
    (
        "doors/socket/mod.rs",
        "std::fs::",
        5,
        "a socket in memory (/run), once at the start and at the end",
    ),
    (
        "delivery/handle.rs",
        "thread.join()",
        1,
        "asked by may_block, and at the end",
    ),
    (
        "delivery/handle.rs",
        "block_on(",
        1,
        "begins the runtime, on a thread of its own",
    ),
    (
        "delivery/job/file.rs",
        "File::open(",
        1,
        "a view, by store::Reader: spawn_blocking",
    ),
    (
        "delivery/remote/folder.rs",
        "std::fs::",
        1,
        "carried out by spawn_blocking",
    ),
    (
        "delivery/remote/folder.rs",
        " fs::",
        5,
        "carried out by spawn_blocking",
    ),
    (
        "delivery/remote/folder.rs",
        ".is_dir()",
        2,
        "carried out by spawn_blocking",
    ),
    (
        "delivery/remote/folder.rs",
        ".is_file()",
        1,
        "carried out by spawn_blocking",
    ),
    (
        "delivery/remote/folder.rs",
        "statvfs(",
        1,
        "carried out by spawn_blocking",
    ),
    (
        "worker/decoder.rs",
        ".recv_timeout(",
        3,
        "the worker is a process of its own, without a runtime",
    ),
    (
        "worker/serve.rs",
        "std::fs::",
        3,
        "the worker is a process of its own, without a runtime",
    ),
];

#[test]
fn nothing_on_a_runtime_waits_for_a_card_a_lock_or_a_manager() {
    let mut wrong = String::new();
    for room in ROOMS {
        for file in sources(&Path::new("src").join(room)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let shown = file.strip_prefix("src").unwrap().to_str().unwrap();
            for call in CALLS {
                let places: Vec<usize> = carried_out(&text)
                    .filter(|(_, line)| line.contains(call))
                    .map(|(number, _)| number)
                    .collect();
                let may = MAY
                    .iter()
                    .find(|(of, what, ..)| *of == shown && *what == call)
                    .map_or(0, |(_, _, times, _)| *times);
                if places.len() != may {
                    writeln!(wrong, "src/{shown}: {call} at {places:?}, {may} known").unwrap();
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "move it to spawn_blocking or a thread, or say here why it waits for nothing:\n{wrong}"
    );
}

/// The lines that the program executes, with their numbers: no comments, and no tests.
fn carried_out(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .take_while(|(_, line)| *line != "mod tests {")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["tests", "testing", "fuzz"].contains(&name) {
            continue;
        }
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|kind| kind == "rs") => found.push(path),
            false => {}
        }
    }
    found
}
