//! The Rust of the current Yocto LTS must build edgereel, with everything it depends on.

use std::process::Command;

use serde_json::Value;

/// Yocto LTS "wrynose".
const SHIPPED: (u32, u32) = (1, 94);

#[test]
fn nothing_asks_for_a_newer_rust_than_is_shipped() {
    let metadata = metadata();
    let newer: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| {
            package["rust_version"]
                .as_str()
                .is_some_and(|text| version(text) > SHIPPED)
        })
        .map(|package| {
            format!(
                "{} {} asks for {}",
                package["name"], package["version"], package["rust_version"]
            )
        })
        .collect();
    assert!(newer.is_empty(), "{newer:#?}");
}

#[test]
fn the_crate_says_which_rust_it_needs() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages
        .iter()
        .find(|package| package["name"] == "edgereel")
        .unwrap();
    assert!(version(own["rust_version"].as_str().unwrap()) <= SHIPPED);
}

/// The packages that are built on this machine. Those of other systems need not be there.
fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = |arguments: &[&str]| {
        let output = Command::new(&cargo)
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let about = output(&["-vV"]);
    let host = about
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let arguments = [
        "metadata",
        "--offline",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ];
    serde_json::from_str(&output(&arguments)).unwrap()
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap_or(0))
}
