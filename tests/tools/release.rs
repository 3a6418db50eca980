//! The two programs that people have for it sign and check a release.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{GPG, MINISIGN};
use crate::support::home;

fn release(arguments: &[&Path], variables: &[(&str, &Path)]) -> (bool, String) {
    let output = Command::new("scripts/release.sh")
        .args(arguments)
        .env_remove("RELEASE_KEY")
        .envs(variables.iter().copied())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Changes a file as somebody could on its way, with sums that fit.
fn forge(folder: &Path) {
    fs::write(folder.join("edgereel.deb"), "another program").unwrap();
    let mut sums = Command::new("sh");
    sums.args(["-c", "sha256sum edgereel.deb >SHA256SUMS"]);
    assert!(sums.current_dir(folder).status().unwrap().success());
}

fn folder(home: &Path) -> std::path::PathBuf {
    let folder = home.join("release");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("edgereel.deb"), "the program").unwrap();
    folder
}

#[test]
fn a_release_is_signed_with_minisign_and_what_was_changed_is_found() {
    let home = home();
    let at = |name: &str| home.path().join(name);
    for name in ["one", "other"] {
        let arguments = ["-G", "-W", "-p"].map(Into::into);
        let keys = [
            at(&format!("{name}.pub")),
            "-s".into(),
            at(&format!("{name}.key")),
        ];
        MINISIGN.run(arguments.into_iter().chain(keys)).ok();
    }
    let folder = folder(home.path());
    let check = |key: &str| release(&["check".as_ref(), &folder, &at(key)], &[]);
    let (sealed, said) = release(&["seal".as_ref(), &folder], &[("RELEASE_KEY", &at("one.key"))]);
    assert!(
        sealed && said.contains("signed: ") && !said.contains("NOT SIGNED"),
        "{said}"
    );
    assert!(check("one.pub").0);
    assert!(!check("other.pub").0);
    // The commands of operations.md work without a checkout.
    let arguments = ["-V", "-p"].map(Into::into);
    let sums = [at("one.pub"), "-m".into(), folder.join("SHA256SUMS")];
    MINISIGN.run(arguments.into_iter().chain(sums)).ok();
    forge(&folder);
    let (good, said) = check("one.pub");
    assert!(!good && said.contains("signature"), "{said}");
    fs::remove_file(folder.join("SHA256SUMS.minisig")).unwrap();
    let (good, said) = check("one.pub");
    assert!(!good && said.contains("not signed"), "{said}");
}

#[test]
fn a_release_is_signed_with_gpg_and_what_was_changed_is_found() {
    let home = home();
    let keys = home.path().join("gpg");
    fs::create_dir(&keys).unwrap();
    fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut gpg = Command::new(GPG.path());
    gpg.args([
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-generate-key",
        "builder@example.com",
        "ed25519",
        "sign",
    ]);
    assert!(gpg.env("GNUPGHOME", &keys).status().unwrap().success());
    let folder = folder(home.path());
    let here: [(&str, &Path); 1] = [("GNUPGHOME", &keys)];
    let key = Path::new("builder@example.com");
    let (sealed, said) = release(&["seal".as_ref(), &folder], &[here[0], ("RELEASE_KEY", key)]);
    assert!(
        sealed && said.contains("signed: ") && !said.contains("NOT SIGNED"),
        "{said}"
    );
    assert!(release(&["check".as_ref(), &folder], &here).0);
    forge(&folder);
    let (good, said) = release(&["check".as_ref(), &folder], &here);
    assert!(!good && said.contains("signature"), "{said}");
    // A missing key is an error, and does not make a release without a signature.
    let nobody = Path::new("nobody@example.com");
    let (sealed, said) = release(&["seal".as_ref(), &folder], &[here[0], ("RELEASE_KEY", nobody)]);
    assert!(!sealed && said.contains("nobody@example.com"), "{said}");
    let mut end = Command::new("gpgconf");
    let _ = end.args(["--kill", "all"]).env("GNUPGHOME", &keys).status();
}
