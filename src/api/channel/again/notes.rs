//! What is noted of recordings that are shown again, in the journal.
//!
//! | id | body | meaning |
//! |---|---|---|
//! | of a recording | empty | it is done with |
//! | of a recording | `waits` | a channel shows it, and had not begun when it was looked at last |
//! | of a recording | `open` | it was not complete when it was looked at last |
//! | `looked` | JSON: `at`, `wanted` | what was complete at that time is done with or noted; what templates wanted, and since when |
//!
//! So a start finds what was complete before it, however long the box was off, and tells what was missed from what no template wanted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::due::{HOUR, Templates};
use crate::config::PseudoLive;
use crate::media::{Micros, RecordingId};

/// The id of the note of looks.
pub(super) const LOOKED: &str = "looked";

/// The note of looks is written again after this time.
const WRITTEN: Micros = HOUR;

/// The body of the note of a recording whose channel waits.
const WAITS: &str = "waits";
/// The body of the note of a recording that was not complete.
const OPEN: &str = "open";

/// What is noted of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// It is done with.
    Done,
    /// A channel shows it, and has not begun.
    Waits,
    /// It was not complete. However long ago it ended when it is, it is looked at.
    Open,
}

/// The note of looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Looked {
    /// UTC of the look.
    pub(super) at: Micros,
    /// What templates want, by their names.
    pub(super) wanted: BTreeMap<String, Wanted>,
}

/// What a template wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Wanted {
    /// When its recordings are shown again.
    pub(super) when: PseudoLive,
    /// UTC since when it wants that. Nobody waits for what ended before.
    pub(super) since: Micros,
}

/// What was done with recordings.
#[derive(Debug, Default)]
pub(in crate::api::channel) struct Again {
    /// The recordings that are noted.
    pub(super) noted: BTreeMap<RecordingId, Note>,
    /// The note of looks, as the journal has it.
    pub(super) kept: Option<Looked>,
    /// UTC of the last look at all recordings, since the service began or a template changed.
    pub(super) looked: Option<Micros>,
    /// What templates wanted then.
    pub(super) wanted: BTreeMap<String, Wanted>,
    /// Channels were looked at since the service began.
    pub(super) has_begun: bool,
}

impl Note {
    /// The note in the form of the journal.
    pub(super) fn body(self) -> &'static str {
        match self {
            Note::Done => "",
            Note::Waits => WAITS,
            Note::Open => OPEN,
        }
    }
}

impl Again {
    /// True where it is known what becomes of a recording.
    pub(super) fn is_decided(&self, recording: RecordingId) -> bool {
        matches!(self.noted.get(&recording), Some(Note::Done | Note::Waits))
    }

    /// Takes over what was noted before a restart: ids and bodies.
    pub(super) fn restore(&mut self, kept: &[(String, String)]) {
        for (id, body) in kept {
            if id == LOOKED {
                // Without the note, a start looks back as far as a channel can be late.
                self.kept = serde_json::from_str(body).ok();
            } else if let Ok(id) = id.parse() {
                let note = match body.as_str() {
                    WAITS => Note::Waits,
                    OPEN => Note::Open,
                    _ => Note::Done,
                };
                self.noted.insert(id, note);
            }
        }
        self.wanted = self.kept.clone().unwrap_or_default().wanted;
    }

    /// Takes over what templates want now. Where that is something else, recordings of other times are looked at.
    pub(super) fn want(&mut self, templates: &Templates, now: Micros) {
        let of = templates.iter().filter_map(|(name, template)| {
            let when = template.pseudo_live?;
            let known = self.wanted.get(name).filter(|known| known.when == when);
            let wanted = known.copied().unwrap_or(Wanted { when, since: now });
            Some((name.clone(), wanted))
        });
        let wanted = of.collect();
        if wanted != self.wanted {
            self.wanted = wanted;
            self.looked = None;
        }
    }

    /// The note of this look, where it is to be written.
    pub(super) fn to_write(&self, now: Micros) -> Option<Looked> {
        let wanted_something = |kept: &Looked| !kept.wanted.is_empty();
        if self.wanted.is_empty() && !self.kept.as_ref().is_some_and(wanted_something) {
            return None;
        }
        let looked = Looked {
            at: now,
            wanted: self.wanted.clone(),
        };
        let is_known = |kept: &Looked| {
            let age = now.saturating_sub(kept.at);
            kept.wanted == looked.wanted && (0..WRITTEN).contains(&age)
        };
        (!self.kept.as_ref().is_some_and(is_known)).then_some(looked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Template;

    fn templates(when: &str) -> Templates {
        let mut template = Template::built_in();
        template.pseudo_live = Some(when.parse().unwrap());
        BTreeMap::from([(template.name.clone(), template)])
    }

    #[test]
    fn a_restart_knows_since_when_a_template_wants_something_and_when_it_was_looked_at() {
        let mut again = Again::default();
        assert_eq!(
            again.to_write(HOUR),
            None,
            "where no template wants anything, nothing is written"
        );
        again.want(&templates("+2h"), HOUR);
        again.looked = Some(HOUR);
        let note = again.to_write(HOUR).unwrap();
        again.kept = Some(note.clone());
        assert_eq!(again.to_write(2 * HOUR - 1), None, "once an hour");
        assert_eq!(again.to_write(2 * HOUR).unwrap().at, 2 * HOUR);
        assert!(again.to_write(HOUR - 1).is_some(), "the clock was set back");

        let id = RecordingId::new(7);
        let open = RecordingId::new(9);
        let rows = [
            (LOOKED.to_owned(), serde_json::to_string(&note).unwrap()),
            (id.to_string(), WAITS.to_owned()),
            (RecordingId::new(8).to_string(), String::new()),
            (open.to_string(), OPEN.to_owned()),
            ("of a later release".to_owned(), String::new()),
        ];
        let mut again = Again::default();
        again.restore(&rows);
        assert_eq!(again.kept, Some(note));
        assert_eq!(again.noted.get(&id), Some(&Note::Waits));
        assert_eq!(again.noted.get(&open), Some(&Note::Open));
        assert!(again.is_decided(id) && !again.is_decided(open));
        assert_eq!(
            again.noted.values().filter(|note| **note == Note::Done).count(),
            1
        );
        again.want(&templates("+2h"), 50 * HOUR);
        again.looked = Some(50 * HOUR);
        assert_eq!(again.wanted.values().next().unwrap().since, HOUR);
        // Another time is another wish, and all are looked at again.
        again.want(&templates("+3h"), 51 * HOUR);
        assert_eq!(again.wanted.values().next().unwrap().since, 51 * HOUR);
        assert_eq!(again.looked, None);
        assert!(again.to_write(51 * HOUR).is_some());
    }
}
