//! Channels that templates make by themselves of recordings that are complete: `pseudo_live`.
//!
//! ```text
//! closed ──► a look, at most half a minute later ──► channel, under a name made of the recording's id ──► noted: waits
//!                │                                                                                            │ it begins
//!                └─ refused, or the time has passed ──► event ──► noted: done ◄───────────────────────────────┘ or was missed: event
//! ```
//!
//! A recording that is not complete yet is noted, too: it may close long after its end, as after a power cut, and is not forgotten
//! meanwhile. A crash before the note makes the look again: the channel is known by its name then. What is noted is not done again,
//! also where somebody has deleted the channel. A look asks the journal for the recordings of these templates alone, a page at a time,
//! and reads the tape of those that are not noted.

mod due;
mod notes;

use std::collections::BTreeSet;

use self::due::{Due, Fate, HOUR, LATE, Templates, due, fate, is_complete, is_wanted};
pub(super) use self::notes::Again;
use self::notes::{LOOKED, Note};
use super::Put;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::channel::{Channel, Name, Play};
use crate::event::{Event, rfc3339};
use crate::media::{Micros, RecordingId};
use crate::store::{Change, Command as StoreCommand, Query, RecordingRow};

/// The namespace of the notes.
pub const SHOWN_AGAIN: &str = "pseudo_live";

/// A recording is complete so long after its end at the latest: the longest resume window, and some time for the tape.
const CLOSES: Micros = 7 * HOUR;
/// A channel stays so long after its end.
const STAYS: Micros = HOUR;
/// Recordings that are read of the journal at once.
const PAGE: usize = 200;

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

/// Recordings of a template that may have ended between two moments.
fn of_template(template: &str, from: Micros, to: Micros) -> Query {
    Query {
        from: Some(from),
        to: Some(to),
        template: Some(template.to_owned()),
        ..Query::new(PAGE)
    }
}

impl Api {
    /// Takes over what was noted before a restart.
    pub fn restore_shown_again(&self, kept: &[(String, String)]) {
        self.channels.again().restore(kept);
    }

    /// Tells of channels that templates made, and that nobody could see: the box was off for all of their time, or did not know the
    /// time. To be called before channels that have expired are removed.
    pub(in crate::api) fn look_at_waiting(&self) -> Result<(), Failure> {
        let Some(now) = self.recorder.believed_utc() else {
            // Nobody sees a channel meanwhile.
            self.channels.again().has_begun = false;
            return Ok(());
        };
        let (waiting, is_first) = {
            let again = self.channels.again();
            let waiting = again.noted.iter().filter(|(_, note)| **note == Note::Waits);
            (waiting.map(|(id, _)| *id).collect::<Vec<_>>(), !again.has_begun)
        };
        let channels = self.all_channels();
        for recording in waiting {
            let suffix = recording.to_string();
            let channel = channels
                .iter()
                .find(|channel| channel.name.as_str().ends_with(&suffix));
            let channel = channel.map(|channel| &**channel);
            match fate(channel, now, is_first) {
                Fate::Waits => {}
                Fate::Settled => self.note(recording, Note::Done, None)?,
                Fate::Missed => self.note(recording, Note::Done, channel.map(|of| missed(of, recording)))?,
            }
        }
        self.channels.again().has_begun = true;
        Ok(())
    }

