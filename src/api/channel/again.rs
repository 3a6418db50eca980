//! Channels that templates make by themselves of recordings that are complete: `pseudo_live`.
//!
//! ```text
//! closed ──► a look, at most half a minute later ──► channel, under a name made of the recording's id ──► noted as done
//! ```
//!
//! A crash before the note makes the look again: the channel is known by its name then. What is noted is not done again, also where
//! somebody has deleted the channel.

use std::collections::{BTreeMap, BTreeSet};

use super::Put;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::channel::{Name, Play};
use crate::config::{PseudoLive, Template};
use crate::event::{Event, rfc3339};
use crate::media::{Micros, RecordingId};
use crate::model::Origin;
use crate::store::{Change, Command as StoreCommand, Filter, RecordingRow, RecordingState};

/// The namespace of the notes: ids of recordings.
pub const SHOWN_AGAIN: &str = "pseudo_live";

const HOUR: Micros = 3_600_000_000;
/// A recording is complete so long after its end at the latest: the longest resume window, and some time for the tape.
const CLOSES: Micros = 7 * HOUR;
/// Where a set time has passed meanwhile, because the box was off, a recording is shown at once up to so much later, and longer by its
/// resume window: so long it may stay open after its end.
const LATE: Micros = HOUR;
/// A channel stays so long after its end.
const STAYS: Micros = HOUR;

/// What was done with recordings.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The recordings that are noted.
    noted: BTreeSet<RecordingId>,
    /// UTC of the last look at all of them.
    looked: Option<Micros>,
    /// What templates wanted then, by their names.
    wanted: BTreeMap<String, Option<PseudoLive>>,
}

/// When a recording is shown again, if a template wants it.
fn due(row: &RecordingRow, templates: &BTreeMap<String, Template>, now: Micros) -> Option<Micros> {
    let template = templates.get(&row.spec.about.template)?;
    // Where formats are cut differently, there are several recordings of the same media.
    let output = template.outputs.first()?;
    let is_complete = matches!(row.state, RecordingState::Closed | RecordingState::Delivered);
    if !is_complete || row.spec.about.origin == Origin::Clip || row.spec.output.formats != output.formats {
        return None;
    }
    let zone = output.time_zone.clone().unwrap_or_default();
    let at = template.pseudo_live?.following(row.end, &zone)?;
    let late = LATE.saturating_add(row.spec.output.resume.window.as_micros());
    (at >= now.saturating_sub(late)).then_some(at.max(now))
}

/// The name of the channel of a recording: its stream, as far as it fits, and its id.
fn name(row: &RecordingRow) -> Result<Name, Failure> {
    let id = row.id.to_string();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let stream: String = row
        .stream
        .as_str()
        .chars()
        .map(plain)
        .take(63 - id.len().min(63))
        .collect();
    let name = format!("{stream}-{id}").parse();
    name.map_err(|error| Failure::new(Code::Internal, format!("{error}")))
}

impl Api {
    /// Takes over what was noted before a restart.
    pub fn restore_shown_again(&self, kept: &[(String, String)]) {
        let ids = kept.iter().filter_map(|(id, _)| id.parse().ok());
        self.channels.again().noted = ids.collect();
    }

    /// Makes the channels that templates want.
    pub(in crate::api) async fn show_again(&self) -> Result<(), Failure> {
        let Some(now) = self.recorder.believed_utc() else {
            return Ok(());
        };
        let templates: BTreeMap<String, Template> = self
            .recorder
            .templates()
            .into_iter()
            .filter(|(template, _)| template.pseudo_live.is_some())
            .map(|(template, _)| (template.name.clone(), template))
            .collect();
        {
            // Another template looks at the recordings of other times.
            let wanted = templates
                .values()
                .map(|template| (template.name.clone(), template.pseudo_live));
            let wanted = wanted.collect();
            let mut again = self.channels.again();
            if again.wanted != wanted {
                again.wanted = wanted;
                again.looked = None;
            }
        }
        let longest = templates.values().filter_map(|template| template.pseudo_live);
        let Some(longest) = longest.map(|when| when.longest()).max() else {
            return Ok(());
        };
        let oldest = now.saturating_sub(longest).saturating_sub(LATE + CLOSES);
        let looked = self.channels.again().looked;
        let filter = Filter {
            stream: None,
            from: Some(looked.map_or(oldest, |looked| looked.saturating_sub(CLOSES).max(oldest))),
            to: Some(now),
        };
        let rows = self.read(move |library| library.recordings(&filter)).await?;
        let mut shown = Ok(());
        for row in &rows {
            let is_noted = self.channels.again().noted.contains(&row.id);
            if let Some(at) = due(row, &templates, now).filter(|_| !is_noted) {
                // One recording that cannot be read now does not keep others from being shown.
                shown = self.show_one_again(row, at).await.and(shown);
            }
        }
        shown?;
        if looked.is_none() {
            self.forget_notes(&rows, oldest).await?;
        }
        self.channels.again().looked = Some(now);
        Ok(())
    }

