//! The commands as a user meets them: exit codes, words and documents.

use std::path::Path;

use crate::support::{edgereel, edgereel_in, export, home, recordings};

fn check_config(folder: &Path, environment: &[(&str, &str)], text: &str) -> crate::support::Done {
    std::fs::write(folder.join("box.toml"), text).unwrap();
    edgereel_in(folder, environment, &["check-config", "--config", "box.toml"])
}

#[test]
fn which_gaps_are_closed_all_the_same_is_said_where_they_are_to_be_kept() {
    let home = home();
    let text = |gaps: &str| format!("[[template]]\nname = \"default\"\ngaps = \"{gaps}\"\n");
    let keeps = check_config(home.path(), &[], &text("keep")).ok().text();
    let note = "\n# note: gaps = \"keep\" of template 'default' works for sound in AAC LC, HE-AAC, MP3, and Opus of up to two channels; for other \
                codecs, and in HLS, gaps are closed\n";
    assert!(keeps.contains(note), "{keeps}");
    let closes = check_config(home.path(), &[], &text("close")).ok().text();
    assert!(!closes.contains("gaps are closed"), "{closes}");
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    for arguments in [
        &["fly"][..],
        &[],
        &["ls", "--bananas"],
        &["export"],
        &["export", "last", "--format", "avi"],
    ] {
        let done = edgereel(arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.stderr);
        assert!(
            done.stdout.is_empty() && done.stderr.contains("--help"),
            "{arguments:?}: {}",
            done.stderr
        );
    }
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["export", "--help"],
    ] {
        let done = edgereel(arguments).ok();
        assert!(!done.stdout.is_empty() && done.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_command_is_in_the_help() {
    let help = edgereel(&["--help"]).ok().text();
    for command in [
        "run",
        "demo",
        "check-config",
        "ls",
        "export",
        "verify",
        "publish",
        "recording",
        "clip",
        "task",
        "rule",
        "template",
        "stream",
    ] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(command)),
            "{command} is not in: {help}"
        );
    }
}

#[test]
fn a_good_configuration_is_printed_and_reads_back() {
    let home = home();
    let text =
        "[device]\nid = \"box-17\"\n[storage]\ndir = \"tape\"\n[rtmp]\nlisten = [\"127.0.0.1:1936\"]\n";
    let printed = check_config(home.path(), &[], text).ok().text();
    for part in ["id = \"box-17\"", "127.0.0.1:1936", "dir = \"tape\"", "box.toml"] {
        assert!(printed.contains(part), "'{part}' is not in: {printed}");
    }
    let again = check_config(home.path(), &[], &printed).ok().text();
    assert_eq!(again, printed);
}

#[test]
fn defaults_are_safe() {
    let home = home();
    let printed = check_config(home.path(), &[], "").ok().text();
    assert!(printed.contains("listen = [\"127.0.0.1:1935\"]"), "{printed}");
}

#[test]
fn the_configuration_of_packages_is_safe_and_right_with_every_example_too() {
    let home = home();
    let text = include_str!("../../packaging/edgereel.toml");
    let printed = check_config(home.path(), &[], text).ok().text();
    for part in [
        "listen = [\"127.0.0.1:1935\"]",
        "[http]\nlisten = []",
        "dir = \"/var/lib/edgereel/store\"",
    ] {
        assert!(printed.contains(part), "'{part}' is not in: {printed}");
    }
    // A '#' directly before a key or a section.
    let example = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<String> = text.lines().map(example).collect();
    let printed = check_config(home.path(), &[], &all.join("\n")).ok().text();
    for part in [
        "0.0.0.0:1935",
        "0.0.0.0:1936",
        "0.0.0.0:8080",
        "[[publisher]]",
        "[[viewer]]",
        "s3://media/box-17",
        "mqtts://",
    ] {
        assert!(printed.contains(part), "'{part}' is not in: {printed}");
    }
}

