//! What a person sees at a terminal of 80 columns: questions, bars, tables, help.
//!
//! The terminal is that of `script`, which Debian always has.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::cli::command;
use crate::support::http::{ask, get};
use crate::support::{Service, edgereel, home, sample_path, wait_closed, wait_for};

const COLUMNS: usize = 80;

/// Runs the program at a terminal with this input. Returns what the terminal shows.
pub(super) fn at_a_terminal(
    environment: &[(&str, &str)],
    arguments: &[&str],
    typed: &str,
) -> (Option<i32>, String) {
    let mut running = begun_at_a_terminal(environment, arguments);
    let mut keyboard = running.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    drop(keyboard);
    let done = running.wait_with_output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

/// Begins to run the program at a terminal.
fn begun_at_a_terminal(environment: &[(&str, &str)], arguments: &[&str]) -> Child {
    let program = command();
    let words = std::iter::once(program.get_program()).chain(program.get_args());
    let words: Vec<String> = words
        .map(|word| word.to_str().unwrap().to_owned())
        .chain(arguments.iter().map(|word| (*word).to_owned()))
        .map(|word| format!("'{word}'"))
        .collect();
    let line = format!("stty cols {COLUMNS} rows 24; exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EDGEREEL")) {
        script.env_remove(name);
    }
    script.env_remove("NO_COLOR").env_remove("COLUMNS");
    script.envs([("TERM", "xterm"), ("LC_ALL", "C.UTF-8")]);
    script.envs(environment.iter().copied());
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    script.spawn().expect("script of util-linux")
}

