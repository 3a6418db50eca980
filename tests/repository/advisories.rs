//! Known faults of dependencies: each accepted fault does no harm, as its reason says, and a check that could not be made is
//! reported.

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(name: &str) -> toml::Table {
    fs::read_to_string(root().join(name)).unwrap().parse().unwrap()
}

#[test]
fn what_is_let_pass_has_a_reason_that_holds() {
    let deny = table("deny.toml");
    for ignored in deny["advisories"]["ignore"].as_array().unwrap() {
        let reason = ignored["reason"].as_str().unwrap();
        assert!(reason.len() > 40 && reason.contains("rumqttc"), "{ignored}");
    }
    // Only rumqttc brings the old rustls-webpki and rustls-pemfile…
    let lock = table("Cargo.lock");
    let users = |wanted: &str| {
        let packages = lock["package"].as_array().unwrap().iter();
        let depends = |package: &&toml::Value| {
            let named = package.get("dependencies").and_then(toml::Value::as_array);
            let mut named = named.into_iter().flatten().filter_map(toml::Value::as_str);
            named.any(|it| it == wanted)
        };
        let names = packages
            .filter(depends)
            .map(|package| package["name"].as_str().unwrap());
        names.collect::<Vec<_>>()
    };
    assert_eq!(users("rustls-webpki 0.102.8"), ["rumqttc"]);
    assert_eq!(users("rustls-pemfile"), ["rumqttc"]);
    // … and edgereel never uses its own reading of keys.
    let made = how_tls_is_made(&root().join("src"));
    assert!(
        !made.is_empty() && made.iter().all(|it| it == "Rustls"),
        "{made:?}"
    );
}

/// The kinds of `rumqttc::TlsConfiguration` in the sources.
fn how_tls_is_made(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                return how_tls_is_made(&path);
            }
            let source = fs::read_to_string(&path).unwrap_or_default();
            let made = source.split("TlsConfiguration::").skip(1);
            let kind = |it: &str| {
                it.split(|c: char| !c.is_alphanumeric())
                    .next()
                    .unwrap()
                    .to_owned()
            };
            made.map(kind).collect()
        })
        .collect()
}

/// Runs the script with a `cargo deny` that behaves as the words say. Returns the exit code and the output.
fn check(home: &Path, fetches: bool, finds: bool, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let tool = home.join("bin/cargo-deny");
    fs::create_dir_all(tool.parent().unwrap()).unwrap();
    let (fetch, find) = (i32::from(!fetches), i32::from(finds));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *fetch*) echo no route; exit {fetch} ;; *check*) exit {find} ;; esac\nexit 9\n"
    );
    // By another process: a program that one of this process's children has open for writing cannot be run.
    let write = "printf '%s' \"$1\" > \"$0\" && chmod 755 \"$0\"";
    let written = Command::new("sh")
        .args(["-c", write])
        .arg(&tool)
        .arg(script)
        .status();
    assert!(written.unwrap().success());
    let path = format!(
        "{}:{}",
        home.join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("scripts/advisories.sh")
        .current_dir(root())
        .env_remove("ADVISORIES")
        .env_remove("ADVISORY_DB")
        .env("PATH", path)
        .env("CARGO_HOME", home)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_check_that_could_not_be_made_says_so_and_what_was_found_is_a_failure() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(check(home.path(), true, false, &[]).0, Some(0));
    assert_eq!(check(home.path(), true, true, &[]).0, Some(1));
    let (code, said) = check(home.path(), false, true, &[]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("NOT CHECKED") && said.contains("no route"),
        "{said}"
    );
    let (code, said) = check(home.path(), false, true, &[("ADVISORIES", "required")]);
    assert!(code == Some(1) && said.contains("NOT CHECKED"), "{said}");
    // A copy of an earlier run is better than nothing, and the script says that it is old.
    fs::create_dir_all(home.path().join("advisory-dbs/one")).unwrap();
    let (code, said) = check(home.path(), false, true, &[]);
    assert!(code == Some(1) && said.contains("a copy of"), "{said}");
}
