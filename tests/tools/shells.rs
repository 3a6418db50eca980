//! Completion in the shells that people use: a line, TAB, and the line after it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{BASH, Program, ZSH};
use crate::support::{Service, edgereel, home, only_recording, sample_path, wait_until};

/// The beginning of a line that the shell prints once more, as the line is after TAB.
const PRINT: &str = "\x01echo :: \n";

/// Types the beginning of each of these lines, then TAB, in a shell at a terminal. Returns the completed lines.
fn completed(shell: &Program, folder: &Path, begin: &str, lines: &[String]) -> Vec<String> {
    let mut typed = format!("{begin}\n");
    for line in lines {
        let _ = write!(typed, "{line}\t{PRINT}");
    }
    typed.push_str("exit\n");
    let start = match shell.name {
        "zsh" => "zsh -f -i",
        _ => "bash --norc --noprofile -i",
    };
    let program = Path::new(env!("CARGO_BIN_EXE_edgereel")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut script = Command::new("script");
    script
        .args(["-qec", &format!("stty cols 400; exec {start}"), "/dev/null"])
        .current_dir(folder)
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("TERM", "dumb"),
            ("LC_ALL", "C.UTF-8"),
            ("HISTFILE", "/dev/null"),
        ])
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut running = script.spawn().expect("script of util-linux");
    let mut keyboard = running.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    drop(keyboard);
    let done = running.wait_with_output().unwrap();
    let seen = String::from_utf8_lossy(&done.stdout).into_owned();
    let printed = seen
        .split(['\r', '\n'])
        .filter_map(|line| line.strip_prefix(":: "));
    let printed: Vec<String> = printed.map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(printed.len(), lines.len(), "{}: {seen}", shell.name);
    printed
}

#[test]
fn bash_and_zsh_complete_commands_options_ids_and_streams() {
    let home = home();
    let service = Service::start(home.path());
    let (data, config) = (service.data(), home.path().join("edgereel.toml"));
    edgereel(&[
        "publish",
        sample_path().to_str().unwrap(),
        &service.url("live/cam1"),
        "--fast",
    ])
    .ok();
    wait_until("a closed recording", || only_recording(&data).state == "closed");
    let id = only_recording(&data).id;
    let (data, config) = (data.display().to_string(), config.display().to_string());
    let cases = [
        ("edgereel reco".to_owned(), "edgereel recording".to_owned()),
        (
            "edgereel recording unp".to_owned(),
            "edgereel recording unprotect".to_owned(),
        ),
        (
            "edgereel export --out".to_owned(),
            "edgereel export --output".to_owned(),
        ),
        // bash splits words at `=`.
        (
            "edgereel export last --format=fm".to_owned(),
            "edgereel export last --format=fmp4".to_owned(),
        ),
        (
            "edgereel template put x --formats=hls,fm".to_owned(),
            "edgereel template put x --formats=hls,fmp4".to_owned(),
        ),
        (
            "edgereel export last --format fm".to_owned(),
            "edgereel export last --format fmp4".to_owned(),
        ),
        (
            format!("edgereel export --data {data} {}", &id[..9]),
            format!("edgereel export --data {data} {id}"),
        ),
        (
            format!("edgereel ls --data {data} --stream li"),
            format!("edgereel ls --data {data} --stream live/cam1"),
        ),
        (
            format!("edgereel recording start live/cam1 --config {config} --template def"),
            format!("edgereel recording start live/cam1 --config {config} --template default"),
        ),
        (
            "edgereel verify --config edgereel.t".to_owned(),
            "edgereel verify --config edgereel.toml".to_owned(),
        ),
    ];
    let lines: Vec<String> = cases.iter().map(|(line, _)| line.clone()).collect();
    let wanted: Vec<String> = cases.iter().map(|(_, whole)| whole.clone()).collect();
    for (shell, begin) in [
        (BASH, "source <(edgereel completions bash)"),
        (
            ZSH,
            "autoload -Uz compinit; compinit -u -D; source <(edgereel completions zsh)",
        ),
    ] {
        // The failure names a missing program.
        shell.path();
        assert_eq!(
            completed(&shell, home.path(), begin, &lines),
            wanted,
            "{}",
            shell.name
        );
    }
    service.stop();
}