#[test]
fn the_hash_of_a_password_is_one_that_a_viewer_may_have() {
    let home = home();
    let hash = |password: &str| {
        let mut command = crate::support::cli::command();
        command.arg("hash-password");
        crate::support::cli::fed(command, password.as_bytes())
    };
    let printed = hash("open sesame\nnot this\n").ok().text();
    let config = format!("[[viewer]]\nname = \"anna\"\npassword = \"{}\"\n", printed.trim());
    check_config(home.path(), &[], &config).ok();
    hash("short\n").failed(1, &["at least 8 characters"]);
    hash("").failed(1, &["at least 8 characters"]);
    hash(&"a".repeat(600)).failed(1, &["at most 512 bytes"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
    let home = home();
    let done = check_config(home.path(), &[], "[rtmp]\n\nlisten_on = [\"127.0.0.1:1\"]\n");
    done.failed(1, &["box.toml:3", "'listen_on'", "'listen'"]);
}

#[test]
fn the_environment_wins_and_is_named_when_wrong() {
    let home = home();
    let text = "[storage]\ndir = \"tape\"\n";
    let printed = check_config(home.path(), &[("EDGEREEL__STORAGE__DIR", "elsewhere")], text)
        .ok()
        .text();
    assert!(printed.contains("dir = \"elsewhere\""), "{printed}");
    let wrong = check_config(home.path(), &[("EDGEREEL__RING__MEMORI", "1 MiB")], text);
    wrong.failed(1, &["EDGEREEL__RING__MEMORI", "'memory'"]);
    let path = home.path().join("box.toml");
    let named = [("EDGEREEL_CONFIG", path.to_str().unwrap())];
    let printed = edgereel_in(Path::new("/"), &named, &["check-config"]).ok().text();
    assert!(printed.contains("dir = \"tape\""), "{printed}");
}

#[test]
fn strangers_are_let_in_only_when_told_so() {
    let home = home();
    let open = "[rtmp]\nlisten = [\"0.0.0.0:1935\"]\n";
    check_config(home.path(), &[], open).failed(1, &["box.toml:2", "0.0.0.0:1935", "allow_anonymous"]);
    check_config(home.path(), &[], &format!("{open}allow_anonymous = true\n")).ok();
    // The service applies the same check.
    std::fs::write(home.path().join("box.toml"), open).unwrap();
    edgereel_in(home.path(), &[], &["run", "--config", "box.toml"]).failed(78, &["box.toml:2"]);
}

#[test]
fn a_service_with_a_wrong_configuration_says_so_by_its_exit_code() {
    let home = home();
    let path = home.path().join("box.toml");
    let run = || edgereel_in(home.path(), &[], &["run", "--config", "box.toml"]);
    for (text, words) in [
        (&b"[rtmp]\nlisten_on = 1\n"[..], "box.toml:2"),
        (b"[rtmp\n", "box.toml:1"),
        (b"\xff", "box.toml"),
    ] {
        std::fs::write(&path, text).unwrap();
        run().failed(78, &[words]);
    }
    let wrong = [("EDGEREEL__RING__MEMORI", "1 MiB")];
    edgereel_in(home.path(), &wrong, &["run"]).failed(78, &["'memory'"]);
    // A problem that may end by itself has another exit code.
    std::fs::write(&path, "[storage]\ndir = \"/dev/null/tape\"\n").unwrap();
    run().failed(1, &["/dev/null/tape"]);
}

#[test]
fn a_missing_configuration_file_is_an_error_that_names_it() {
    for (command, code) in [("check-config", 1), ("run", 78), ("ls", 1)] {
        edgereel(&[command, "--config", "/nowhere/box.toml"]).failed(code, &["/nowhere/box.toml"]);
    }
}

#[test]
fn a_missing_store_is_an_error_that_names_it_and_is_not_made() {
    let home = home();
    let missing = home.path().join("nothing-here");
    let path = missing.to_str().unwrap();
    edgereel(&["ls", "--data", path]).failed(1, &["nothing-here"]);
    edgereel(&["export", "last", "--format", "mp4", "--data", path, "-o", "-"]).failed(1, &["nothing-here"]);
    assert!(!missing.exists(), "a command that reads made the store");
}

#[test]
fn an_empty_store_has_no_recordings() {
    let home = home();
    let service = crate::support::Service::start(home.path());
    let data = service.data();
    assert!(recordings(&data).is_empty());
    let (status, _) = service.stop();
    assert!(status.success());
    let list = edgereel(&["ls", "--data", data.to_str().unwrap()]).ok();
    assert!(list.stdout.is_empty(), "a pipe wants nothing: {}", list.text());
    let document = edgereel(&["ls", "--json", "--data", data.to_str().unwrap()]).ok();
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).unwrap();
    assert_eq!(document, serde_json::json!({ "recordings": [], "next": null }));
    let out = home.path().join("out.mp4");
    export(&data, "last", "mp4", &out).failed(1, &[]);
    export(&data, "0190a1b2", "mp4", &out).failed(1, &["0190a1b2"]);
    assert!(!out.exists(), "a failed export left a file");
}

#[test]
fn two_services_never_share_a_store() {
    let home = home();
    let mut service = crate::support::Service::start(home.path());
    let config = home.path().join("edgereel.toml");
    let second = edgereel(&[Path::new("run"), Path::new("--config"), &config]);
    second.failed(1, &["data"]);
    assert!(service.alive());
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let home = home();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = format!("[\"{address}\"]");
    let environment = [
        ("EDGEREEL__RTMP__LISTEN", listen.as_str()),
        ("EDGEREEL__HTTP__LISTEN", "[]"),
    ];
    edgereel_in(home.path(), &environment, &["run"]).failed(1, &[&address]);
}

#[test]
fn publishing_fails_with_words_when_nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let sample = crate::support::sample_path();
    let url = format!("rtmp://{address}/live/cam1");
    edgereel(&["publish", sample.to_str().unwrap(), &url]).failed(1, &[&address.to_string()]);
    edgereel(&["publish", "/nowhere/clip.flv", &url]).failed(1, &["/nowhere/clip.flv"]);
    edgereel(&["publish", sample.to_str().unwrap(), "http://127.0.0.1/live/cam1"]).failed_with_usage();
}

