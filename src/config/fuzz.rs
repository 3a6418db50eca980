//! An entry point for fuzzers: the file may hold anything.

use std::path::Path;

use super::Config;

/// An accepted configuration can be shown. Its shown form is accepted again, except for its keys. The message about a refused
/// one has a bounded length.
#[doc(hidden)]
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Config::parse(Some((Path::new("box.toml"), text)), [], "box") {
        Ok(config) => {
            let _ = config.has_keys();
            for advice in config.advice() {
                assert!(!advice.to_string().is_empty());
            }
            assert!(
                config.to_toml().parse::<toml::Table>().is_ok(),
                "what is shown is TOML"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
