//! `audit.…`: who changed what. The log has every changing command when it begins. The journal has it before the command has
//! any effect.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{Limit, time, typed};
use super::command::{AFTER, Command, Effect, Kind, Reach, Right, carries_out, takes};
use super::paged::fitting;
use crate::event::rfc3339;
use crate::media::{Micros, RecordingId};
use crate::model::reply::{AuditEntry, AuditList};
use crate::store::{
    AuditChange, AuditId, AuditQuery, AuditRow, Audited, Change, Command as StoreCommand, Library,
};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "audit.list",
    about: "List the commands that changed something, and who gave them, newest first",
    effect: Effect::Reads,
    right: Right::Operate,
    reach: Reach::Box,
    arguments: &[
        takes("from", Kind::Time, "only commands given at this time or later"),
        takes("to", Kind::Time, "only commands given before this time"),
        takes("limit", Kind::Number, "the largest number of rows; default 50").rows(50),
        AFTER,
    ],
    carry_out: carries_out!(list -> AuditList, or list_alone),
}];

/// Arguments that name the object of a command. No other argument is written down, because it may be long or a secret.
const OBJECTS: &[&str] = &[
    "recording",
    "recordings",
    "key",
    "stream",
    "task",
    "template",
    "name",
    "domain",
    "app",
    "record",
    "protected",
    "remote",
    "tags",
    "from",
    "to",
    "start",
    "end",
    "duration",
    "rate",
    "level",
];
/// The objects that a command made or found.
const MADE: &[&str] = &["recording", "recordings", "task"];
/// A text of an object is cut to this many characters. A list is cut to this many entries.
const LONGEST: usize = 128;
const MOST_OF_LIST: usize = 20;

/// A command that is being carried out.
pub struct Entry {
    api: Api,
    id: AuditId,
    command: String,
    object: Map<String, Value>,
    over: bool,
}

impl Api {
    /// Carries out a command. If the command changes something, the audit notes the caller.
    pub(super) async fn audited(
        &self,
        request: Option<&str>,
        command: &'static Command,
        arguments: Map<String, Value>,
    ) -> Result<Value, Failure> {
        if command.only_reads() {
            return command.run(self, arguments).await;
        }
        let entry = self.begin(request, command.name, &arguments);
        let with_entry = Api {
            entry: Some(entry.id),
            ..self.clone()
        };
        let result = command.run(&with_entry, arguments).await;
        entry.end(&result);
        result
    }

    /// Begins a command that no request asked for.
    pub fn begin_unasked(&self, command: &str) -> Entry {
        self.begin(None, command, &Map::new())
    }

    /// Begins a command of the service itself about a recording.
    pub(super) fn begin_about(&self, command: &str, recording: RecordingId) -> Entry {
        let about = Map::from_iter([("recording".to_owned(), recording.to_string().into())]);
        let entry = self.begin(None, command, &about);
        let with_entry = Api {
            entry: Some(entry.id),
            ..self.clone()
        };
        with_entry.is_about(recording);
        entry
    }

    fn begin(&self, request: Option<&str>, command: &str, arguments: &Map<String, Value>) -> Entry {
        let object: Map<String, Value> = OBJECTS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), told(arguments.get(*name)?)?)))
            .collect();
        let caller = &self.caller;
        let audited = Audited {
            id: uuid::Uuid::now_v7().into_bytes(),
            time: self.now(),
            boot: self.clock.boot_id(),
            door: caller.door.as_str(),
            who: plain(&caller.who, 256),
            request: request.map(|id| plain(id, LONGEST)),
            command: command.to_owned(),
            object: Value::Object(object.clone()).to_string(),
        };
        let request = match &audited.request {
            Some(id) => format!(", request {id}"),
            None => String::new(),
        };
        tracing::info!(
            "command {command}{}, by {} ({}){request}",
            words(&object),
            audited.who,
            audited.door
        );
        let entry = Entry {
            api: self.clone(),
            id: audited.id,
            command: command.to_owned(),
            object,
            over: false,
        };
        entry.write(AuditChange::Begun(Box::new(audited)));
        entry
    }

    /// Notes that the command is about this recording, in whatever way the request named it.
    pub(super) fn is_about(&self, recording: RecordingId) {
        if let Some(id) = self.entry {
            let about = AuditChange::About { id, recording };
            if let Err(error) = self
                .recorder
                .hand_over(StoreCommand::Change(Change::Audit(about)))
            {
                tracing::debug!("the audit does not say which recording: {error}");
            }
        }
    }
}

impl Entry {
    /// Ends the entry of the command.
    pub fn end(mut self, result: &Result<Value, Failure>) {
        self.over = true;
        let outcome = match result {
            Ok(value) => {
                for name in MADE {
                    if let Some(made) = value.get(*name).and_then(told) {
                        self.object.insert((*name).to_owned(), made);
                    }
                }
                self.of_list(value)
            }
            Err(failure) => {
                let code = failure.code.as_str();
                tracing::info!(
                    "command {}{} came to nothing: {code}",
                    self.command,
                    words(&self.object)
                );
                code
            }
        };
        self.write(AuditChange::Ended {
            id: self.id,
            object: Value::Object(self.object.clone()).to_string(),
            outcome,
        });
    }