#[test]
fn a_closed_directory_is_not_one_without_a_tape() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    let home = home();
    let service = crate::support::Service::start(home.path());
    let data = service.data();
    service.stop();
    // Root may read everything. So the test becomes nobody, with a program that nobody may run.
    let root = nix::unistd::geteuid().is_root();
    let nobody = 65_534;
    let mut command = crate::support::cli::command();
    if root {
        let open = std::fs::Permissions::from_mode(0o755);
        let program = home.path().join("edgereel");
        // Another process writes the copy: a program that is open for writing in this process, or in a child of another test,
        // does not start.
        let mut copy = std::process::Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_edgereel")).arg(&program);
        crate::support::cli::run(copy).ok();
        std::fs::set_permissions(&program, open.clone()).unwrap();
        std::fs::set_permissions(home.path(), open).unwrap();
        command = crate::support::cli::program(&program);
        command.uid(nobody).gid(nobody);
        chown(&data, Some(1), Some(1)).unwrap();
    }
    let closed = if root { 0o750 } else { 0o000 };
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(closed)).unwrap();
    command.args(["ls", "--data"]).arg(&data).current_dir("/");
    let done = crate::support::cli::run(command);
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let done = done.failed(
        1,
        &[
            data.to_str().unwrap(),
            "ermission denied",
            "you are '",
            "belongs to user",
        ],
    );
    assert!(!done.stderr.contains("no tape"), "{}", done.stderr);
    assert_eq!(
        done.stderr.matches("ermission denied").count(),
        1,
        "{}",
        done.stderr
    );
    if root {
        assert!(
            done.stderr.contains("sudo -u ") && done.stderr.contains("usermod"),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn no_error_of_the_system_is_told_twice() {
    let home = home();
    let missing = home.path().join("nowhere/x");
    let missing = missing.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listen = format!("[\"{address}\"]");
    let sample = crate::support::sample_path();
    let sample = sample.to_str().unwrap();
    let refused = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("rtmp://{}/live/cam1", free.local_addr().unwrap())
    };
    for (environment, arguments) in [
        (&[][..], &["check-config", "--config", missing][..]),
        (&[], &["run", "--data", "/dev/null/tape"]),
        (&[("EDGEREEL__RTMP__LISTEN", listen.as_str())], &["run"]),
        (&[], &["publish", missing, "rtmp://127.0.0.1:9/live/cam1"]),
        (&[], &["publish", sample, &refused]),
        (&[], &["ls", "--data", missing]),
        (&[], &["demo", "--dir", "/dev/null/demo"]),
    ] {
        let done = edgereel_in(home.path(), environment, arguments);
        assert!(
            matches!(done.code, Some(1 | 78)),
            "{arguments:?}: {}",
            done.stderr
        );
        let errors = done.stderr.lines().filter(|line| line.starts_with("edgereel: "));
        for line in errors {
            assert!(line.matches("(os error").count() < 2, "{line}");
        }
    }
}

#[test]
fn a_storage_directory_on_the_line_is_the_one_for_every_command() {
    let home = home();
    std::fs::write(home.path().join("box.toml"), "[storage]\ndir = \"elsewhere\"\n").unwrap();
    let environment = [("EDGEREEL__STORAGE__DIR", "third")];
    let arguments = ["check-config", "--config", "box.toml", "--data", "tape"];
    let printed = edgereel_in(home.path(), &environment, &arguments).ok().text();
    assert!(printed.contains("dir = \"tape\""), "{printed}");
    let mut command = crate::support::cli::command();
    let listen = ("EDGEREEL__RTMP__LISTEN", "[\"127.0.0.1:0\"]");
    command
        .current_dir(home.path())
        .args(["run", "--config", "box.toml", "--data", "tape"])
        .envs([
            environment[0],
            listen,
            ("XDG_RUNTIME_DIR", home.path().to_str().unwrap()),
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut running = command.spawn().unwrap();
    let asked = [("XDG_RUNTIME_DIR", home.path().to_str().unwrap())];
    crate::support::wait_for("an answer of the service", || {
        let done = edgereel_in(
            home.path(),
            &asked,
            &["device", "stats", "--data", "tape", "--json"],
        );
        (done.code == Some(0)).then_some(())
    });
    edgereel_in(home.path(), &asked, &["ls", "--data", "./tape"]).ok();
    // Where the command line names no socket, the error says where a service answers.
    let done = edgereel_in(home.path(), &asked, &["device", "stats"]);
    done.failed(
        1,
        &[
            "no service answers at",
            "but a service answers at",
            "--socket",
            "--data",
        ],
    );
    assert!(!home.path().join("elsewhere").exists() && !home.path().join("third").exists());
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(running.id().try_into().unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    assert!(running.wait().unwrap().success());
}

impl crate::support::Done {
    /// 1 or 2: a URL may be refused by the parser of arguments or by the command.
    fn failed_with_usage(self) {
        assert!(
            matches!(self.code, Some(1 | 2)),
            "{:?}: {}",
            self.code,
            self.stderr
        );
        assert!(self.stderr.contains("rtmp"), "{}", self.stderr);
    }
}