    /// Makes the channel of a recording, or says why there is none. Fails where that can be tried again.
    async fn show_one_again(&self, row: &RecordingRow, at: Micros) -> Result<(), Failure> {
        let name = name(row)?;
        if self.channel(&name).is_none() {
            let put = Put {
                name: name.clone(),
                items: vec![row.id.to_string()],
                start: Some(at),
                play: Some(Play::Once),
                expires: Some(at.saturating_add(row.duration).saturating_add(STAYS)),
            };
            match super::put_channel(self, put).await {
                Ok(_) => tracing::info!(
                    stream = %row.stream, recording = %row.id,
                    "channel '{name}' shows the recording again from {}, as its template wants", rfc3339(at)
                ),
                Err(failure) if matches!(failure.code, Code::Unavailable | Code::Internal) => {
                    return Err(failure);
                }
                Err(failure) => {
                    let reason = format!(
                        "its template wants it to be shown again, and that is refused: {}",
                        failure.message
                    );
                    tracing::warn!(stream = %row.stream, recording = %row.id, "{reason}");
                    return self.note(
                        row.id,
                        Some(Event::ChannelException {
                            channel: name.to_string(),
                            stream: row.stream.to_string(),
                            recording: row.id.to_string(),
                            at: rfc3339(at),
                            reason,
                        }),
                    );
                }
            }
        }
        self.note(row.id, None)
    }

    /// Notes that a recording is done with, with the event that says so if there is one.
    fn note(&self, recording: RecordingId, tell: Option<Event>) -> Result<(), Failure> {
        let change = Change::Keep {
            namespace: SHOWN_AGAIN,
            id: recording.to_string(),
            body: Some(String::new()),
            tell: tell.map(Box::new),
        };
        self.recorder.hand_over(StoreCommand::Change(change))?;
        self.channels.again().noted.insert(recording);
        Ok(())
    }

    /// Removes notes of recordings that no look comes to any more.
    async fn forget_notes(&self, rows: &[RecordingRow], oldest: Micros) -> Result<(), Failure> {
        let listed: BTreeSet<RecordingId> = rows.iter().map(|row| row.id).collect();
        let noted: Vec<RecordingId> = self.channels.again().noted.difference(&listed).copied().collect();
        for recording in noted {
            let row = self.read(move |library| library.recording(recording)).await?;
            if row.is_some_and(|row| row.end > oldest) {
                continue;
            }
            let change = Change::Keep {
                namespace: SHOWN_AGAIN,
                id: recording.to_string(),
                body: None,
                tell: None,
            };
            self.recorder.hand_over(StoreCommand::Change(change))?;
            self.channels.again().noted.remove(&recording);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::closed_row;

    #[test]
    fn a_recording_that_closes_late_is_shown_all_the_same() {
        const MINUTE: Micros = HOUR / 60;
        let mut template = Template::built_in();
        let name = template.name.clone();
        template.pseudo_live = Some("+10min".parse().unwrap());
        let templates = BTreeMap::from([(name, template)]);
        let mut row = RecordingRow {
            end: HOUR,
            ..closed_row()
        };
        let at = HOUR + 10 * MINUTE;
        let window = row.spec.output.resume.window.as_micros();
        for (now, when) in [
            (HOUR + MINUTE, Some(at)),
            (at + HOUR, Some(at + HOUR)),
            (at + HOUR + window, Some(at + HOUR + window)),
            (at + HOUR + window + 1, None),
        ] {
            assert_eq!(due(&row, &templates, now), when, "{now}");
        }
        row.spec.output.resume.window = "6h".parse().unwrap();
        let closed = HOUR + 6 * HOUR + MINUTE;
        assert_eq!(
            due(&row, &templates, closed),
            Some(closed),
            "it waited for its publisher"
        );
        row.state = RecordingState::Open;
        assert_eq!(due(&row, &templates, closed), None);
    }
}
