//! Reads a filter of the log, in the syntax of tracing. A filter that would switch the log off is refused.
//!
//! The parser of tracing takes any text that it does not understand for the name of a module, and then logs nothing. Its filters
//! of spans and fields are not understood: they would need a program for regular expressions.

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::config::nearest;

/// The longest filter, in bytes.
const LONGEST: usize = 1_024;
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
/// The rooms of this program: the names behind `edgereel::`.
const ROOMS: [&str; 22] = [
    "access",
    "api",
    "channel",
    "cli",
    "config",
    "daemon",
    "defect",
    "delivery",
    "doors",
    "event",
    "fingerprint",
    "format",
    "https",
    "media",
    "model",
    "recorder",
    "store",
    "timeshift",
    "tls",
    "watch",
    "work",
    "worker",
];
/// The doors: the names behind `edgereel::doors::`.
const DOORS: [&str; 5] = ["rtmp", "http", "mqtt", "socket", "webhook"];
/// Rooms by their former name and their present one. The former names are understood for one release.
const RENAMED: [(&str, &str); 5] = [
    ("edgereel::ingest", "edgereel::doors::rtmp"),
    ("edgereel::control", "edgereel::doors::mqtt"),
    ("edgereel::callback", "edgereel::doors::webhook"),
    ("edgereel::socket", "edgereel::doors::socket"),
    ("edgereel::sync", "edgereel::delivery"),
];
/// The crates that this program is made of and that log.
const OTHERS: [&str; 9] = [
    "h2",
    "hyper",
    "hyper_util",
    "mio",
    "reqwest",
    "rumqttc",
    "rustls",
    "tokio",
    "tokio_rustls",
];

/// A filter that can be taken.
#[derive(Debug, PartialEq)]
pub(super) struct Filter {
    /// The levels, by the present names.
    pub(super) targets: Targets,
    /// Each former name in the filter, and the present one.
    pub(super) renamed: Vec<(&'static str, &'static str)>,
}

/// Reads a filter. The error says what is wrong with it.
pub(super) fn read(filter: &str) -> Result<Filter, String> {
    let mut renamed = Vec::new();
    let parts = filter.split(',').map(|part| {
        let part = part.trim();
        let old = RENAMED.iter().find_map(|(old, new)| {
            let rest = part.strip_prefix(old)?;
            (rest.starts_with("::") || rest.starts_with('=')).then_some((*old, *new, rest))
        });
        match old {
            None => part.to_owned(),
            Some((old, new, rest)) => {
                renamed.push((old, new));
                format!("{new}{rest}")
            }
        }
    });
    let text = parts.collect::<Vec<_>>().join(",");
    let targets = levels(&text)?;
    Ok(Filter { targets, renamed })
}

/// The levels of a filter. Refuses one with a word that is not known, and one that switches the log off.
fn levels(filter: &str) -> Result<Targets, String> {
    if filter.len() > LONGEST {
        return Err(format!("a filter has at most {LONGEST} bytes"));
    }
    // The level of everything, the level of all of edgereel, and whether a module of edgereel has a level of its own.
    let (mut general, mut named_ours, mut module) = (LevelFilter::OFF, None, false);
    let mut targets = Targets::new();
    for part in filter.split(',').map(str::trim) {
        let (target, level) = match part.rsplit_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, part),
        };
        // The parser of tracing takes the empty text for a level.
        let known = level.parse::<LevelFilter>().ok().filter(|_| !level.is_empty());
        let known = known.ok_or_else(|| unknown(part, level, &LEVELS, "levels"))?;
        match target {
            None => general = known,
            Some("edgereel") => named_ours = Some(known),
            Some(target) => module |= is_ours(target) && known != LevelFilter::OFF,
        }
        targets = match target {
            None => targets.with_default(known),
            Some(target) => {
                named(part, target)?;
                targets.with_target(target, known)
            }
        };
    }
    if module || named_ours.unwrap_or(general) != LevelFilter::OFF {
        Ok(targets)
    } else {
        Err(format!(
            "{filter:?} would switch the log off: nothing of edgereel is left in it; the least is \"error\""
        ))
    }
}

fn is_ours(target: &str) -> bool {
    target.starts_with("edgereel::")
}

/// Checks that a target is a module of this program, or a crate that it is made of.
fn named(part: &str, target: &str) -> Result<(), String> {
    let mut path = target.split("::");
    match (path.next().unwrap_or_default(), path.next()) {
        ("edgereel", None) => Ok(()),
        ("edgereel", Some("doors")) => match path.next() {
            Some(door) if !DOORS.contains(&door) => Err(unknown(part, door, &DOORS, "doors of edgereel")),
            _ => Ok(()),
        },
        ("edgereel", Some(room)) if ROOMS.contains(&room) => Ok(()),
        ("edgereel", Some(room)) => Err(unknown(part, room, &ROOMS, "modules of edgereel")),
        (name, _) if OTHERS.contains(&name) => Ok(()),
        (name, _) => {
            let all: Vec<&str> = OTHERS.iter().copied().chain(["edgereel"]).collect();
            Err(unknown(part, name, &all, "targets"))
        }
    }
}

fn unknown(part: &str, word: &str, known: &[&str], what: &str) -> String {
    match nearest(word, known) {
        Some(near) => format!("{part:?}: there is no '{word}'; did you mean '{near}'?"),
        None => format!("{part:?}: there is no '{word}'; {what} are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_leaves_the_log_on_and_names_what_is_there() {
        for good in [
            "info",
            "WARN",
            "info,edgereel::delivery=debug",
            "edgereel=debug",
            "edgereel::store::writer=trace, error",
            "info,edgereel::doors::rtmp=off,rustls=debug",
            "off,edgereel::doors::rtmp=debug",
            "info,edgereel::watch=debug",
        ] {
            assert_eq!(read(good).map(|read| read.renamed), Ok(Vec::new()), "{good}");
        }
        for (bad, said) in [
            ("", "levels are error"),
            ("off", "would switch the log off"),
            ("edgereel=off", "would switch the log off"),
            ("warn,edgereel=off", "would switch the log off"),
            ("edgereel=off,debug", "would switch the log off"),
            ("info,off", "would switch the log off"),
            ("rustls=debug", "nothing of edgereel is left"),
            ("edgereel=of", "did you mean 'off'?"),
            ("inof", "did you mean 'info'?"),
            ("loud", "there is no 'loud'"),
            ("info,edgerel::store=debug", "did you mean 'edgereel'?"),
            ("info,edgereel::stroe=debug", "did you mean 'store'?"),
            ("info,edgereel::doors::rmtp=debug", "did you mean 'rtmp'?"),
            ("info,bananas=debug", "there is no 'bananas'"),
            ("info,=debug", "there is no ''"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
        assert!(read(&"info,".repeat(1_000)).is_err());
    }

    #[test]
    fn rooms_are_known_by_the_names_that_they_had_before() {
        let understood = read("info, edgereel::sync=debug,edgereel::ingest::session=trace").unwrap();
        let present = Targets::new()
            .with_default(LevelFilter::INFO)
            .with_target("edgereel::delivery", LevelFilter::DEBUG)
            .with_target("edgereel::doors::rtmp::session", LevelFilter::TRACE);
        assert_eq!(understood.targets, present);
        let renamed = [
            ("edgereel::sync", "edgereel::delivery"),
            ("edgereel::ingest", "edgereel::doors::rtmp"),
        ];
        assert_eq!(understood.renamed, renamed);
    }
}
