//! A file in `docs/` that is made of the code.

use std::path::Path;

/// Checks that a file in `docs` is what it would be if it were made now. With `EDGEREEL_BLESS` it is written. `filter` names the
/// tests that write it.
#[expect(
    clippy::disallowed_methods,
    reason = "a document of this repository, not flash of a box"
)]
pub(crate) fn assert_kept(name: &str, made: &str, filter: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("EDGEREEL_BLESS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let pairs = || kept.lines().zip(made.lines());
    let same = pairs().take_while(|(kept, made)| kept == made).count();
    assert!(
        kept == made,
        "docs/{name} is not what the code says, from line {} on: look at what is to change, and renew it with\n\
         EDGEREEL_BLESS=1 cargo test --lib {filter}",
        same + 1
    );
}
