//! Compresses what the HTTP server serves as it is, so that the program is small: the console, and the description of the
//! interface. The same bytes come of the same file on every machine.

#![expect(clippy::disallowed_methods, reason = "files of the sources, not of the tape")]

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Each file, and the name of what it becomes in `OUT_DIR`.
const FILES: [(&str, &str); 8] = [
    ("assets/console/index.html", "index.html.gz"),
    ("assets/console/console.js", "console.js.gz"),
    ("assets/console/shared.js", "shared.js.gz"),
    ("assets/console/manage.js", "manage.js.gz"),
    ("assets/console/console.css", "console.css.gz"),
    ("assets/console/icon.svg", "icon.svg.gz"),
    ("assets/console/hls.js", "hls.js.gz"),
    ("docs/openapi.yaml", "openapi.yaml.gz"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR")?;
    for (file, name) in FILES {
        println!("cargo::rerun-if-changed={file}");
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&fs::read(file)?)?;
        fs::write(Path::new(&out).join(name), packed.finish()?)?;
    }
    Ok(())
}
