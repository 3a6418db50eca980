//! The man pages and completions that packages install, in `packaging/`. They are made of the same description as the arguments
//! themselves. The tests here check that none is out of date, and renew them.
//!
//! | module | what it is |
//! |---|---|
//! | `man` | a page for each command, or group of them |
//! | `file` | the page about the configuration file |

mod file;
mod man;

use std::collections::BTreeMap;
use std::path::Path;

use clap_complete::Shell;

/// The files of a folder: each name with its text.
type Files = BTreeMap<String, String>;

/// The files of a folder in `packaging/` equal the files that would be made now, and the folder has no other file.
#[expect(
    clippy::disallowed_methods,
    reason = "files of this repository, not flash of a box"
)]
fn assert_kept(folder: &str, made: &Files) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(folder);
    if std::env::var_os("EDGEREEL_BLESS").is_some() {
        std::fs::create_dir_all(&path).unwrap();
        for name in kept(&path).keys().filter(|name| !made.contains_key(*name)) {
            std::fs::remove_file(path.join(name)).unwrap();
        }
        for (name, text) in made {
            std::fs::write(path.join(name), text).unwrap();
        }
    }
    let kept = kept(&path);
    let names = kept.keys().chain(made.keys());
    let mut old: Vec<&String> = names.filter(|name| kept.get(*name) != made.get(*name)).collect();
    old.dedup();
    assert!(
        old.is_empty(),
        "{old:?} in packaging/{folder} are not what the commands say: renew them with\n\
         EDGEREEL_BLESS=1 cargo test --lib packaged"
    );
}

fn kept(folder: &Path) -> Files {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Files::new();
    };
    let file = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    entries.map(|entry| file(entry.unwrap().path())).collect()
}

#[test]
fn the_man_pages_are_those_of_the_commands() {
    let mut pages = man::pages(super::whole());
    pages.insert("edgereel.toml.5".to_owned(), file::page());
    assert_kept("man", &pages);
}

#[test]
fn the_completions_are_those_of_the_commands() {
    for (shell, folder, name) in [
        (Shell::Bash, "bash", "edgereel"),
        (Shell::Zsh, "zsh", "_edgereel"),
        (Shell::Fish, "fish", "edgereel.fish"),
    ] {
        let script = super::completions::script(shell).unwrap();
        assert_kept(
            &format!("completions/{folder}"),
            &Files::from([(name.to_owned(), script)]),
        );
    }
}
