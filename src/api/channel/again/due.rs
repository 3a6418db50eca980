//! What becomes of a recording that a template wants to be shown again, and of the channel that shows it.

use std::collections::BTreeMap;

use crate::channel::{Channel, Now, Over};
use crate::config::Template;
use crate::media::Micros;
use crate::model::Origin;
use crate::store::{RecordingRow, RecordingSpec, RecordingState};

pub(super) const HOUR: Micros = 3_600_000_000;
/// Where a set time has passed meanwhile, because the box was off, a recording is shown at once up to so much later, and longer by its
/// resume window: so long it may stay open after its end.
pub(super) const LATE: Micros = HOUR;

/// The templates that want their recordings to be shown again, by name.
pub(super) type Templates = BTreeMap<String, Template>;

/// When a recording is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// From this moment on.
    Shown(Micros),
    /// It was to be shown from this moment on, and that is too long ago.
    Passed(Micros),
}

/// What becomes of a channel that has not begun when it was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has not begun.
    Waits,
    /// It is shown, or somebody does not want it any more.
    Settled,
    /// Nobody could see any of it.
    Missed,
}

/// True for recordings that templates want to be shown again when they are complete, as far as the journal alone says it.
pub(super) fn is_wanted(spec: &RecordingSpec, templates: &Templates) -> bool {
    // Where formats are cut differently, there are several recordings of the same media.
    let output = templates
        .get(&spec.about.template)
        .and_then(|template| template.outputs.first());
    let is_whole = !matches!(spec.about.origin, Origin::Clip | Origin::Composition);
    is_whole && output.is_some_and(|output| output.formats == spec.output.formats)
}

/// True for a recording that has all of its media.
pub(super) fn is_complete(state: RecordingState) -> bool {
    matches!(state, RecordingState::Closed | RecordingState::Delivered)
}

/// When a recording is shown again, if a template wants it.
pub(super) fn due(row: &RecordingRow, templates: &Templates, now: Micros) -> Option<Due> {
    if !is_complete(row.state) || !is_wanted(&row.spec, templates) {
        return None;
    }
    let template = templates.get(&row.spec.about.template)?;
    let zone = template.outputs.first()?.time_zone.clone().unwrap_or_default();
    let at = template.pseudo_live?.following(row.end, &zone)?;
    let late = LATE.saturating_add(row.spec.output.resume.window.as_micros());
    Some(if at >= now.saturating_sub(late) {
        Due::Shown(at.max(now))
    } else {
        Due::Passed(at)
    })
}

/// What becomes of a channel. `is_first` says that nobody could see a channel before: the service has just begun, or the box has just
/// learnt the time.
pub(super) fn fate(channel: Option<&Channel>, now: Micros, is_first: bool) -> Fate {
    let Some(channel) = channel else {
        return Fate::Settled;
    };
    let ended = || if is_first { Fate::Missed } else { Fate::Settled };
    match channel.at(now) {
        _ if now < channel.start => Fate::Waits,
        _ if !channel.enabled => Fate::Settled,
        Now::Over(Over::Expired) => ended(),
        Now::Plays(window) if window.ended && window.behind_us == 0 => ended(),
        Now::Begins(_) | Now::Plays(_) | Now::Over(Over::Disabled | Over::Empty) => Fate::Settled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::closed_row;
    use crate::channel::{Chunk, Item, Play};
    use crate::format::hls::Variant;
    use crate::format::hls::live::InitName;
    use crate::media::RecordingId;

    const MINUTE: Micros = HOUR / 60;

    #[test]
    fn a_recording_that_closes_late_is_shown_all_the_same() {
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
            (HOUR + MINUTE, Due::Shown(at)),
            (at + HOUR, Due::Shown(at + HOUR)),
            (at + HOUR + window, Due::Shown(at + HOUR + window)),
            (at + HOUR + window + 1, Due::Passed(at)),
        ] {
            assert_eq!(due(&row, &templates, now), Some(when), "{now}");
        }
        row.spec.output.resume.window = "6h".parse().unwrap();
        let closed = HOUR + 6 * HOUR + MINUTE;
        let shown = Some(Due::Shown(closed));
        assert_eq!(
            due(&row, &templates, closed),
            shown,
            "it waited for its publisher"
        );
        assert_eq!(due(&row, &BTreeMap::new(), closed), None);
        row.state = RecordingState::Open;
        assert_eq!(due(&row, &templates, closed), None);
    }

    #[test]
    fn a_channel_is_missed_when_all_of_its_time_was_before_the_first_look() {
        let chunk = Chunk {
            duration_ms: 60_000,
            gap_ms: 0,
            init: 0,
            discontinuity: false,
            independent: true,
        };
        let item = Item {
            recording: RecordingId::new(1),
            stream: "live/cam1".parse().unwrap(),
            also: Vec::new(),
            from: None,
            to: None,
            lead_ms: 0,
            inits: vec![InitName::of(b"init")],
            variant: Variant::default(),
            chunks: vec![chunk; 10].into(),
        };
        let mut channel = Channel::new("again".parse().unwrap(), HOUR, Play::Once, vec![item]);
        channel.expires = Some(2 * HOUR);
        for (now, is_first, wanted) in [
            (HOUR - 1, true, Fate::Waits),
            (HOUR, true, Fate::Settled),
            (HOUR + 9 * MINUTE, true, Fate::Settled),
            (HOUR + 10 * MINUTE, true, Fate::Missed),
            (2 * HOUR, true, Fate::Missed),
            // The service was there.
            (HOUR + 10 * MINUTE, false, Fate::Settled),
            (2 * HOUR, false, Fate::Settled),
        ] {
            assert_eq!(fate(Some(&channel), now, is_first), wanted, "{now} {is_first}");
        }
        channel.enabled = false;
        assert_eq!(fate(Some(&channel), HOUR - 1, true), Fate::Waits);
        assert_eq!(
            fate(Some(&channel), 2 * HOUR, true),
            Fate::Settled,
            "nobody wants it"
        );
        assert_eq!(fate(None, 2 * HOUR, true), Fate::Settled);
    }
}
