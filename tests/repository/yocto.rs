//! The Yocto recipe contains what `Cargo.toml`, `Cargo.lock` and the licences contain. bitbake fetches only what is on the
//! recipe's list, and would notice a difference only in the middle of a build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

const RECIPES: &str = "yocto/meta-edgereel/recipes-multimedia/edgereel";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn the_list_of_crates_is_that_of_the_lock_file() {
    let locked = locked();
    let list = read(format!("{RECIPES}/edgereel-crates.inc"));
    let uris: BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix("crate://crates.io/"))
        .map(|rest| rest.trim_end_matches('\\').trim().to_owned())
        .collect();
    let sums: BTreeSet<(String, String)> = list
        .lines()
        .filter_map(|line| line.strip_prefix("SRC_URI["))
        .map(|rest| {
            let (name, sum) = rest.split_once(".sha256sum] = \"").unwrap();
            (name.to_owned(), sum.trim_end_matches('"').to_owned())
        })
        .collect();

    let wanted_uris: BTreeSet<String> = locked
        .iter()
        .map(|(name, version, _)| format!("{name}/{version}"))
        .collect();
    let wanted_sums: BTreeSet<(String, String)> = locked
        .iter()
        .map(|(name, version, sum)| (format!("{name}-{version}"), sum.clone()))
        .collect();

    assert_same("crates", &wanted_uris, &uris);
    assert_same("checksums", &wanted_sums, &sums);
}

/// bitbake cannot describe a crate from another registry, and `yocto/update-crates.sh` refuses it.
#[test]
fn every_crate_is_of_the_registry_that_the_recipe_asks() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let foreign: Vec<&str> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| package.get("source")?.as_str())
        .filter(|source| *source != REGISTRY)
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
}

#[test]
fn the_recipe_is_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let recipes: Vec<PathBuf> = std::fs::read_dir(root().join(RECIPES))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bb"))
        .collect();
    let wanted = root().join(RECIPES).join(format!("edgereel_{version}.bb"));
    assert_eq!(
        recipes,
        [wanted],
        "rename the recipe: bitbake takes the version from its name"
    );
}

#[test]
fn the_recipe_knows_the_licences_as_they_are() {
    let recipe = read(format!("{RECIPES}/edgereel_{}.bb", env!("CARGO_PKG_VERSION")));
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let sum: String = Md5::digest(read(licence))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let wanted = format!("file://{licence};md5={sum}");
        assert!(
            recipe.contains(&wanted),
            "LIC_FILES_CHKSUM in the recipe must have {wanted}"
        );
    }
}

/// The name, version and checksum of every crate but this one.
fn locked() -> BTreeSet<(String, String, String)> {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| package.get("source").is_some())
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            (text("name"), text("version"), text("checksum"))
        })
        .collect()
}

fn assert_same<T: Ord + std::fmt::Debug>(what: &str, wanted: &BTreeSet<T>, found: &BTreeSet<T>) {
    let missing: Vec<&T> = wanted.difference(found).collect();
    let stale: Vec<&T> = found.difference(wanted).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "the recipe's {what} are not those of Cargo.lock; run `make crates`\nmissing: {missing:#?}\nstale: {stale:#?}"
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
