//! Examples of each command, for its help and its man page.

/// For each command: lines to type, and what they do.
pub(super) const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "run",
        &[
            (
                "edgereel run",
                "Listen on this machine, and record into ./edgereel-data",
            ),
            (
                "edgereel run --config box.toml --data /mnt/card/store",
                "Use a configuration and another storage directory",
            ),
        ],
    ),
    (
        "demo",
        &[(
            "edgereel demo --seconds 30",
            "Record half a minute of a test clip, and deliver it to a folder",
        )],
    ),
    (
        "check-config",
        &[(
            "edgereel check-config --config box.toml",
            "Print the settings in force, or each mistake with its line",
        )],
    ),
    (
        "ls",
        &[
            ("edgereel ls", "All recordings"),
            (
                "edgereel ls --stream live/cam1 --from 2h",
                "Recordings of a stream that ended in the last two hours",
            ),
            ("edgereel ls --json", "For programs, with all fields"),
            (
                "edgereel ls --from 24h --urls",
                "Addresses to download what ended in the last 24 hours, for wget -i",
            ),
        ],
    ),
    (
        "export",
        &[
            (
                "edgereel export last -o lesson.mp4",
                "The newest recording as an MP4",
            ),
            (
                "edgereel export 0197a2 --from 10min --to 12min -o part.mp4",
                "Two minutes of a recording",
            ),
            (
                "edgereel export 0197a2@10min..12min 0197b3@..30s -o best.mp4",
                "Parts of two recordings in one file",
            ),
            (
                "edgereel export last --format hls -o lesson/",
                "A folder with index.m3u8",
            ),
            (
                "edgereel export last --format flv -o - | ffplay -",
                "Send a recording to a player",
            ),
        ],
    ),
    (
        "verify",
        &[
            (
                "edgereel verify",
                "Verify all of the tape, also while the service runs",
            ),
            ("edgereel verify --repair", "With the service stopped"),
        ],
    ),
    (
        "publish",
        &[
            (
                "edgereel publish clip.mp4 rtmp://127.0.0.1/live/cam1",
                "Send a file in real time",
            ),
            (
                "edgereel publish clip.mp4 'rtmp://box-17/live/cam1?key=secret' --loop",
                "Send with a key, until Ctrl-C",
            ),
            (
                "edgereel publish clip.mp4 rtmps://box-17:1936/live/cam1 --ca-file cert.pem",
                "Send over TLS",
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
                "For bash, for all users",
            ),
            (
                "edgereel completions fish > ~/.config/fish/completions/edgereel.fish",
                "For fish, for one user",
            ),
        ],
    ),
    (
        "recording",
        &[
            (
                "edgereel recording set 0197a2 --category maths --title 'Algebra 7'",
                "Give a recording its category and a title",
            ),
            (
                "edgereel recording cut 0197a2 --ranges '[{\"from_s\":60,\"to_s\":120},{\"from_s\":-60}]'",
                "A new recording of two minutes of another: its second and its last one",
            ),
            (
                "edgereel recording timelapse 0197a2 --speed 60",
                "A new recording that plays another 60 times faster",
            ),
            (
                "edgereel recording review block 0197a2 --reason 'a face'",
                "Hold a recording back from viewers and deliveries",
            ),
            (
                "edgereel recording review pass --recordings 0197a2,0197a5",
                "Pass two recordings",
            ),
            (
                "edgereel recording start live/cam1 --pre-roll 10s --name lesson-7",
                "Record, beginning with the last ten seconds",
            ),
            (
                "edgereel recording stop live/cam1",
                "End what a command began to record",
            ),
            (
                "edgereel recording list --stream live/cam1 --from 24h",
                "Recordings that ended in the last 24 hours",
            ),
            (
                "edgereel recording search --text algebra --sort length --descending true",
                "Find recordings by their titles, the longest first",
            ),
            (
                "edgereel recording get last",
                "All details of the newest recording",
            ),
            (
                "edgereel recording protect 0197a2",
                "Protect a recording from eviction; unprotect ends that",
            ),
        ],
    ),
    (
        "category",
        &[(
            "edgereel category put maths --name Mathematics --parent school",
            "File recordings by subject, within a category that is there",
        )],
    ),
    (
        "clip",
        &[
            (
                "edgereel clip create live/cam1 --before 10s --after 20s",
                "10 s before now to 20 s after now",
            ),
            (
                "edgereel clip create live/cam1 --from 2026-11-20T08:00:00Z --to 2026-11-20T08:00:30Z",
                "A clip of the past",
            ),
        ],
    ),
    (
        "channel",
        &[
            (
                "edgereel channel put evening --start 2026-12-01T20:00:00Z --play loop 0197a2 0197b3@10min..12min",
                "Show two recordings one after the other, from eight o'clock on, again and again",
            ),
            (
                "edgereel channel put again --start 2h live/cam1@1h..10min",
                "Show what was recorded of a stream, in two hours",
            ),
            ("edgereel channel list", "All channels"),
            ("edgereel channel disable evening", "Switch a channel off"),
            (
                "edgereel channel push evening rtmps://live.example.com/app/KEY",
                "Send a channel to another server, which channel.push_to must name",
            ),
            (
                "edgereel channel push evening - < address",
                "The same, with the address from a file or a pipe",
            ),
            (
                "edgereel channel pushes",
                "Where channels are sent to, and how that goes",
            ),
        ],
    ),
    (
        "task",
        &[
            (
                "edgereel task create live/cam1 --start 2h --duration 90min",
                "Record in two hours",
            ),
            (
                "edgereel task create live/cam1 --weekly 'Mon-Fri 08:00-18:00' --time-zone Asia/Shanghai",
                "Record every week",
            ),
            ("edgereel task list --state waiting", "Tasks that have not begun"),
        ],
    ),
    (
        "rule",
        &[
            (
                "edgereel rule put --stream 'live/cam*' --template lesson",
                "Record these streams by this template, from the next push on",
            ),
            (
                "edgereel rule list",
                "The rules, in the order in which they apply",
            ),
        ],
    ),
    (
        "template",
        &[
            (
                "edgereel template put lesson --formats mp4 --split 30min --keep 7d",
                "Only MP4, a file for each half hour",
            ),
            ("edgereel template list", "All templates"),
        ],
    ),
    (
        "stream",
        &[
            (
                "edgereel stream list",
                "The streams on the air, with their bit rates",
            ),
            ("edgereel stream kick live/cam1", "End the publish"),
        ],
    ),
    (
        "timeshift",
        &[
            (
                "edgereel timeshift streams",
                "The streams with tape of the last day",
            ),
            (
                "edgereel timeshift ranges live/cam1 --from 2h",
                "When there is tape of a stream, with the address of each range",
            ),
        ],
    ),
    (
        "timeline",
        &[
            (
                "edgereel timeline live/cam1",
                "Where the last day of a stream is on the tape, and why it stops",
            ),
            (
                "edgereel timeline live/cam1 --from 30d --time-zone Europe/Berlin --json",
                "For programs, with bytes and the days of the calendar",
            ),
        ],
    ),
    (
        "fingerprint",
        &[
            (
                "edgereel fingerprint create last",
                "Make the fingerprint of the newest recording",
            ),
            (
                "edgereel fingerprint search --recording last",
                "Where the same pictures were recorded, too",
            ),
        ],
    ),
    (
        "job",
        &[
            (
                "edgereel job export --recording last --from 60 --to 120 --title Goal",
                "Make an MP4 of a minute, and deliver it to the object store",
            ),
            (
                "edgereel job stills last --count 10",
                "Deliver ten pictures of the newest recording",
            ),
            (
                "edgereel job list --state delivering",
                "How far the jobs are, and why they wait",
            ),
            (
                "edgereel job cancel 01a1fe5e-3196",
                "Give the upload up, and delete what was made",
            ),
        ],
    ),
    (
        "sync",
        &[
            ("edgereel sync status", "The state of delivery, and the reasons"),
            ("edgereel sync limit --rate '2 MiB/s'", "Limit the rate"),
            ("edgereel sync retry", "Retry all deliveries now"),
        ],
    ),
    (
        "store",
        &[
            (
                "edgereel store status",
                "Space, what keeps it, and how far back the tape reaches",
            ),
            (
                "edgereel store adopt",
                "Accept a storage directory that came from another box",
            ),
        ],
    ),
    (
        "audit",
        &[(
            "edgereel audit list --from 2h",
            "Who changed what in the last two hours",
        )],
    ),
    (
        "callback",
        &[(
            "edgereel callback status",
            "Which callbacks accepted which events",
        )],
    ),
    (
        "token",
        &[
            (
                "edgereel token create --stream live/cam1 --valid 2h",
                "An address that plays the stream for two hours",
            ),
            (
                "edgereel token create --recording 0197a2c4-5b7c-7d00-8000-0123456789ab --may watch,download",
                "An address of a recording",
            ),
        ],
    ),
    (
        "hash-password",
        &[
            (
                "edgereel hash-password",
                "Type a password, and copy its hash into a [[viewer]]",
            ),
            (
                "edgereel hash-password < password.txt > anna.hash",
                "Make a file for password_file",
            ),
        ],
    ),
    (
        "media-worker",
        &[
            (
                "edgereel media-worker --check",
                "See whether ffmpeg is there and makes pictures",
            ),
            (
                "edgereel media-worker --listen /run/edgereel-media/media.sock",
                "Serve on a box without systemd",
            ),
        ],
    ),
    (
        "device",
        &[("edgereel device stats", "Storage, streams, delivery, memory")],
    ),
    ("config", &[("edgereel config reload", "The same as SIGHUP")]),
    (
        "log",
        &[
            ("edgereel log level debug", "Log more, until the next start"),
            ("edgereel log tail --level warn", "The last warnings and errors"),
        ],
    ),
];

/// Puts the examples below each command's help.
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

    /// The words of a line, as a shell has them. The part behind a pipe, a `<` or a `>` is of other programs or files.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                '|' | '<' | '>' if !quoted => return words,
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
