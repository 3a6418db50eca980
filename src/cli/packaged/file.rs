//! The configuration file as a man page: its place, its content, and where each key is explained.

use std::path::Path;

use clap_mangen::roff::{Roff, bold, roman};

use super::man::{list, see_also, title};
use crate::config::Config;

const SECTIONS: &[(&str, &str)] = &[
    ("[device]", "What the box is called."),
    (
        "[rtmp]",
        "Where publishers connect, with RTMPS, and within which limits.",
    ),
    (
        "[http]",
        "Where viewers connect, with HTTPS, and within which limits. Without it: nowhere.",
    ),
    (
        "[storage]",
        "Where recordings are, how much room they have, and how long they are kept.",
    ),
    ("[ring]", "What stays in memory of each stream."),
    ("[control]", "Where commands are taken."),
    (
        "[channel]",
        "The servers that channels may be sent to. Without it: none.",
    ),
    (
        "[encryption]",
        "The keys of encrypted HLS, and where players of delivered files find them.",
    ),
    (
        "[media]",
        "How the media worker is reached, which makes pictures.",
    ),
    (
        "[sync]",
        "Where recordings are delivered to: a bucket that speaks S3, or a folder.",
    ),
    ("[mqtt]", "The broker that the box is managed by."),
    (
        "[review]",
        "The service that says whether viewers may have recordings that a template holds back.",
    ),
    ("[[callback]]", "Web services that are told of events."),
    (
        "[[publisher]]",
        "Who may push what. Without any: this machine, and nobody else.",
    ),
    (
        "[[viewer]]",
        "Who may watch what. Without any: this machine, and nobody else.",
    ),
    ("[[template]]", "What becomes of a stream that is recorded."),
    (
        "[[rule]]",
        "Which streams are recorded, and by which template. Without any: all.",
    ),
    (
        "[[task]]",
        "When a stream is recorded: once, or in hours of every week.",
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
    let mut more = Roff::new();
    more.control("PP", []);
    more.text([roman(
        "More of each, with examples: docs/configuration.md, which Debian packages install in \
         /usr/share/doc/edgereel/docs.",
    )]);
    [
        title("edgereel.toml", "5"),
        body.to_roff(),
        list("SECTIONS", SECTIONS),
        keys(),
        more.to_roff(),
        see_also([("edgereel", "1"), ("edgereel-check-config", "1")]),
    ]
    .concat()
}

/// Every key, as the tables of the document list it.
fn keys() -> String {
    let mut out = Roff::new();
    out.control("SH", ["KEYS"]);
    let documented = documented();
    for (section, _) in SECTIONS {
        let of_section: Vec<&Key> = documented.iter().filter(|key| key.section == *section).collect();
        out.control("SS", [*section]);
        for key in of_section {
            out.control("TP", []);
            out.text([bold(key.name.as_str())]);
            out.text([roman(key.about.as_str())]);
        }
    }
    out.to_roff()
}

/// A row of a table in docs/configuration.md.
struct Key {
    section: &'static str,
    /// One name, or several with commas.
    name: String,
    about: String,
}

fn documented() -> Vec<Key> {
    let text = include_str!("../../../docs/configuration.md");
    let (mut keys, mut heading, mut head) = (Vec::new(), String::new(), Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            heading = name.replace('`', "");
        }
        if line.starts_with("|-") {
            continue;
        }
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            head.clear();
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if head.is_empty() {
            head = cells;
            continue;
        }
        let cell = |name: &str| {
            let at = head.iter().position(|head| *head == name)?;
            cells
                .get(at)
                .map(|cell| unmarked(cell))
                .filter(|cell| !cell.is_empty())
        };
        let (Some(name), Some(about)) = (cell("key"), cell("what it does")) else {
            continue;
        };
        // The table of several sections has `rtmp.listen`. The table of one section has `url`.
        let (section, name) = match name.split_once('.').filter(|_| heading == "Keys") {
            Some((section, name)) => (format!("[{section}]"), name.to_owned()),
            None => (heading.clone(), name),
        };
        let Some((section, _)) = SECTIONS.iter().find(|(known, _)| *known == section) else {
            continue;
        };
        let sentence = |what: &str, cell: Option<String>| {
            cell.map_or_else(String::new, |cell| format!(" {what}: {cell}."))
        };
        let mut about = about.trim_end_matches('.').to_owned() + ".";
        about += &sentence("Default", cell("default"));
        about += &sentence("Range", cell("range"));
        about += match cell("reload") {
            Some(reload) if reload.starts_with("no") => " A change takes effect at the next start.",
            Some(_) => " A reload takes a change over.",
            None => "",
        };
        keys.push(Key { section, name, about });
    }
    keys
}

/// The text of a cell, without its markup.
fn unmarked(cell: &str) -> String {
    let mut out = String::new();
    let mut rest = cell;
    while let Some((before, link)) = rest.split_once('[') {
        // The form is `[text](target)`. A bracket in a value is itself.
        let Some((words, after)) = link
            .split_once("](")
            .filter(|(words, _)| !words.contains(['[', '"']))
            .and_then(|(words, target)| Some((words, target.split_once(')')?.1)))
        else {
            out.push_str(before);
            out.push('[');
            rest = link;
            continue;
        };
        out.push_str(before);
        out.push_str(words);
        rest = after;
    }
    out.push_str(rest);
    out.replace(['`'], "").replace("**", "")
}

/// The error for an unknown key of a section names all known keys of that section.
#[test]
fn every_key_is_documented_and_in_the_page() {
    let documented = documented();
    for (section, _) in SECTIONS {
        let text = format!("{section}\n\"\" = 1\n");
        let refused = Config::parse(Some((Path::new("x"), &text)), [], "box").unwrap_err();
        let (_, known) = refused
            .message
            .split_once("known here: ")
            .unwrap_or_else(|| panic!("{refused}"));
        let told: Vec<&str> = documented
            .iter()
            .filter(|key| key.section == *section)
            .flat_map(|key| key.name.split(", "))
            .collect();
        // A sentence of the document describes the tables of formats. The old form of a rule's stream is not described at all.
        let told_elsewhere = |key: &str| match *section {
            "[[template]]" => ["hls", "mp4", "fmp4", "flv", "aac"].contains(&key),
            "[[rule]]" => key == "app",
            _ => false,
        };
        for key in known.split(", ").filter(|key| !told_elsewhere(key)) {
            assert!(
                told.contains(&key),
                "{section} {key} has no row in docs/configuration.md"
            );
        }
    }
}

/// The error for an unknown key names all known keys.
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
