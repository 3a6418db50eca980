//! The last lines of the log, kept in memory for who asks the service and cannot read the log itself. Lines are kept as the log
//! has them: what the log's filter leaves out is not here either, and no secret is in a line.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use tracing::Level;

use crate::api::{LogPlace, LogWanted};
use crate::event::rfc3339;
use crate::model::reply::{LogLine, LogTail};

/// Most bytes of all lines.
const MOST_BYTES: usize = 256 << 10;
/// What a line takes beside its text.
const LINE_COST: usize = size_of::<Kept>();
/// Most bytes of an answer's lines.
const ANSWER_BYTES: usize = 56 << 10;

static RECENT: LazyLock<Mutex<Recent>> = LazyLock::new(|| {
    let chance = uuid::Uuid::now_v7().as_u128();
    Mutex::new(Recent::new(u32::try_from(chance & 0xFFFF_FFFF).unwrap_or(0)))
});

/// Keeps a line.
pub(super) fn keep(time: jiff::Timestamp, level: Level, text: String) {
    recent().keep(time, level, text);
}

/// The lines that somebody asks for.
pub(super) fn tail(wanted: &LogWanted) -> LogTail {
    recent().tail(wanted)
}

fn recent() -> MutexGuard<'static, Recent> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines, the oldest first. They have numbers without gaps, from 1 on.
struct Recent {
    /// The start of the service, as any number.
    start: u32,
    lines: VecDeque<Kept>,
    bytes: usize,
    /// The number of the newest line.
    newest: u64,
}

struct Kept {
    number: u64,
    time: jiff::Timestamp,
    level: Level,
    text: Box<str>,
}

impl Recent {
    const fn new(start: u32) -> Self {
        Self {
            start,
            lines: VecDeque::new(),
            bytes: 0,
            newest: 0,
        }
    }

    fn keep(&mut self, time: jiff::Timestamp, level: Level, text: String) {
        let text = text.into_boxed_str();
        self.bytes += text.len() + LINE_COST;
        self.newest += 1;
        self.lines.push_back(Kept {
            number: self.newest,
            time,
            level,
            text,
        });
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.text.len() + LINE_COST;
        }
    }

    fn place(&self, number: u64) -> LogPlace {
        let start = self.start;
        LogPlace { start, number }
    }

    fn tail(&self, wanted: &LogWanted) -> LogTail {
        let gone = self.newest.saturating_sub(self.lines.len() as u64);
        // Who read the log of another start has read no line of this one.
        let after = wanted.after.map(|after| {
            let is_ours = after.start == self.start;
            if is_ours { after.number.min(self.newest) } else { 0 }
        });
        let fits = |line: &Kept| {
            let level = wanted.level.is_none_or(|level| line.level <= level);
            level
                && wanted
                    .text
                    .as_ref()
                    .is_none_or(|text| line.text.contains(text.as_str()))
        };
        let shown = |line: &Kept| LogLine {
            number: line.number,
            time: rfc3339(line.time.as_microsecond()),
            level: word(line.level),
            text: line.text.to_string(),
        };
        let all = self.lines.iter().filter(|line| fits(line));
        let (lines, is_cut) = match after {
            Some(after) => bounded(all.filter(|line| line.number > after).map(shown), wanted.limit),
            None => {
                let (mut newest, _) = bounded(all.rev().map(shown), wanted.limit);
                newest.reverse();
                (newest, false)
            }
        };
        let last = lines.last().map(|line| line.number).filter(|_| is_cut);
        LogTail {
            next: self.place(last.unwrap_or(self.newest)).to_string(),
            missed: after.map_or(0, |after| gone.saturating_sub(after)),
            lines,
        }
    }
}

