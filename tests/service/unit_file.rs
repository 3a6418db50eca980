//! The systemd unit, compared with the program that it starts.

use std::path::{Path, PathBuf};

use crate::support::{edgereel, edgereel_in, home};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of a key in a unit, in order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

/// The only value of a key.
#[track_caller]
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let values = values(unit, key);
    assert_eq!(values.len(), 1, "{key}: {values:?}");
    values[0]
}

#[test]
fn the_commands_of_the_unit_are_commands_of_the_program() {
    let unit = text("edgereel.service");
    for key in ["ExecStart", "ExecReload"] {
        let mut words = value(&unit, key).split(' ');
        assert_eq!(words.next(), Some("/usr/bin/edgereel"), "{key}");
        let arguments: Vec<&str> = words.chain(["--help"]).collect();
        edgereel(&arguments).ok();
    }
}

#[test]
fn what_does_not_mend_itself_is_not_started_again() {
    let unit = text("edgereel.service");
    let prevented: Vec<i32> = value(&unit, "RestartPreventExitStatus")
        .split(' ')
        .map(|code| code.parse().unwrap())
        .collect();
    let home = home();
    let usage = edgereel(&["run", "--bananas"]).code.unwrap();
    let wrong = [("EDGEREEL__RING__MEMORI", "1 MiB")];
    let configuration = edgereel_in(home.path(), &wrong, &["run"]).code.unwrap();
    assert_eq!(prevented, [usage, configuration]);
    assert_eq!(value(&unit, "StartLimitIntervalSec"), "0");
}

#[test]
fn paths_are_those_that_the_program_looks_for() {
    let unit = text("edgereel.service");
    let told = text("README.md");
    let runtime = value(&unit, "RuntimeDirectory");
    // The minus: the directory does not exist at the first start.
    let state = value(&unit, "ReadWritePaths").trim_start_matches('-');
    for path in [format!("/run/{runtime}/control.sock"), format!("{state}/store")] {
        assert!(told.contains(&format!("`{path}`")), "{path} is not in README.md");
    }
    assert_eq!(value(&unit, "RequiresMountsFor"), state);
    // The program removes the id: tests/service/access.rs.
    let credentials = value(&unit, "LoadCredential").split_once(':').unwrap();
    assert_eq!(credentials, ("edgereel", "/etc/edgereel/credentials"));
    let made = text("edgereel.tmpfiles");
    assert!(
        made.contains(&format!("d {} 0700 root root", credentials.1)),
        "{made}"
    );
}

/// With these settings, a storage device could not be unmounted, or would stay mounted in the sandbox.
#[test]
fn nothing_holds_on_to_the_card() {
    for key in ["StateDirectory", "BindPaths", "WorkingDirectory"] {
        assert_eq!(values(&text("edgereel.service"), key), [""; 0], "{key}");
    }
}

#[test]
fn the_user_is_the_one_that_is_made() {
    let unit = text("edgereel.service");
    let user = value(&unit, "User");
    assert_eq!(value(&unit, "Group"), user);
    assert!(text("edgereel.sysusers").contains(&format!("u {user} - ")));
    assert!(
        values(&unit, "ExecStartPre")
            .contains(&format!("+/bin/chown {user}:{user} /var/lib/edgereel").as_str())
    );
    assert!(text("edgereel.tmpfiles").contains(&format!("edgereel.toml 0640 root {user}\n")));
}

#[test]
fn examples_say_when_they_are_wanted() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# When "), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "there are no examples");
}
