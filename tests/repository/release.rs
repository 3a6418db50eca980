//! The maker of a release relies on this: sums of all files, a statement where the sums are not signed, and a check that finds
//! missing, changed and extra files. `tests/tools/release.rs` signs.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs without the machine's own key.
fn release(arguments: &[&str], folder: &Path) -> (bool, String) {
    let output = Command::new("scripts/release.sh")
        .args(arguments)
        .arg(folder)
        .env_remove("RELEASE_KEY")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "edgereel_0.1.0-1_amd64.deb",
        "edgereel-0.1.0.tar.gz",
        "LICENSE-MIT",
    ] {
        fs::write(folder.path().join(name), format!("stands for {name}")).unwrap();
    }
    folder
}

#[test]
fn sums_without_a_key_are_said_to_be_unsigned_and_find_what_is_not_as_it_was() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    // The signature of an earlier release, with another key.
    fs::write(at("SHA256SUMS.asc"), "stale").unwrap();
    let (sealed, said) = release(&["seal"], folder.path());
    assert!(
        sealed && said.contains("is NOT SIGNED") && said.contains("RELEASE_KEY"),
        "{said}"
    );
    assert!(!at("SHA256SUMS.asc").exists());
    let sums = fs::read_to_string(at("SHA256SUMS")).unwrap();
    let names: Vec<&str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|it| it.1)
        .collect();
    assert_eq!(
        names,
        [
            "LICENSE-MIT",
            "edgereel-0.1.0.tar.gz",
            "edgereel_0.1.0-1_amd64.deb"
        ],
        "in an order that hangs on no language"
    );
    let (good, said) = release(&["check"], folder.path());
    assert!(good && said.contains("is not signed"), "{said}");

    fs::write(at("extra.deb"), "nobody listed it").unwrap();
    let (good, said) = release(&["check"], folder.path());
    assert!(!good && said.contains("extra.deb"), "{said}");
    fs::remove_file(at("extra.deb")).unwrap();
    fs::write(at("LICENSE-MIT"), "other words").unwrap();
    let (good, said) = release(&["check"], folder.path());
    assert!(!good && said.contains("LICENSE-MIT"), "{said}");
    fs::remove_file(at("LICENSE-MIT")).unwrap();
    assert!(!release(&["check"], folder.path()).0);
}

#[test]
fn nothing_is_sealed_where_nothing_is() {
    let empty = tempfile::tempdir().unwrap();
    let (sealed, said) = release(&["seal"], empty.path());
    assert!(!sealed && said.contains("nothing to seal"), "{said}");
    fs::create_dir(empty.path().join("folder")).unwrap();
    assert!(!release(&["seal"], empty.path()).0);
}

#[test]
fn two_folders_of_a_release_are_compared_and_what_is_not_the_same_is_named() {
    let (one, other) = (folder(), folder());
    let compare = || release(&["compare", one.path().to_str().unwrap()], other.path());
    assert!(release(&["seal"], one.path()).0);
    // Each signature is different.
    fs::write(one.path().join("SHA256SUMS.asc"), "signed").unwrap();
    let (same, said) = compare();
    assert!(same && said.contains("all of 3 files are the same"), "{said}");

    for (folder, word) in [(&one, "one"), (&other, "two")] {
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("program"), word).unwrap();
        fs::write(tree.join("readme"), "the same").unwrap();
        let mut tar = Command::new("tar");
        tar.args(["-czf", "edgereel-0.1.0.tar.gz", "--remove-files", "tree"]);
        assert!(tar.current_dir(folder.path()).status().unwrap().success());
    }
    fs::write(other.path().join("extra.deb"), "nobody else has it").unwrap();
    let (same, said) = compare();
    assert!(!same && said.contains("2 of 4 files are not the same"), "{said}");
    assert!(
        said.contains("edgereel-0.1.0.tar.gz: other bytes") && said.contains("tree/program differ"),
        "{said}"
    );
    assert!(
        said.contains("extra.deb: only in") && !said.contains("readme"),
        "{said}"
    );
    let empty = tempfile::tempdir().unwrap();
    let nothing = empty.path().to_str().unwrap();
    assert!(!release(&["compare", nothing], empty.path()).0);
}
