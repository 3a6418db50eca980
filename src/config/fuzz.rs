//! An entry point for fuzzers: whatever stands in the file.

use std::path::Path;

use super::Config;

/// What is taken can be shown, is taken again as it is shown but for its keys, and what is wrong is named within bounds.
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
