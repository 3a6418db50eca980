//! `[[task]]`: recordings that are ordered for a time, as `task create` orders them.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::file::Refused;
use super::{DEFAULT_TEMPLATE, Span, Template, Weekly, Zone};
use crate::media::StreamName;

/// The most tasks of a file.
const MOST: usize = 1_000;
/// The longest time from start to end in microseconds, as for a command.
const LONGEST: i64 = 24 * 3_600_000_000;

/// A task that the configuration orders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TaskFile")]
pub struct Task {
    /// The name of the task, which no other task has. Its recordings have it, too.
    pub name: String,
    /// The stream.
    pub stream: StreamName,
    /// The template. Without one, the task makes HLS that is kept until its space is needed.
    pub template: Option<String>,
    /// The times at which the task records.
    pub times: TaskTimes,
    /// The task as it is written.
    source: TaskFile,
}

/// When a task records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskTimes {
    /// Once, from the first of these moments (UTC) to the second.
    Once(i64, i64),
    /// Every week.
    Weekly(Weekly),
}

/// An entry as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    name: String,
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weekly: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<Zone>,
}

impl Task {
    /// The id of the task, wherever tasks have ids.
    pub fn id(&self) -> String {
        format!("config.{}", self.name)
    }

    /// True when the task will never record any more.
    pub fn is_over(&self, utc: i64) -> bool {
        matches!(self.times, TaskTimes::Once(_, end) if end <= utc)
    }
}

impl Serialize for Task {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(to)
    }
}

impl TryFrom<TaskFile> for Task {
    type Error = String;

    fn try_from(source: TaskFile) -> Result<Self, String> {
        let name = &source.name;
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
            return Err("task.name: 1 to 64 letters, digits, '.', '_' or '-'".to_owned());
        }
        if source.stream.contains('*') {
            return Err(format!(
                "task '{name}': stream = {:?}: a task is of one stream, as in \"live/cam1\"; write one [[task]] for each, or a \
                 [[rule]] for a pattern of streams",
                source.stream
            ));
        }
        let stream = source.stream.parse().and_then(StreamName::seen);
        Ok(Self {
            name: name.clone(),
            stream: stream.map_err(|error| format!("task '{name}': stream: {error}"))?,
            template: source.template.clone(),
            times: source
                .times()
                .map_err(|error| format!("task '{name}': {error}"))?,
            source,
        })
    }
}

impl TaskFile {
    fn times(&self) -> Result<TaskTimes, String> {
        let zone = self.time_zone.clone().unwrap_or_default();
        let (start, end) = match (&self.start, &self.end, self.duration, &self.weekly) {
            (None, None, None, Some(hours)) => {
                let weekly = Weekly::parse(hours, zone).map_err(|error| format!("weekly: {error}"))?;
                return Ok(TaskTimes::Weekly(weekly));
            }
            (Some(start), Some(end), None, None) => {
                (moment("start", start, &zone)?, moment("end", end, &zone)?)
            }
            (Some(start), None, Some(duration), None) => {
                let start = moment("start", start, &zone)?;
                (start, start.saturating_add(duration.as_micros()))
            }
            _ => return Err("'start' with 'end' or 'duration', or 'weekly' alone".to_owned()),
        };
        match end.saturating_sub(start) {
            ..=0 => Err("end: must be after start".to_owned()),
            length if length > LONGEST => {
                let hours = Span::from_millis(length.unsigned_abs() / 1_000);
                Err(format!(
                    "end: from start to end are {hours}; at most 24h are taken"
                ))
            }
            _ => Ok(TaskTimes::Once(start, end)),
        }
    }
}

/// A moment as it is written: with its offset from UTC, or by the clock on the wall of the task's zone.
fn moment(key: &str, text: &str, zone: &Zone) -> Result<i64, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_microsecond());
    }
    let local = text.parse::<DateTime>().ok().and_then(|local| zone.first(local));
    local.ok_or_else(|| {
        format!("{key}: '{text}' is not a moment: write \"2026-12-01T08:00:00Z\", or \"2026-12-01T08:00:00\" with a time_zone")
    })
}