    /// The outcome of a command about several recordings, of which the answer has a result or an error for each: where all were
    /// refused, the code of the first. The entry names those that were.
    fn of_list(&mut self, answer: &Value) -> &'static str {
        let each = answer.get("reviews").and_then(Value::as_array);
        let each = each.map_or(&[][..], Vec::as_slice);
        let (mut refused, mut first) = (Vec::new(), None);
        for one in each {
            if let Some(error) = one.get("error") {
                first = first.or_else(|| error.get("code")?.as_str());
                refused.extend(one.get("recording").and_then(told));
            }
        }
        let is_all = !refused.is_empty() && refused.len() == each.len();
        if !refused.is_empty() {
            self.object.insert("refused".to_owned(), refused.into());
        }
        let codes = Code::ALL.map(Code::as_str);
        let code = codes.into_iter().find(|code| is_all && first == Some(*code));
        code.unwrap_or("ok")
    }

    /// Writes to the journal. If that fails, the command is carried out all the same, and the log has it.
    fn write(&self, change: AuditChange) {
        if let Err(error) = self
            .api
            .recorder
            .hand_over(StoreCommand::Change(Change::Audit(change)))
        {
            tracing::warn!("command {} is not in the journal's audit: {error}", self.command);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.over {
            tracing::info!(
                "command {}{} was given up before its answer; what was begun may go on",
                self.command,
                words(&self.object)
            );
        }
    }
}

/// A value as the audit writes it. Objects are left out.
fn told(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) | Value::Number(_) => Some(value.clone()),
        Value::String(text) => Some(plain(without_path(text), LONGEST).into()),
        Value::Array(all) => Some(all.iter().take(MOST_OF_LIST).filter_map(told).collect()),
        Value::Null | Value::Object(_) => None,
    }
}

/// A text, of which an address that came in place of a name is cut behind its host: the rest may be a key.
fn without_path(text: &str) -> &str {
    let end = text.find("://").and_then(|at| {
        let host = at + "://".len();
        text.get(host..)?.find('/').map(|length| host + length)
    });
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// A text without the part behind a stream's name, which may hold a key, and without characters that a log line cannot show.
fn plain(text: &str, longest: usize) -> String {
    let text = text.split('?').next().unwrap_or_default();
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(longest).map(shown).collect()
}

/// The object as words for the log: ` stream=live/cam1 remote=true`.
fn words(object: &Map<String, Value>) -> String {
    object
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!(" {name}={text}"),
            value => format!(" {name}={value}"),
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    #[serde(default)]
    limit: Limit,
    after: Option<String>,
}

fn query(list: List) -> Result<AuditQuery, Failure> {
    let before = list.after.map(|after| after.parse()).transpose();
    let before = before
        .map_err(|_| Failure::bad("after: expected what 'next' of the list before said").about("after"))?;
    Ok(AuditQuery {
        from: list.from,
        to: list.to,
        before,
        limit: list.limit.0,
    })
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<AuditList, Failure> {
    let query = query(typed(arguments)?)?;
    // After this, the list has all earlier commands.
    if let Err(error) = api.recorder.flush().await {
        tracing::debug!("the audit may lack the last commands: {error}");
    }
    let rows = api.read(move |library| library.audit(&query)).await?;
    Ok(page(&query, &rows))
}

/// The same list as [`list`], from the store alone.
fn list_alone(library: &Library, arguments: Map<String, Value>) -> Result<AuditList, Failure> {
    let query = query(typed(arguments)?)?;
    Ok(page(&query, &library.audit(&query)?))
}

fn page(query: &AuditQuery, rows: &[AuditRow]) -> AuditList {
    let entries = fitting(rows.iter().map(shown));
    let last = entries.len().checked_sub(1).and_then(|last| rows.get(last));
    let more = entries.len() < rows.len() || rows.len() == query.limit;
    let next = last.filter(|_| more).map(|row| row.number.to_string());
    AuditList { entries, next }
}

fn shown(row: &AuditRow) -> AuditEntry {
    AuditEntry {
        number: row.number,
        time: rfc3339(row.time),
        command: row.command.clone(),
        object: serde_json::from_str(&row.object).unwrap_or_default(),
        door: row.door.clone(),
        who: row.who.clone(),
        request: row.request.clone(),
        outcome: row.outcome.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_place_of_a_name_is_told_without_what_may_be_a_key() {
        for (said, shown) in [
            ("evening", "evening"),
            ("live/cam1?key=s3cret", "live/cam1"),
            ("rtmp://h.example:1936/app/s3cret", "rtmp://h.example:1936"),
            ("rtmp://h.example", "rtmp://h.example"),
            ("é://é/s3cret", "é://é"),
        ] {
            assert_eq!(told(&said.into()), Some(shown.into()));
        }
        let list = Value::from(vec!["rtmp://h/s3cret"; 99]);
        assert_eq!(told(&list), Some(vec!["rtmp://h"; MOST_OF_LIST].into()));
    }
}
