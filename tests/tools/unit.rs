//! systemd's judgement of the files in `systemd/`, without a start of anything.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::programs::Program;
use crate::support::{Done, home};

const ANALYZE: Program = Program {
    name: "systemd-analyze",
    package: "systemd",
};

const SHELL: Program = Program {
    name: "sh",
    package: "dash",
};

/// Exposure, in tenths: docs/security.md has the figure.
const EXPOSED_AT_MOST: &str = "--threshold=11";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

/// The same of the media worker.
const WORKER_EXPOSED_AT_MOST: &str = "--threshold=2";

/// The unit, with a program that exists on this machine and with these examples, as systemd reads it.
fn verify(examples: &[PathBuf]) -> Done {
    let home = home();
    let unit = std::fs::read_to_string(folder().join("edgereel.service")).unwrap();
    let unit = unit.replace("/usr/bin/edgereel", env!("CARGO_BIN_EXE_edgereel"));
    let path = home.path().join("edgereel.service");
    std::fs::write(&path, unit).unwrap();
    let beside = home.path().join("edgereel.service.d");
    std::fs::create_dir(&beside).unwrap();
    for example in examples {
        std::fs::copy(example, beside.join(example.file_name().unwrap())).unwrap();
    }
    ANALYZE.run(["verify".as_ref(), path.as_os_str()])
}

/// An unknown key causes a warning and no failure, so systemd must print nothing.
#[track_caller]
fn nothing_is_said(done: Done) {
    let done = done.ok();
    assert!(done.stderr.is_empty() && done.stdout.is_empty(), "{done:?}");
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    nothing_is_said(verify(&[]));
}

#[test]
fn systemd_understands_every_line_of_the_examples() {
    for example in std::fs::read_dir(folder().join("examples")).unwrap() {
        nothing_is_said(verify(&[example.unwrap().path()]));
    }
}

#[test]
fn the_sandbox_is_as_tight_as_is_said() {
    let unit = folder().join("edgereel.service");
    let done = ANALYZE.run([
        "security".as_ref(),
        "--offline=true".as_ref(),
        "--no-pager".as_ref(),
        EXPOSED_AT_MOST.as_ref(),
        unit.as_os_str(),
    ]);
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
}

#[test]
fn systemd_understands_the_media_worker_and_its_sandbox_is_as_tight_as_is_said() {
    let home = home();
    let paths = ["edgereel-media.socket", "edgereel-media@.service"].map(|name| {
        let unit = std::fs::read_to_string(folder().join(name)).unwrap();
        let unit = unit.replace("/usr/bin/edgereel", env!("CARGO_BIN_EXE_edgereel"));
        let path = home.path().join(name);
        std::fs::write(&path, unit).unwrap();
        path
    });
    nothing_is_said(ANALYZE.run(["verify".as_ref(), paths[0].as_os_str(), paths[1].as_os_str()]));
    let words = ["security", "--offline=true", "--no-pager", WORKER_EXPOSED_AT_MOST];
    let words = words.iter().map(AsRef::as_ref).chain([paths[1].as_os_str()]);
    let done = ANALYZE.run(words);
    assert_eq!(done.code, Some(0), "{}{}", done.text(), done.stderr);
}

/// Runs each command that root runs before the service, for a storage device at `card`. `Err` is the message of the first that
/// failed.
fn prepare(card: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(folder().join("examples/storage-on-data.conf")).unwrap();
    let nobody = text
        .replace("/data", card.to_str().unwrap())
        .replace("edgereel:edgereel", "65534:65534");
    for command in nobody
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStartPre=+"))
    {
        let done = SHELL.run(["-c", command]);
        if done.code != Some(0) {
            return Err(done.stderr);
        }
    }
    Ok(())
}

#[test]
fn root_follows_no_link_that_a_card_brings() {
    let home = home();
    let (card, system) = (home.path().join("card"), home.path().join("system"));
    std::fs::create_dir(&card).unwrap();
    std::fs::create_dir(&system).unwrap();
    let owner = |path: &Path| std::fs::metadata(path).unwrap().uid();

    std::os::unix::fs::symlink(&system, card.join("edgereel")).unwrap();
    let said = prepare(&card).unwrap_err();
    assert!(said.contains("is a symbolic link, and not followed"), "{said}");
    assert_eq!(
        owner(&system),
        0,
        "root is needed: who else may give a folder away?"
    );

    std::fs::remove_file(card.join("edgereel")).unwrap();
    prepare(&card).unwrap();
    assert_eq!(owner(&card.join("edgereel")), 65534);
}