/// The first of these lines, and whether there are more.
fn bounded(lines: impl Iterator<Item = LogLine>, limit: usize) -> (Vec<LogLine>, bool) {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for line in lines {
        // Each character of a text may take six bytes in JSON, and few do.
        bytes += line.text.len() + line.text.matches(['"', '\\']).count() + 100;
        if page.len() == limit || (bytes > ANSWER_BYTES && !page.is_empty()) {
            return (page, true);
        }
        page.push(line);
    }
    (page, false)
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(lines: u64) -> Recent {
        let mut recent = Recent::new(7);
        for n in 1..=lines {
            let level = if n % 10 == 0 { Level::ERROR } else { Level::INFO };
            recent.keep(jiff::Timestamp::UNIX_EPOCH, level, format!("line {n}"));
        }
        recent
    }

    fn asked(
        recent: &Recent,
        limit: usize,
        after: Option<u64>,
        level: Option<Level>,
        text: &str,
    ) -> (Vec<u64>, String, u64) {
        let text = Some(text.to_owned()).filter(|text| !text.is_empty());
        let tail = recent.tail(&LogWanted {
            limit,
            after: after.map(|number| recent.place(number)),
            level,
            text,
        });
        (
            tail.lines.iter().map(|line| line.number).collect(),
            tail.next.strip_prefix("00000007-").unwrap().to_owned(),
            tail.missed,
        )
    }

    #[test]
    fn who_asks_gets_the_newest_lines_and_then_those_behind_them() {
        let mut recent = filled(25);
        assert_eq!(
            asked(&recent, 3, None, None, ""),
            (vec![23, 24, 25], "25".to_owned(), 0)
        );
        assert_eq!(
            asked(&recent, 3, Some(25), None, ""),
            (vec![], "25".to_owned(), 0)
        );
        recent.keep(jiff::Timestamp::UNIX_EPOCH, Level::WARN, "more".to_owned());
        assert_eq!(
            asked(&recent, 3, Some(25), None, ""),
            (vec![26], "26".to_owned(), 0)
        );
        // In parts, without a line that is told twice or not at all.
        assert_eq!(
            asked(&recent, 2, Some(20), None, ""),
            (vec![21, 22], "22".to_owned(), 0)
        );
        // A number that is not reached yet.
        assert_eq!(
            asked(&recent, 1, Some(4_000), None, ""),
            (vec![], "26".to_owned(), 0)
        );
    }

    #[test]
    fn who_read_the_log_before_a_start_gets_all_lines_since_it() {
        let recent = filled(60);
        let tail = recent.tail(&LogWanted {
            limit: 9,
            after: Some(LogPlace { start: 6, number: 40 }),
            level: None,
            text: None,
        });
        let numbers: Vec<u64> = tail.lines.iter().map(|line| line.number).collect();
        assert_eq!(
            (numbers, tail.next.as_str(), tail.missed),
            ((1..=9).collect(), "00000007-9", 0)
        );
    }

    #[test]
    fn lines_are_chosen_by_level_and_text_and_the_place_moves_on_where_none_fits() {
        let recent = filled(25);
        assert_eq!(asked(&recent, 9, None, Some(Level::ERROR), "").0, [10, 20]);
        assert_eq!(
            asked(&recent, 9, None, Some(Level::TRACE), "line 2").0,
            [2, 20, 21, 22, 23, 24, 25]
        );
        assert_eq!(
            asked(&recent, 9, Some(20), Some(Level::WARN), ""),
            (vec![], "25".to_owned(), 0)
        );
        assert_eq!(
            asked(&recent, 1, Some(0), Some(Level::ERROR), ""),
            (vec![10], "10".to_owned(), 0)
        );
    }

    #[test]
    fn memory_and_answers_are_bounded_and_lines_that_are_gone_are_counted() {
        let mut recent = Recent::new(7);
        for n in 0..5_000 {
            recent.keep(
                jiff::Timestamp::UNIX_EPOCH,
                Level::INFO,
                format!("{n} {}", "\"".repeat(1_000)),
            );
            assert!(recent.bytes <= MOST_BYTES);
        }
        let kept = recent.lines.len() as u64;
        assert!(kept > 200, "{kept}");
        let wanted = LogWanted {
            limit: 100,
            after: Some(recent.place(10)),
            level: None,
            text: None,
        };
        let tail = recent.tail(&wanted);
        assert_eq!(tail.missed, 5_000 - kept - 10);
        assert!(serde_json::to_string(&tail).unwrap().len() < 64 << 10);
        assert_eq!(
            tail.next,
            recent.place(tail.lines.last().unwrap().number).to_string()
        );
        recent.keep(jiff::Timestamp::UNIX_EPOCH, Level::INFO, "x".repeat(MOST_BYTES));
        assert!(recent.lines.is_empty(), "a line that is longer than all may be");
    }
}
