//! The page of tests names those that are there.

use std::path::Path;

/// Names of tests on their page: in backticks, the last part of a path, or what follows a colon.
#[test]
fn the_tests_that_are_named_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        read_sources(&root.join(folder), &mut sources);
    }
    let page = std::fs::read_to_string(root.join("docs/tests.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let names = quoted.map(|quoted| quoted.rsplit([':', ' ', '/']).next().unwrap());
    let words = |name: &&str| name.matches('_').count() >= 3;
    let names: Vec<&str> = names.filter(words).collect();
    assert!(names.len() > 100, "{}", names.len());
    for name in names {
        assert!(sources.contains(&format!("fn {name}")), "there is no test {name}");
    }
}

fn read_sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
