//! Runs what the documents tell people to type. Blocks of a shell (`sh`) run in the order in which they stand, and
//! `check-config` reads the configurations (`toml`). A block without a language is not run: it needs a camera, root, or
//! somebody's own broker or bucket.

use std::fmt::Write as _;
use std::path::Path;

use crate::programs::{FFMPEG, UNSHARE};
use crate::support::cli::{Done, command, run};
use crate::support::home;

/// A block of a document.
pub(crate) struct Block {
    language: String,
    line: usize,
    pub(crate) text: String,
}

pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    line: number + 1,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => writeln!(block.text, "{line}").unwrap(),
            (None, None) => (),
        }
    }
    assert!(open.is_none(), "{document}: a block is not closed");
    blocks
}

/// Types the commands of a page into one shell, in a separate network: port 1935 is free there, as on a new box.
fn typed(document: &str, before: &str) -> Done {
    let home = home();
    let edgereel = Path::new(env!("CARGO_BIN_EXE_edgereel"));
    let folder = edgereel.parent().unwrap();
    let mut script = format!(
        "set -eEo pipefail\n\
         trap 'echo \"{document}: not done: $BASH_COMMAND\" >&2' ERR\n\
         trap 'trap - ERR; kill $(jobs -p) 2>/dev/null; wait' EXIT\n\
         listening() {{ for i in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/1935) 2>/dev/null && return; sleep 0.1; done; false; }}\n\
         on_the_air() {{ for i in $(seq 200); do edgereel stream list | grep -q live/cam1 && return; sleep 0.1; done; false; }}\n\
         ip link set lo up\n{before}\n"
    );
    let shell: Vec<Block> = blocks(document)
        .into_iter()
        .filter(|block| block.language == "sh")
        .collect();
    assert!(!shell.is_empty(), "{document} has nothing to type");
    for block in shell {
        // A person looks at the output of each command. The test waits for that output.
        let text = block
            .text
            .replace("edgereel run\n", "edgereel run &\nlistening\n");
        let text = text.replace("--loop &", "--loop & on_the_air");
        writeln!(script, "# {document}:{}\n{text}", block.line).unwrap();
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = std::process::Command::new(UNSHARE.path());
    shell
        .args(["--net", "bash", "-c", &script])
        .current_dir(home.path())
        .env("PATH", format!("{}:{path}:/usr/sbin:/sbin", folder.display()))
        .env("HOME", home.path())
        .env_remove("EDGEREEL_CONFIG");
    let done = run(shell);
    assert_eq!(
        done.code,
        Some(0),
        "{}\n{}",
        String::from_utf8_lossy(&done.stdout),
        done.stderr
    );
    done
}

/// A stream that is on the air, for pages that assume one.
fn on_the_air() -> String {
    let ffmpeg = FFMPEG.path();
    let clip = "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine -t 10 -c:v libx264 -pix_fmt yuv420p -g 25 -c:a aac clip.mp4";
    format!(
        "mkdir delivered; export EDGEREEL__SYNC__URL=file://$PWD/delivered\n\
         {} -v error {clip}\n\
         edgereel run &\nlistening\n\
         edgereel publish clip.mp4 rtmp://127.0.0.1/live/cam1 --loop & on_the_air\n\
         edgereel recording start live/cam1; sleep 10; edgereel recording stop live/cam1",
        ffmpeg.display()
    )
}

#[test]
fn the_readme_can_be_typed_from_its_beginning_to_its_end() {
    typed("README.md", "");
}

#[test]
fn the_commands_of_operations_can_be_typed() {
    typed("docs/operations.md", &on_the_air());
}

#[test]
fn the_recipes_can_be_typed() {
    typed("docs/recipes.md", &on_the_air());
}

#[test]
fn configurations_in_documents_are_right() {
    let home = home();
    for document in [
        "README.md",
        "docs/recipes.md",
        "docs/migration.md",
        "docs/configuration.md",
        "docs/operations.md",
        "docs/delivery.md",
        "docs/callbacks.md",
        "docs/playback.md",
    ] {
        for block in blocks(document)
            .into_iter()
            .filter(|block| block.language == "toml")
        {
            let shown = format!("{document}:{}", block.line);
            // The folder for deliveries must exist.
            let text = block
                .text
                .replace("file:///var/rec", &format!("file://{}", home.path().display()));
            let path = home.path().join("box.toml");
            std::fs::write(&path, text).unwrap();
            let mut check = command();
            check
                .args(["check-config", "--config"])
                .arg(&path)
                .env("AWS_ACCESS_KEY_ID", "EXAMPLE")
                .env("AWS_SECRET_ACCESS_KEY", "example");
            let done = run(check);
            assert_eq!(done.code, Some(0), "{shown}: {}", done.stderr);
        }
    }
}
