//! `fingerprint.search`: where else the pictures of a recording are.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::{Limit, Seconds, typed};
use crate::api::command::{Kind, LIMIT, Values, takes};
use crate::api::recording::row_of;
use crate::fingerprint::{Found, Wanted};
use crate::media::{Micros, RecordingId};
use crate::model::reply::{Argument, FingerprintFound, FingerprintMatch};
use crate::store::RecordingRow;

/// The longest search. Doors wait for 30 s.
const LONGEST: Micros = 20_000_000;

pub(super) const ARGUMENTS: &[Argument] = &[
    takes(
        "recording",
        Kind::Text,
        "a recording that has a fingerprint: its id, or the beginning of the id",
    )
    .of(Values::Recordings),
    takes(
        "from_s",
        Kind::Seconds,
        "look for the part of it from here on, in seconds from its beginning",
    ),
    takes("to_s", Kind::Seconds, "look for the part of it up to here"),
    takes(
        "picture",
        Kind::Text,
        "or one picture: its PDQ hash, 64 hexadecimal digits",
    ),
    LIMIT,
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    recording: Option<String>,
    from_s: Option<Seconds>,
    to_s: Option<Seconds>,
    picture: Option<String>,
    #[serde(default)]
    limit: Limit,
}

pub(super) async fn search(api: &Api, arguments: Map<String, Value>) -> Result<FingerprintFound, Failure> {
    let asked: Search = typed(arguments)?;
    let (but, wanted) = wanted(api, &asked).await?;
    // One search at a time: each has a processor of its own for a second or more.
    let _turn = api.searches.acquire().await;
    let begun = api.clock.boot();
    let (mut after, mut found, mut ms, mut damaged) = (None, Vec::new(), 0_u64, 0);
    let complete = loop {
        let (wanted, within) = (wanted.clone(), api.seen().clone());
        let step = api.read(move |library| library.search_pictures(&wanted, &within, (but, after)));
        let step = step.await?;
        let seen = step.found.into_iter().filter(|(row, _)| !api.hides(row));
        found.extend(seen.flat_map(|(row, found)| found.into_iter().map(move |one| shown(&row, one))));
        found.sort_by_key(|(rank, _): &(_, FingerprintMatch)| *rank);
        found.truncate(asked.limit.0);
        ms = ms.saturating_add(step.searched_ms);
        damaged += step.damaged;
        after = step.next;
        match after {
            None => break true,
            Some(_) if api.clock.boot() - begun > LONGEST => break false,
            Some(_) => {}
        }
    };
    Ok(FingerprintFound {
        matches: found.into_iter().map(|(_, one)| one).collect(),
        searched_h: (ms as f64 / 36_000.0).round() / 100.0,
        complete,
        damaged,
    })
}

/// What is looked for, and the recording that it is of.
async fn wanted(api: &Api, asked: &Search) -> Result<(Option<RecordingId>, Wanted), Failure> {
    match (&asked.recording, &asked.picture) {
        (Some(_), Some(_)) => Err(Failure::bad("either a recording or a picture, not both").about("picture")),
        (None, None) => Err(Failure::bad("a recording or a picture is needed").about("recording")),
        (None, Some(_)) if asked.from_s.is_some() || asked.to_s.is_some() => Err(Failure::bad(
            "only a part of a recording can be looked for, not of a picture",
        )
        .about("picture")),
        (None, Some(text)) => {
            let pdq = text.parse();
            let pdq = pdq.map_err(|wrong| Failure::bad(format!("picture: {wrong}")).about("picture"))?;
            Ok((None, Wanted::picture(pdq)))
        }
        (Some(text), None) => {
            let row = row_of(api, text.clone()).await?;
            api.expect_seen(&row)?;
            Ok((Some(row.id), part(api, &row, asked).await?))
        }
    }
}

async fn part(api: &Api, row: &RecordingRow, asked: &Search) -> Result<Wanted, Failure> {
    let (id, lost) = (row.id, row.lost);
    let of = api.read(move |library| library.fingerprint(id)).await?;
    let of = of.filter(|of| of.chosen.is_some()).ok_or_else(|| {
        let text = format!("recording {id} has no fingerprint: fingerprint.create makes one");
        Failure::new(Code::Conflict, text).about("recording")
    })?;
    let lost = lost.saturating_sub(of.lost).max(0);
    let ms = |at: Micros| u32::try_from(at.saturating_add(lost).max(0) / 1_000).unwrap_or(u32::MAX);
    let from = asked.from_s.as_ref().map_or(ms(0), |at| ms(at.0));
    let to = asked.to_s.as_ref().map_or(of.reached_ms, |at| ms(at.0));
    if to < from {
        return Err(Failure::bad("'to_s' is less than 'from_s', or the recording is shorter").about("to_s"));
    }
    let read = move |library: &crate::store::Library| {
        let mut keyframes = Vec::new();
        library.keyframes(id, |one| {
            if (from..=to).contains(&one.at_ms) {
                keyframes.push(*one);
            }
        })?;
        Ok(Wanted::part(keyframes, (from, to)))
    };
    let wanted = api.read(read).await?;
    wanted.map_err(|none| Failure::bad(none.to_string()).about("from_s"))
}

/// A place as it is shown, with its rank: the best first.
fn shown(
    row: &RecordingRow,
    found: Found,
) -> ((std::cmp::Reverse<u32>, u32, RecordingId, u32), FingerprintMatch) {
    let rank = (
        std::cmp::Reverse(found.share),
        found.distance,
        row.id,
        found.from_ms,
    );
    let seconds = |ms: u32| f64::from(ms) / 1_000.0;
    let shown = FingerprintMatch {
        recording: row.id.to_string(),
        stream: row.stream.to_string(),
        from_s: seconds(found.from_ms),
        to_s: seconds(found.to_ms),
        share: found.share,
        distance: found.distance,
    };
    (rank, shown)
}
