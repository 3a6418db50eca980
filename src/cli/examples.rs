//! Examples of each command, for its help and its man page.

/// By the command: lines to type, and what they do.
pub(super) const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "run",
        &[
            (
                "edgereel run",
                "Listens on this machine, records into ./edgereel-data",
            ),
            (
                "edgereel run --config box.toml --data /mnt/card/store",
                "With a configuration, and another card",
            ),
        ],
    ),
    (
        "demo",
        &[(
            "edgereel demo --seconds 30",
            "Half a minute of a test clip, recorded and delivered to a folder",
        )],
    ),
    (
        "check-config",
        &[(
            "edgereel check-config --config box.toml",
            "What would be in force, or what is wrong in which line",
        )],
    ),
    (
        "ls",
        &[
            ("edgereel ls", "All recordings"),
            (
                "edgereel ls --stream live/cam1 --from 2h",
                "Those of a stream that ended in the last two hours",
            ),
            ("edgereel ls --json", "For programs, with all that is known"),
        ],
    ),
    (
        "export",
        &[
            (
                "edgereel export last --format mp4 -o lesson.mp4",
                "The newest recording as an MP4",
            ),
            (
                "edgereel export 0197a2 --format mp4 --from 10min --to 12min -o part.mp4",
                "Two minutes of one",
            ),
            (
                "edgereel export 0197a2@10min..12min 0197b3@..30s --format mp4 -o best.mp4",
                "Parts of two, as one file",
            ),
            (
                "edgereel export last --format hls -o lesson/",
                "A folder with index.m3u8",
            ),
            ("edgereel export last --format flv -o - | ffplay -", "To a player"),
        ],
    ),
    (
        "verify",
        &[
            ("edgereel verify", "Reads all of it, also while the service runs"),
            ("edgereel verify --repair", "With the service stopped"),
        ],
    ),
    (
        "publish",
        &[
            (
                "edgereel publish clip.mp4 rtmp://127.0.0.1/live/cam1",
                "As if it were live",
            ),
            (
                "edgereel publish clip.mp4 'rtmp://box-17/live/cam1?key=secret' --loop",
                "With a key, until Ctrl-C",
            ),
            (
                "edgereel publish clip.mp4 rtmps://box-17:1936/live/cam1 --ca-file cert.pem",
                "Under TLS",
            ),
        ],
    ),
    (
        "ctl",
        &[
            (
                "edgereel ctl --broker mqtts://broker.example.com --device box-17 recording.list limit=5",
                "The newest recordings of a box",
            ),
            (
                "edgereel ctl --broker mqtts://broker.example.com --device + watch",
                "Events of all boxes",
            ),
        ],
    ),
    (
        "completions",
        &[
            (
                "edgereel completions bash > /etc/bash_completion.d/edgereel",
                "For bash, of everybody",
            ),
            (
                "edgereel completions fish > ~/.config/fish/completions/edgereel.fish",
                "For fish, of one user",
            ),
        ],
    ),
    (
        "recording",
        &[
            (
                "edgereel recording start live/cam1 --pre-roll 10s --name lesson-7",
                "From ten seconds ago on",
            ),
            ("edgereel recording stop live/cam1", "Ends what a command began"),
            (
                "edgereel recording list --stream live/cam1 --from 24h",
                "What ended since yesterday",
            ),
            ("edgereel recording get last", "All about the newest"),
            (
                "edgereel recording protect 0197a2",
                "Is never given up; unprotect takes it back",
            ),
        ],
    ),
    (
        "clip",
        &[
            (
                "edgereel clip create live/cam1 --before 10s --after 20s",
                "Around now",
            ),
            (
                "edgereel clip create live/cam1 --from 2026-11-20T08:00:00Z --to 2026-11-20T08:00:30Z",
                "Of the tape",
            ),
        ],
    ),
    (
        "task",
        &[
            (
                "edgereel task create live/cam1 --start 2h --duration 90min",
                "In two hours",
            ),
            (
                "edgereel task create live/cam1 --weekly 'Mon-Fri 08:00-18:00' --time-zone Asia/Shanghai",
                "Every week",
            ),
            ("edgereel task list --state waiting", "What is to come"),
        ],
    ),
    (
        "rule",
        &[
            (
                "edgereel rule put --stream 'live/cam*' --template lesson",
                "From the next push on",
            ),
            ("edgereel rule list", "Which streams are recorded how"),
        ],
    ),
    (
        "template",
        &[
            (
                "edgereel template put lesson --formats mp4 --split 30min --keep 7d",
                "MP4 alone, in half hours",
            ),
            ("edgereel template list", "What there is"),
        ],
    ),
    (
        "stream",
        &[
            ("edgereel stream list", "What is on the air, and how fast"),
            ("edgereel stream kick live/cam1", "Ends the publish"),
        ],
    ),
    (
        "sync",
        &[
            ("edgereel sync status", "Where delivery stands, and why"),
            ("edgereel sync limit --rate '2 MiB/s'", "No faster than that"),
            ("edgereel sync retry", "Tries all again, now"),
        ],
    ),
    (
        "store",
        &[
            (
                "edgereel store status",
                "Whether the storage directory is this box's own",
            ),
            (
                "edgereel store adopt",
                "It is from now on, after it came from another",
            ),
        ],
    ),
    (
        "audit",
        &[(
            "edgereel audit list --from 2h",
            "Who had what changed in the last two hours",
        )],
    ),
    (
        "callback",
        &[("edgereel callback status", "What was told to whom")],
    ),
    (
        "device",
        &[("edgereel device stats", "Storage, streams, delivery, memory")],
    ),
    ("config", &[("edgereel config reload", "As SIGHUP does")]),
    (
        "log",
        &[("edgereel log level debug", "Says more, until the next start")],
    ),
];

/// Puts them below each command's help.
pub(super) fn added(whole: clap::Command) -> clap::Command {
    EXAMPLES.iter().fold(whole, |whole, (name, examples)| {
        whole.mut_subcommand(name, |command| command.after_help(told(examples)))
    })
}

fn told(examples: &[(&str, &str)]) -> String {
    let lines = examples
        .iter()
        .map(|(line, about)| format!("  {line}\n      {about}\n"));
    format!("Examples:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as a shell has them; what comes behind a pipe or a `>` is not ours.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                '|' | '>' if !quoted => return words,
                other => word.push(other),
            }
        }
        words.push(word);
        words
    }

    #[test]
    fn every_example_can_be_typed() {
        for (name, examples) in EXAMPLES {
            for (line, _) in *examples {
                let words = words(line);
                assert_eq!(words[1], *name, "{line}");
                let matches = crate::cli::whole().try_get_matches_from(&words);
                assert!(matches.is_ok(), "{line}: {}", matches.unwrap_err());
            }
        }
    }

    #[test]
    fn every_command_has_one() {
        for command in crate::cli::whole().get_subcommands() {
            let name = command.get_name();
            assert!(
                EXAMPLES.iter().any(|(known, _)| *known == name),
                "{name} has no example"
            );
        }
    }
}
