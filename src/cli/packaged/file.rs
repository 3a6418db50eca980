//! The configuration file as a man page: where it is, what is in it, and where each key is explained.

use std::path::Path;

use clap_mangen::roff::{Roff, roman};

use super::man::{list, see_also, title};
use crate::config::Config;

const SECTIONS: &[(&str, &str)] = &[
    ("[device]", "What the box is called."),
    (
        "[rtmp]",
        "Where publishers connect, with RTMPS, and within which limits.",
    ),
    (
        "[storage]",
        "Where recordings are, how much room they have, and how long they are kept.",
    ),
    ("[ring]", "What stays in memory of each stream."),
    ("[control]", "Where commands are taken."),
    (
        "[sync]",
        "Where recordings are delivered to: a bucket that speaks S3, or a folder.",
    ),
    ("[mqtt]", "The broker that the box is managed by."),
    ("[[callback]]", "Web services that are told of events."),
    (
        "[[publisher]]",
        "Who may push what. Without any: this machine, and nobody else.",
    ),
    ("[[template]]", "What becomes of a stream that is recorded."),
    (
        "[[rule]]",
        "Which streams are recorded, and by which template. Without any: all.",
    ),
];

pub(super) fn page() -> String {
    let mut body = Roff::new();
    body.control("SH", ["NAME"]);
    body.text([roman("edgereel.toml - configuration of edgereel")]);
    body.control("SH", ["SYNOPSIS"]);
    body.text([roman("/etc/edgereel/edgereel.toml")]);
    body.control("SH", ["DESCRIPTION"]);
    body.text([roman(
        "A TOML file. It is looked for as --config FILE says, then as the environment variable EDGEREEL_CONFIG says, then \
         in /etc/edgereel/edgereel.toml; without any, defaults hold. An unknown key is an error. A variable \
         EDGEREEL__SECTION__KEY sets a key over the file.",
    )]);
    body.control("PP", []);
    body.text([roman(
        "edgereel check-config prints what is in force, or what is wrong and in which line. systemctl reload edgereel \
         takes over what can change while the service runs; the rest takes effect at the next start.",
    )]);
    let mut examples = Roff::new();
    examples.control("SH", ["KEYS"]);
    examples.text([roman(
        "Every key, its default and its range: docs/configuration.md, which Debian packages install in \
         /usr/share/doc/edgereel/docs.",
    )]);
    [
        title("edgereel.toml", "5"),
        body.to_roff(),
        list("SECTIONS", SECTIONS),
        examples.to_roff(),
        see_also([("edgereel", "1"), ("edgereel-check-config", "1")]),
    ]
    .concat()
}

/// The error for an unknown key names all that are known.
#[test]
fn the_page_has_every_section_that_the_file_may_have() {
    let refused = Config::parse(Some((Path::new("x"), "zzzzzzzz = 1")), [], "box").unwrap_err();
    let (_, known) = refused.message.split_once("known here: ").unwrap();
    let brackets: &[char] = &['[', ']'];
    let mut told: Vec<&str> = SECTIONS
        .iter()
        .map(|(name, _)| name.trim_matches(brackets))
        .collect();
    let mut known: Vec<&str> = known.split(", ").collect();
    told.sort_unstable();
    known.sort_unstable();
    assert_eq!(told, known);
}