/// Checks the tasks as a whole.
pub(super) fn check(tasks: &[Task], templates: &[Template]) -> Result<(), Refused> {
    let refuse = |key: &'static str, entry, message: String| Err(Refused::new(key, message).of(entry));
    if tasks.len() > MOST {
        let message = format!("[[task]]: {} entries; at most {MOST}", tasks.len());
        return refuse("task", MOST, message);
    }
    for (number, task) in tasks.iter().enumerate() {
        let name = &task.name;
        if tasks.iter().take(number).any(|other| other.name == *name) {
            return refuse("task.name", number, format!("task '{name}' is there twice"));
        }
        if let Some(template) = &task.template {
            let known = templates.iter().find(|known| known.name == *template);
            match known {
                None if template != DEFAULT_TEMPLATE => {
                    let message = format!("task '{name}' names the template '{template}', and there is none");
                    return refuse("task.template", number, message);
                }
                Some(known) if known.is_off() => {
                    let message = format!(
                        "task '{name}' names the template '{template}', whose formats are empty: it would record nothing"
                    );
                    return refuse("task.template", number, message);
                }
                None | Some(_) => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        let parsed = Config::parse(Some((Path::new("box.toml"), text)), [], "box");
        parsed.map_err(|error| error.to_string())
    }

    fn refusal(text: &str) -> String {
        let head = "[[task]]\nname = \"a\"\nstream = \"live/cam1\"\n";
        parse(&format!("{head}{text}")).unwrap_err()
    }

    #[test]
    fn tasks_read_and_print_as_they_are_written() {
        let text = "[[task]]\nname = \"lesson\"\nstream = \"live/cam1\"\nweekly = [\"Mon-Fri 08:00-18:00\"]\n\
                    time_zone = \"Europe/Berlin\"\n\
                    [[task]]\nname = \"day\"\nstream = \"live/cam2\"\nstart = \"2026-12-01T08:00:00\"\nduration = \"90min\"\n\
                    time_zone = \"Asia/Shanghai\"\n\
                    [[task]]\nname = \"night\"\nstream = \"live/cam2\"\nstart = \"2026-12-01T20:00:00Z\"\n\
                    end = \"2026-12-02T04:00:00+01:00\"\ntemplate = \"default\"\n";
        let config = parse(text).unwrap();
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
        assert_eq!(config.tasks[0].id(), "config.lesson");
        let midnight = 1_796_083_200_000_000;
        let hour = 3_600_000_000;
        assert_eq!(
            config.tasks[1].times,
            TaskTimes::Once(midnight, midnight + hour * 3 / 2)
        );
        assert_eq!(
            config.tasks[2].times,
            TaskTimes::Once(midnight + 20 * hour, midnight + 27 * hour)
        );
    }

    #[test]
    fn what_cannot_be_names_the_line_the_key_and_what_would_be_right() {
        for (text, said) in [
            ("", "'start' with 'end' or 'duration'"),
            ("weekly = [\"Mon 08:00\"]", "weekly: "),
            (
                "start = \"soon\"\nduration = \"1h\"",
                "start: 'soon' is not a moment",
            ),
            (
                "start = \"2026-12-01T08:00:00Z\"\nend = \"2026-12-01T07:00:00Z\"",
                "end: must be after start",
            ),
            (
                "start = \"2026-12-01T08:00:00Z\"\nduration = \"25h\"",
                "at most 24h",
            ),
            (
                "weekly = [\"Mon 08:00-09:00\"]\ntemplat = \"x\"",
                "did you mean 'template'?",
            ),
            (
                "weekly = [\"Mon 08:00-09:00\"]\ntemplate = \"x\"",
                "names the template 'x', and there is none",
            ),
            (
                "weekly = [\"Mon 08:00-09:00\"]\n[[task]]\nname = \"a\"\nstream = \"live/b\"\nweekly = [\"Mon 08:00-09:00\"]",
                "task 'a' is there twice",
            ),
        ] {
            let refused = refusal(text);
            assert!(
                refused.starts_with("box.toml:") && refused.contains(said),
                "{refused}"
            );
        }
        let pattern =
            parse("[[task]]\nname = \"a\"\nstream = \"live/*\"\nweekly = [\"Mon 08:00-09:00\"]").unwrap_err();
        assert!(
            pattern.contains("one stream") && pattern.contains("[[rule]]"),
            "{pattern}"
        );
    }
}
