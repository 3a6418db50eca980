//! The installed packages: the Debian package under Debian's own checker, and on a system where it is installed, upgraded and
//! removed; and the archive. The program in them is the one under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::programs::{CARGO_DEB, CP, DPKG, DPKG_DEB, LINTIAN, STRIP, TAR, TASKSET, UNSHARE};
use crate::support::home;

const ARCH: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "armhf"
};

/// The packages, made once for all tests.
struct Made {
    folder: TempDir,
    deb: PathBuf,
}

impl Made {
    fn file(&self, ends: &str) -> PathBuf {
        let files = std::fs::read_dir(self.folder.path().join("out")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let mut fitting = paths.filter(|path| path.to_str().unwrap().ends_with(ends));
        fitting.next().unwrap_or_else(|| panic!("no {ends}"))
    }
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        // The failure names a missing program.
        CARGO_DEB.path();
        let folder = home();
        let binary = folder.path().join("edgereel");
        std::fs::copy(env!("CARGO_BIN_EXE_edgereel"), &binary).unwrap();
        STRIP.run([&binary]).ok();
        let out = folder.path().join("out");
        for what in ["deb", "tarball"] {
            let mut script = Command::new("scripts/package.sh");
            script.args([what, ARCH, "--binary"]).arg(&binary);
            script.arg("--out").arg(&out).arg("--fast");
            finished(script.current_dir(env!("CARGO_MANIFEST_DIR")));
        }
        let version = env!("CARGO_PKG_VERSION");
        let deb = out.join(format!("edgereel_{version}-1_{ARCH}.deb"));
        Made { folder, deb }
    })
}

/// Runs a command without a time limit. Returns its output.
#[track_caller]
fn finished(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// The path and mode of each file. Root owns all of them.
fn contents() -> BTreeMap<String, String> {
    let listed = DPKG_DEB.run([Path::new("--contents"), &made().deb]).ok().text();
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let mode = words.next().unwrap().to_owned();
        let owner = words.next().unwrap();
        let path = words.nth(3).unwrap().trim_start_matches('.').to_owned();
        assert!(["root/root", "0/0"].contains(&owner), "{line}");
        (path, mode)
    };
    listed.lines().map(entry).collect()
}

#[test]
fn debian_finds_no_error_in_the_package() {
    let mut lintian = Command::new(LINTIAN.path());
    lintian
        .args(["--allow-root", "--fail-on", "error"])
        .arg(&made().deb);
    finished(&mut lintian);
}

#[test]
fn the_package_has_everything_in_its_place() {
    let contents = contents();
    for (path, mode) in [
        ("/usr/bin/edgereel", "-rwxr-xr-x"),
        ("/etc/edgereel/edgereel.toml", "-rw-r--r--"),
        ("/usr/lib/systemd/system/edgereel.service", "-rw-r--r--"),
        ("/usr/lib/systemd/system/edgereel-media.socket", "-rw-r--r--"),
        ("/usr/lib/systemd/system/edgereel-media@.service", "-rw-r--r--"),
        ("/usr/lib/systemd/system-preset/80-edgereel.preset", "-rw-r--r--"),
        ("/usr/lib/sysusers.d/edgereel.conf", "-rw-r--r--"),
        ("/usr/lib/tmpfiles.d/edgereel.conf", "-rw-r--r--"),
        ("/usr/share/man/man1/edgereel.1.gz", "-rw-r--r--"),
        ("/usr/share/man/man1/edgereel-recording.1.gz", "-rw-r--r--"),
        ("/usr/share/man/man5/edgereel.toml.5.gz", "-rw-r--r--"),
        ("/usr/share/bash-completion/completions/edgereel", "-rw-r--r--"),
        ("/usr/share/zsh/vendor-completions/_edgereel", "-rw-r--r--"),
        ("/usr/share/fish/vendor_completions.d/edgereel.fish", "-rw-r--r--"),
        ("/usr/share/doc/edgereel/changelog.Debian.gz", "-rw-r--r--"),
        ("/usr/share/doc/edgereel/copyright", "-rw-r--r--"),
        ("/usr/share/doc/edgereel/THIRD-PARTY-LICENSES.gz", "-rw-r--r--"),
        ("/usr/share/doc/edgereel/docs/operations.md", "-rw-r--r--"),
        ("/usr/share/doc/edgereel/grafana/edgereel.json", "-rw-r--r--"),
        ("/usr/share/doc/edgereel/grafana/alerts.yaml", "-rw-r--r--"),
    ] {
        let found = contents.get(path).map(String::as_str);
        assert_eq!(found, Some(mode), "{path} in {contents:#?}");
    }
    let field = |name: &str| {
        let arguments = [Path::new("--field"), &made().deb, Path::new(name)];
        DPKG_DEB.run(arguments).ok().text().trim().to_owned()
    };
    assert!(
        field("Depends").starts_with("libc6 (>= 2."),
        "{}",
        field("Depends")
    );
    assert_eq!(field("Architecture"), ARCH);
    let arguments = [Path::new("--info"), &made().deb, Path::new("conffiles")];
    assert_eq!(
        DPKG_DEB.run(arguments).ok().text(),
        "/etc/edgereel/edgereel.toml\n"
    );
}