/// The lines that the terminal showed, also those that others overwrote, without their colours.
fn lines(seen: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = seen;
    while let Some((before, code)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = code.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain.split(['\r', '\n']).map(str::to_owned).collect()
}

#[track_caller]
fn fits(seen: &str) {
    for line in lines(seen) {
        assert!(line.chars().count() <= COLUMNS, "{line}");
    }
}

#[test]
fn a_recording_fits_a_terminal_from_the_push_to_the_export() {
    let home = home();
    let service = Service::start(home.path());
    let data = service.data();
    let (sample, url) = (sample_path(), service.url("live/cam1"));
    let (code, seen) = at_a_terminal(&[], &["publish", sample.to_str().unwrap(), &url, "--fast"], "");
    assert_eq!(code, Some(0), "{seen}");
    bar(&seen, "sent");
    wait_closed(&data);

    // At a terminal, the table has local time. In a pipe it has UTC, and is complete.
    let list = ["ls", "--data", data.to_str().unwrap()];
    let (code, seen) = at_a_terminal(&[("TZ", "Asia/Shanghai")], &list, "");
    assert_eq!(code, Some(0), "{seen}");
    fits(&seen);
    assert!(
        seen.contains("START (+08:00)") && seen.contains("hls,mp4"),
        "{seen}"
    );
    let pipe = edgereel(&list).ok().text();
    assert!(pipe.contains("Z  ") && !pipe.contains('\x1b'), "{pipe}");
    // The command selects by a pattern, as a rule does.
    for (streams, found) in [("live/*", true), ("*/cam2", false), ("live/cam1", true)] {
        let text = edgereel(&[&list[..], &["--stream", streams]].concat())
            .ok()
            .text();
        assert_eq!(text.contains("live/cam1"), found, "{streams}: {text}");
    }
    edgereel(&[&list[..], &["--stream", "live"]].concat()).failed(2, &["live"]);

    // The command asks before it overwrites, and shows its progress.
    let out = home.path().join("out.mp4");
    let export = [
        "export",
        "last",
        "--format",
        "mp4",
        "--data",
        data.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ];
    let (code, seen) = at_a_terminal(&[], &export, "");
    assert_eq!(code, Some(0), "{seen}");
    bar(&seen, "exported");
    let whole = std::fs::read(&out).unwrap();
    for (typed, code, overwritten) in [
        ("n\n", 1, false),
        ("\n", 1, false),
        ("", 1, false),
        ("y\n", 0, true),
        ("YES\n", 0, true),
    ] {
        std::fs::write(&out, "mine").unwrap();
        let (got, seen) = at_a_terminal(&[], &export, typed);
        assert_eq!(got, Some(code), "{typed:?}: {seen}");
        assert!(
            seen.contains("out.mp4' exists already. Overwrite? [y/N]"),
            "{seen}"
        );
        assert_eq!(seen.contains("nothing was overwritten"), !overwritten, "{seen}");
        assert_eq!(left(&out), if overwritten { whole.len() } else { 4 }, "{typed:?}");
    }
    // The command does not ask a user who has given the option.
    std::fs::write(&out, "mine").unwrap();
    let (code, seen) = at_a_terminal(&[], &[&export[..], &["--force"]].concat(), "");
    assert_eq!((code, left(&out)), (Some(0), whole.len()), "{seen}");
    assert!(!seen.contains("[y/N]"), "{seen}");
}

fn left(out: &Path) -> usize {
    std::fs::read(out).unwrap().len()
}

/// Fails unless the bar shows the progress, the rate and the time that is left.
#[track_caller]
fn bar(seen: &str, what: &str) {
    let bars: Vec<String> = lines(seen)
        .into_iter()
        .filter(|line| line.ends_with(" left"))
        .collect();
    let parts = [what, "%  ", " of ", "/s  "];
    let said = |line: &String| parts.iter().all(|part| line.contains(part));
    assert!(bars.iter().any(said), "{seen}");
    for bar in bars {
        let bar = bar.rsplit("[y/N] ").next().unwrap_or_default();
        assert!(bar.chars().count() <= COLUMNS, "{bar}");
    }
}

#[test]
fn help_fits_a_terminal_and_is_coloured_there_alone() {
    let commands = |of: &[&str]| -> Vec<String> {
        let help = edgereel(&[of, &["--help"]].concat()).ok().text();
        assert!(!help.contains('\x1b'), "{help}");
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        listed
            .take_while(|line| line.starts_with("  "))
            .filter(|line| {
                line.chars()
                    .nth(2)
                    .is_some_and(|first| first.is_ascii_lowercase())
            })
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    let all = commands(&[]);
    assert!(all.len() > 15, "{all:?}");
    for command in &all {
        let below = commands(&[command]);
        let below = below.iter().map(|below| vec![command.as_str(), below]);
        for words in std::iter::once(vec![command.as_str()]).chain(below) {
            let (code, seen) = at_a_terminal(&[], &[&words[..], &["--help"]].concat(), "");
            assert_eq!(code, Some(0), "{words:?}: {seen}");
            fits(&seen);
        }
    }
    let coloured = at_a_terminal(&[], &["--help"], "").1;
    assert!(coloured.contains("\x1b["), "{coloured}");
    let plain = at_a_terminal(&[("NO_COLOR", "1")], &["--help"], "").1;
    assert!(plain.contains("Usage:") && !plain.contains('\x1b'), "{plain}");
}

/// What the terminal shows, until it shows `words` and the end of their line.
fn shown_up_to(running: &mut Child, seen: &mut String, words: &str) {
    let output = running.stdout.as_mut().unwrap();
    let mut bytes = [0; 4096];
    while seen
        .split_once(words)
        .is_none_or(|(_, rest)| !rest.contains('\n'))
    {
        let count = output.read(&mut bytes).unwrap();
        assert!(count > 0, "the demo ended without '{words}': {seen}");
        seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
}

/// The address and the path in a URL behind `words`.
fn url_behind(seen: &str, words: &str) -> (SocketAddr, String) {
    let (_, url) = seen.split_once(words).expect("a URL");
    let url = url.split_whitespace().next().unwrap();
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    (address.parse().unwrap(), format!("/{path}"))
}

#[test]
fn the_demo_plays_while_it_records_and_until_somebody_ends_it() {
    let home = home();
    // The demo takes another port where the usual one is taken, by this test or by another program.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let dir = home.path().join("demo");
    // Twice as long as the three chunks that a stream must have before it plays live.
    let arguments = ["demo", "--seconds", "12", "--dir", dir.to_str().unwrap()];
    let (mut running, mut seen) = (begun_at_a_terminal(&[], &arguments), String::new());
    shown_up_to(&mut running, &mut seen, "recording:   ");
    let (door, recording) = url_behind(&seen, "recording:   ");
    let (_, live) = url_behind(&seen, "live:        ");
    assert_ne!(door.port(), 8080);
    let open = get(door, &recording.replace("master", "index"), &[]);
    assert_eq!(open.status, 200, "{}", open.text());
    assert!(!open.text().contains("#EXT-X-ENDLIST"), "{}", open.text());
    wait_for("the stream to play", || {
        Some(()).filter(|()| get(door, &live, &[]).status == 200)
    });

    shown_up_to(&mut running, &mut seen, "until you press Ctrl-C");
    let index = recording.replace("master", "index");
    assert!(get(door, &index, &[]).text().ends_with("#EXT-X-ENDLIST\n"));
    assert_eq!(get(door, &recording, &[]).status, 200);
    // Whoever is on this machine may watch. To operate takes the key of the viewer that the demo has made.
    let (_, key) = seen.split_once("Bearer ").expect("a key");
    let bearer = format!("Bearer {}", &key[..32]);
    let list = |key: Option<&str>| {
        let headers = [
            ("Content-Type", "application/json"),
            ("Authorization", key.unwrap_or_default()),
        ];
        let count = if key.is_some() { 2 } else { 1 };
        let body = b"{\"stream\":\"live/nobody\"}";
        ask(door, "POST", "/api/v1/recording.start", &headers[..count], body).status
    };
    assert_eq!((list(None), list(Some(&bearer))), (403, 409), "{seen}");
    // Nobody is on this machine who asks through a proxy.
    assert_eq!(
        get(door, &recording, &[("Forwarded", "for=192.0.2.1")]).status,
        401
    );

    running.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let done = running.wait_with_output().unwrap();
    let rest = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{seen}{rest}");
    assert!(!rest.contains("WARN") && !rest.contains("ERROR"), "{rest}");
}