    /// Makes the channels that templates want.
    pub(in crate::api) async fn show_again(&self) -> Result<(), Failure> {
        let Some(now) = self.recorder.believed_utc() else {
            return Ok(());
        };
        let templates: Templates = self
            .recorder
            .templates()
            .into_iter()
            .filter(|(template, _)| template.pseudo_live.is_some())
            .map(|(template, _)| (template.name.clone(), template))
            .collect();
        let (wanted, looked, kept) = {
            let mut again = self.channels.again();
            again.want(&templates, now);
            let wanted = again.wanted.iter();
            let wanted: Vec<_> = wanted
                .map(|(name, wanted)| (name.clone(), wanted.since))
                .collect();
            (wanted, again.looked, again.kept.as_ref().map(|kept| kept.at))
        };
        let longest = templates.values().filter_map(|template| template.pseudo_live);
        let longest = longest.map(|when| when.longest()).max().unwrap_or(0);
        let oldest = now.saturating_sub(longest).saturating_sub(LATE + CLOSES);
        // What was complete before the service began, too, however long ago that is.
        let earliest = kept.map_or(oldest, |kept| kept.saturating_sub(CLOSES).min(oldest));
        let mut shown = Ok(());
        let (mut listed, mut open) = (BTreeSet::new(), BTreeSet::new());
        for (template, since) in wanted {
            let from = match (looked, kept) {
                (Some(looked), _) => looked.saturating_sub(CLOSES).max(oldest),
                (None, Some(kept)) if since <= kept => earliest,
                (None, _) => oldest,
            };
            let mut query = of_template(&template, from, now);
            loop {
                let of = query.clone();
                let page = self.read(move |library| library.heads(&of)).await?;
                query.after = page.last().map(|head| head.place);
                for head in &page {
                    let is_wanted = is_wanted(&head.spec, &templates);
                    if self.channels.again().is_decided(head.id) {
                        listed.insert(head.id);
                    } else if is_wanted && is_complete(head.state) {
                        // One recording that cannot be read now does not keep others from being shown.
                        shown = self.look_at_one(head.id, &templates, now).await.and(shown);
                    } else if is_wanted {
                        open.insert(head.id);
                    }
                }
                if page.len() < PAGE {
                    break;
                }
            }
        }
        shown = self.look_at_open(&open, &templates, now).await.and(shown);
        shown?;
        if looked.is_none() {
            self.forget_notes(&listed, earliest).await?;
        }
        self.channels.again().looked = Some(now);
        self.note_look(now)
    }

    /// Notes recordings that are not complete, and decides about those that were not, and are no longer listed as such.
    async fn look_at_open(
        &self,
        open: &BTreeSet<RecordingId>,
        templates: &Templates,
        now: Micros,
    ) -> Result<(), Failure> {
        let known: BTreeSet<RecordingId> = {
            let again = self.channels.again();
            let known = again.noted.iter().filter(|(_, note)| **note == Note::Open);
            known.map(|(id, _)| *id).collect()
        };
        for recording in open.difference(&known) {
            self.note(*recording, Note::Open, None)?;
        }
        let mut done = Ok(());
        for recording in known.difference(open) {
            done = self.look_at_one(*recording, templates, now).await.and(done);
        }
        done
    }