/// Runs on a copy of this machine's system, which is thrown away. `installed.sh` has the commands.
#[test]
fn it_comes_is_renewed_and_goes_and_leaves_recordings() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "installing a package in a copy of this system needs root"
    );
    DPKG.path();
    let mut script = Command::new(UNSHARE.path());
    script.args([
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
    ]);
    script.args(["sh", "-eu", "tests/tools/installed.sh"]);
    script.arg(&made().deb).arg(made().folder.path().join("root"));
    let said = finished(script.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert!(said.ends_with("all is as it should be\n"), "{said}");
}

#[test]
fn the_archive_says_what_is_in_it_and_under_which_licences() {
    let listed = TAR.run([Path::new("-tzf"), &made().file(".tar.gz")]).ok().text();
    for path in [
        "/bin/edgereel",
        "/systemd/edgereel.service",
        "/man/edgereel.1",
        "/completions/zsh/_edgereel",
        "/grafana/alerts.yaml",
        "/edgereel.toml",
        "/docs/operations.md",
        "/LICENSE-MIT",
        "/THIRD-PARTY-LICENSES",
        "/sbom.cdx.json",
    ] {
        assert!(
            listed.lines().any(|line| line.ends_with(path)),
            "no {path} in {listed}"
        );
    }
    let bill: Value = serde_json::from_slice(&std::fs::read(made().file(".cdx.json")).unwrap()).unwrap();
    assert_eq!(
        (&bill["bomFormat"], &bill["specVersion"]),
        (&"CycloneDX".into(), &"1.5".into())
    );
    let parts = bill["components"].as_array().unwrap();
    let has = |name: &str| parts.iter().any(|part| part["name"] == name);
    // SQLite is in the program. Tests, macros and the crates that build C code are not.
    assert!(has("sqlite") && has("libsqlite3-sys") && has("tokio"));
    assert!(!has("proptest") && !has("serde_derive") && !has("cc"));
    let mut bare = parts.iter().filter(|part| part["hashes"][0]["content"].is_null());
    assert_eq!(bare.next().unwrap()["name"], "sqlite");
    assert!(bare.next().is_none(), "{parts:#?}");
}

/// A copy of the sources in another folder, without build results, under an `umask` that gives other users no access.
fn sources_elsewhere(home: &Path) -> PathBuf {
    let sources = home.join("a folder of another name");
    std::fs::create_dir(&sources).unwrap();
    let here = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let of_sources = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !["target", ".git", "fuzz"].contains(&name)
    };
    let files: Vec<PathBuf> = here
        .map(|entry| entry.unwrap().path())
        .filter(of_sources)
        .collect();
    CP.run(["-r".into()].into_iter().chain(files).chain([sources.clone()]))
        .ok();
    let mut chmod = Command::new("chmod");
    finished(chmod.args(["-R", "u=rwX,go="]).arg(&sources));
    sources
}

/// The program is the same. Folder, target folder, language, time zone, `umask`, processors and the times of all files differ.
#[test]
fn what_is_packed_twice_is_the_same_wherever_and_whenever() {
    CARGO_DEB.path();
    let home = home();
    let elsewhere = sources_elsewhere(home.path());
    let program = |place: &str| {
        let folder = home.path().join(place);
        std::fs::create_dir(&folder).unwrap();
        let binary = folder.join("edgereel");
        std::fs::copy(env!("CARGO_BIN_EXE_edgereel"), &binary).unwrap();
        STRIP.run([&binary]).ok();
        std::fs::write(folder.join("edgereel.debug"), vec![b'x'; 3 << 20]).unwrap();
        binary
    };
    let pack = |sources: &Path, place: &str, mut script: Command| {
        let binary = program(place);
        let out = home.path().join(place).join("out");
        script.arg(&binary).arg("--out").arg(&out);
        script.env("SOURCE_DATE_EPOCH", "1790000000");
        finished(script.current_dir(sources));
        out
    };
    let both = "for what in deb tarball; do scripts/package.sh $what \"$@\" || exit; done";
    let usual = || {
        let mut script = Command::new("sh");
        script.args(["-c", both, "sh", ARCH, "--fast", "--binary"]);
        script
    };
    let other = || {
        let mut script = Command::new(TASKSET.path());
        let under = format!("umask 077; {both}");
        script.args([
            "--cpu-list",
            "0",
            "sh",
            "-c",
            &under,
            "sh",
            ARCH,
            "--fast",
            "--binary",
        ]);
        script.env("TZ", "Asia/Kathmandu").env("LANG", "de_DE.UTF-8");
        script.env("CARGO_TARGET_DIR", home.path().join("another target"));
        // cargo-deb is not built a second time for the other folder.
        let tools = CARGO_DEB.path();
        let path = std::env::var("PATH").unwrap();
        script.env("PATH", format!("{}:{path}", tools.parent().unwrap().display()));
        script
    };
    let one = pack(Path::new(env!("CARGO_MANIFEST_DIR")), "one", usual());
    let two = pack(&elsewhere, "two", other());
    let mut compare = Command::new("scripts/release.sh");
    compare.arg("compare").arg(&one).arg(&two);
    let said = finished(compare.current_dir(env!("CARGO_MANIFEST_DIR")));
    // The package, the archive, its bill of materials, symbols.
    assert!(said.contains("all of 4 files are the same"), "{said}");
}
