//! Commands as man pages: one page for each command, and one for a group with all its commands.

use std::fmt::Write as _;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Files;
use crate::cli::examples::EXAMPLES;

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done. Also when the reader of a pipe has seen enough."),
    ("1", "Failed; standard error says what, on which file."),
    ("2", "Wrong usage."),
    ("78", "Of run: the configuration is wrong or cannot be read."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("EDGEREEL_CONFIG", "The configuration file."),
    (
        "EDGEREEL__SECTION__KEY",
        "Sets a key of the configuration, over the file: EDGEREEL__STORAGE__DIR=/data/edgereel.",
    ),
    (
        "EDGEREEL_LOG",
        "What is logged: warn, debug, info,edgereel::doors::rtmp=debug.",
    ),
    ("NO_COLOR", "No colours in the log."),
];

const FILES: &[(&str, &str)] = &[
    (
        "/etc/edgereel/edgereel.toml",
        "The configuration; see edgereel.toml(5).",
    ),
    ("/var/lib/edgereel/", "Recordings, as packages set it up."),
    (
        "/run/edgereel/control.sock",
        "Where a service that systemd started takes commands.",
    ),
];

/// Every page, with its name.
pub(super) fn pages(whole: Command) -> Files {
    let mut whole = whole
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND");
    whole.build();
    let others: Vec<String> = whole
        .get_subcommands()
        .map(|command| page_name(&whole, command))
        .collect();
    let mut pages = Files::new();
    pages.insert("edgereel.1".to_owned(), of_all(&whole, &others));
    for command in whole.get_subcommands() {
        pages.insert(format!("{}.1", page_name(&whole, command)), of_one(command));
    }
    pages
}

fn page_name(whole: &Command, command: &Command) -> String {
    format!("{}-{}", whole.get_name(), command.get_name())
}

fn of_all(whole: &Command, others: &[String]) -> String {
    let man = Man::new(whole.clone());
    let mut page = head(&man, whole);
    page += &text(|to| man.render_options_section(to));
    page += &text(|to| man.render_subcommands_section(to)).replace(".SH SUBCOMMANDS", ".SH COMMANDS");
    page += &list("EXIT STATUS", EXIT_STATUS);
    page += &list("ENVIRONMENT", ENVIRONMENT);
    page += &list("FILES", FILES);
    let others = others.iter().map(|name| (name.as_str(), "1"));
    page + &see_also(others.chain([("edgereel.toml", "5")]))
}

fn of_one(command: &Command) -> String {
    let command = command.clone().subcommand_value_name("COMMAND");
    let man = Man::new(command.clone());
    let mut page = head(&man, &command);
    let shared = shared(&command);
    for below in command.get_subcommands() {
        let _ = writeln!(page, ".SH \"{}\"", below.get_name().to_uppercase());
        let man = Man::new(without(below, |id| shared.contains(&id)));
        page += &unheaded(&text(|to| man.render_description_section(to)));
        page += ".PP\n";
        page += &unheaded(&text(|to| man.render_synopsis_section(to)));
        page += &unheaded(&text(|to| man.render_options_section(to)));
    }
    match command.get_subcommands().next() {
        None => page += &text(|to| man.render_options_section(to)),
        Some(any) => {
            let man = Man::new(without(any, |id| !shared.contains(&id)));
            page += ".SH \"OPTIONS OF EACH\"\n";
            page += &unheaded(&text(|to| man.render_options_section(to)));
        }
    }
    page += &examples(command.get_name());
    page + &see_also([("edgereel", "1"), ("edgereel.toml", "5")])
}

fn examples(name: &str) -> String {
    let found = EXAMPLES.iter().find(|(command, _)| *command == name);
    found.map_or_else(String::new, |(_, examples)| list("EXAMPLES", *examples))
}

/// The options that every command of a group has, described once.
fn shared(group: &Command) -> Vec<String> {
    let ids = |command: &Command| -> Vec<String> {
        let options = command
            .get_arguments()
            .filter(|argument| !argument.is_positional());
        options.map(|option| option.get_id().to_string()).collect()
    };
    let all = group.get_subcommands().map(ids);
    let both =
        |left: Vec<String>, right: Vec<String>| left.into_iter().filter(|id| right.contains(id)).collect();
    all.reduce(both).unwrap_or_default()
}

fn without(command: &Command, hidden: impl Fn(String) -> bool) -> Command {
    command.clone().mut_args(|argument| {
        let hide = hidden(argument.get_id().to_string());
        argument.hide(hide)
    })
}

/// The page down to the description. The title has no date, because a page is as old as the program.
fn head(man: &Man, command: &Command) -> String {
    assert!(command.get_about().is_some(), "{}", command.get_name());
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    [
        title(name, "1"),
        text(|to| man.render_name_section(to)),
        text(|to| man.render_synopsis_section(to)),
        text(|to| man.render_description_section(to)),
    ]
    .concat()
}

/// The beginning of a page. `Man` would leave out the empty date, and the next field would take its place.
pub(super) fn title(name: &str, section: &str) -> String {
    format!(
        "{}.TH {} {section} \"\" \"edgereel {}\" \"edgereel manual\"\n",
        Roff::new().render(),
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    )
}

/// A section without the preamble, which stands once in the title.
fn text(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    render(&mut bytes).unwrap();
    let rendered = String::from_utf8(bytes).unwrap();
    rendered.strip_prefix(&Roff::new().render()).unwrap().to_owned()
}

fn unheaded(section: &str) -> String {
    let lines = section.lines().filter(|line| !line.starts_with(".SH "));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// A section of terms and what they mean.
pub(super) fn list<'a>(heading: &str, entries: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> String {
    let mut section = Roff::new();
    section.control("SH", [heading]);
    for (term, about) in entries {
        section.control("TP", []);
        section.text([bold(*term)]);
        section.text([roman(*about)]);
    }
    section.to_roff()
}

/// The last section.
pub(super) fn see_also<'a>(pages: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut section = Roff::new();
    section.control("SH", ["SEE ALSO"]);
    let mut pages = pages.into_iter().peekable();
    while let Some((name, number)) = pages.next() {
        let after = if pages.peek().is_some() { "," } else { "" };
        section.text([bold(name), roman(format!("({number}){after}"))]);
    }
    section.to_roff()
}