    /// Decides about a recording that is not noted, or noted as open. Fails where that can be tried again.
    async fn look_at_one(
        &self,
        recording: RecordingId,
        templates: &Templates,
        now: Micros,
    ) -> Result<(), Failure> {
        let Some(row) = self.read(move |library| library.recording(recording)).await? else {
            return self.forget(recording);
        };
        match due(&row, templates, now) {
            Some(Due::Shown(at)) => self.show_one_again(&row, at).await,
            Some(Due::Passed(at)) => {
                let wanted = self
                    .channels
                    .again()
                    .wanted
                    .get(&row.spec.about.template)
                    .copied();
                if wanted.is_some_and(|wanted| wanted.since <= row.end) {
                    return self.note(recording, Note::Done, Some(passed(&row, at)?));
                }
                // Nobody waits for what ended before its template wanted it to be shown.
                self.forget(recording)?;
                self.channels.again().noted.insert(recording, Note::Done);
                Ok(())
            }
            // It is still open.
            None if is_wanted(&row.spec, templates) && !is_complete(row.state) => Ok(()),
            // Nobody wants it to be shown any more.
            None => self.forget(recording),
        }
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
                    return self.note(row.id, Note::Done, Some(not_shown(row, at, reason)?));
                }
            }
        }
        self.note(row.id, Note::Waits, None)
    }

    /// Notes what becomes of a recording, with the event that says so if there is one.
    fn note(&self, recording: RecordingId, note: Note, tell: Option<Event>) -> Result<(), Failure> {
        if let Some(Event::ChannelException {
            channel,
            stream,
            reason,
            ..
        }) = &tell
        {
            tracing::warn!(%stream, %recording, "channel '{channel}': {reason}");
        }
        self.keep_note(recording.to_string(), Some(note.body().to_owned()), tell)?;
        self.channels.again().noted.insert(recording, note);
        Ok(())
    }

    /// Notes a look, now and then: a start looks back to it.
    fn note_look(&self, now: Micros) -> Result<(), Failure> {
        let Some(looked) = self.channels.again().to_write(now) else {
            return Ok(());
        };
        let body = serde_json::to_string(&looked)
            .map_err(|error| Failure::new(Code::Internal, format!("a look cannot be written: {error}")))?;
        self.keep_note(LOOKED.to_owned(), Some(body), None)?;
        self.channels.again().kept = Some(looked);
        Ok(())
    }

    fn keep_note(&self, id: String, body: Option<String>, tell: Option<Event>) -> Result<(), Failure> {
        let change = Change::Keep {
            namespace: SHOWN_AGAIN,
            id,
            body,
            tell: tell.into_iter().collect(),
        };
        Ok(self.recorder.hand_over(StoreCommand::Change(change))?)
    }

    /// Removes notes of recordings that no look comes to any more.
    async fn forget_notes(&self, listed: &BTreeSet<RecordingId>, oldest: Micros) -> Result<(), Failure> {
        let noted: Vec<RecordingId> = {
            let again = self.channels.again();
            let done = again.noted.iter().filter(|(_, note)| **note == Note::Done);
            let unlisted = done.filter(|(id, _)| !listed.contains(*id));
            unlisted.map(|(id, _)| *id).collect()
        };
        for recording in noted {
            let row = self.read(move |library| library.recording(recording)).await?;
            if row.is_some_and(|row| row.end > oldest) {
                continue;
            }
            self.forget(recording)?;
        }
        Ok(())
    }

    /// Removes the note of a recording, if it has one.
    fn forget(&self, recording: RecordingId) -> Result<(), Failure> {
        if self.channels.again().noted.contains_key(&recording) {
            self.keep_note(recording.to_string(), None, None)?;
            self.channels.again().noted.remove(&recording);
        }
        Ok(())
    }
}

/// The event of a recording that gets no channel.
fn not_shown(row: &RecordingRow, at: Micros, reason: String) -> Result<Event, Failure> {
    Ok(Event::ChannelException {
        channel: name(row)?.to_string(),
        stream: row.stream.to_string(),
        recording: row.id.to_string(),
        at: rfc3339(at),
        reason,
    })
}

/// The event of a recording whose time passed before it was complete.
fn passed(row: &RecordingRow, at: Micros) -> Result<Event, Failure> {
    let reason = format!(
        "its template wants it to be shown again, and the time for that passed while the box was off or before the recording was \
         complete; this shows it now: edgereel channel put {} {}",
        name(row)?,
        row.id
    );
    not_shown(row, at, reason)
}

/// The event of a channel that nobody could see.
fn missed(channel: &Channel, recording: RecordingId) -> Event {
    let item = channel.items().find(|item| item.recording == recording);
    let stream = item.or_else(|| channel.items().next());
    Event::ChannelException {
        channel: channel.name.to_string(),
        stream: stream.map_or_else(String::new, |item| item.stream.to_string()),
        recording: recording.to_string(),
        at: rfc3339(channel.start),
        reason: format!(
            "nobody could see it: for all of its time the box was off, or did not know the time; this shows the recording now: \
             edgereel channel put {} {recording}",
            channel.name
        ),
    }
}
