//! `token.…`: tokens, with which others can watch.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::{Code, Failure};
use super::arguments::{time, typed};
use super::command::{Command, Effect, Kind, Reach, Right, Values, carries_out, takes};
use crate::access::viewer::{Claims, TokenScope};
use crate::config::{Pattern, Streams, stream_path};
use crate::event::rfc3339;
use crate::media::{Micros, RecordingId};
use crate::model::reply::TokenMade;
use crate::model::{Rights, Span};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "token.create",
    about: "Make a token, with which others can watch without a key",
    effect: Effect::Acts,
    right: Right::Keys,
    reach: Reach::Streams,
    arguments: &[
        takes(
            "stream",
            Kind::Text,
            "the stream, or the streams that a pattern matches, as in live/*",
        )
        .of(Values::Streams),
        takes("recording", Kind::Text, "or a recording").of(Values::Recordings),
        takes("from", Kind::Time, "only media from this time on"),
        takes("to", Kind::Time, "only media up to this time"),
        takes(
            "may",
            Kind::Texts,
            "what the token allows: watch, download or both; default watch",
        )
        .of(Values::Words(&["watch", "download"])),
        takes(
            "valid",
            Kind::Span,
            "how long the token is valid, as in 2h, or forever; default 24h",
        )
        .of(Values::Words(&["2h", "24h", "7d", "forever"])),
    ],
    carry_out: carries_out!(create -> TokenMade, secret),
}];

/// How long a token is valid.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
enum Valid {
    Forever,
    For(Span),
}

impl Default for Valid {
    fn default() -> Self {
        Valid::For(Span::from_secs(86_400))
    }
}

impl TryFrom<String> for Valid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse::<Span>() {
            _ if text == "forever" => Ok(Valid::Forever),
            Ok(span) if span.as_millis() > 0 => Ok(Valid::For(span)),
            Ok(_) => Err("a token is valid for some time, as in \"2h\", or \"forever\"".to_owned()),
            Err(error) => Err(format!("{error}, or \"forever\"")),
        }
    }
}

/// The arguments of `token.create`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    stream: Option<Streams>,
    recording: Option<RecordingText>,
    #[serde(default, deserialize_with = "time")]
    from: Option<Micros>,
    #[serde(default, deserialize_with = "time")]
    to: Option<Micros>,
    may: Option<Rights>,
    #[serde(default)]
    valid: Valid,
}

/// The id of a recording.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct RecordingText(RecordingId);

impl TryFrom<String> for RecordingText {
    type Error = crate::media::UnknownId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// The claims of a request at `now`, UTC microseconds. `knows_time` is false on a box whose clock cannot be believed.
pub fn token_claims(arguments: Map<String, Value>, now: Micros, knows_time: bool) -> Result<Claims, Failure> {
    let asked: Create = typed(arguments)?;
    let scope = match (asked.stream, asked.recording) {
        (Some(streams), None) => TokenScope::Streams(pattern(streams)?),
        (None, Some(RecordingText(recording))) => TokenScope::Recording(recording),
        (None, None) => return Err(Failure::bad("'stream' is needed, or 'recording'").about("stream")),
        (Some(_), Some(_)) => {
            return Err(Failure::bad("either 'stream' or 'recording', not both").about("recording"));
        }
    };
    let rights = asked.may.unwrap_or_else(|| Rights::from_iter([Right::Watch]));
    if rights == Rights::NONE || !Claims::possible().covers(rights) {
        return Err(Failure::bad("may: a token allows watch, download or both").about("may"));
    }
    if let (Some(from), Some(to)) = (asked.from, asked.to)
        && from >= to
    {
        return Err(Failure::bad("to: it is not behind 'from'").about("to"));
    }
    let expires = match asked.valid {
        Valid::Forever => None,
        Valid::For(_) if !knows_time => {
            let text = "the box does not know the time yet, so it cannot say when a token expires: make one with valid = forever, \
                        or wait until the clock is set";
            return Err(Failure::new(Code::Conflict, text).about("valid"));
        }
        Valid::For(span) => Some(now.saturating_add(span.as_micros())),
    };
    Ok(Claims {
        rights,
        scope,
        from: asked.from,
        to: asked.to,
        expires,
    })
}

/// A name with a `*` in it cannot be meant alone: it would be a pattern of more streams.
fn pattern(streams: Streams) -> Result<Pattern, Failure> {
    let pattern = match streams {
        Streams::One(name) => Pattern::try_from(name.to_string()),
        Streams::Fitting(pattern) => Ok(pattern),
    };
    pattern.map_err(|error| Failure::bad(format!("stream: {error}")).about("stream"))
}

/// The answer about a token. `address` is the address under which viewers reach the box, without a slash at its end. `is_file` is true
/// for a recording that is an MP4 alone.
pub fn token_made(token: String, claims: &Claims, address: Option<&str>, is_file: bool) -> TokenMade {
    let media = match &claims.scope {
        TokenScope::Recording(recording) if is_file => format!("/r/{recording}.mp4"),
        TokenScope::Recording(recording) => format!("/r/{recording}/master.m3u8"),
        TokenScope::Frames(recording) => format!("/r/{recording}/frame.mp4"),
        TokenScope::Streams(pattern) => match pattern.as_str().parse() {
            Ok(stream) if !pattern.as_str().contains('*') => stream_path(&stream) + ".m3u8",
            _ => "/".to_owned(),
        },
    };
    let path = format!("/t/{token}{media}");
    TokenMade {
        url: address.map(|address| format!("{address}{path}")),
        path,
        expires: claims.expires.map(rfc3339),
        token,
    }
}

async fn create(api: &Api, arguments: Map<String, Value>) -> Result<TokenMade, Failure> {
    let mut arguments = arguments;
    if let Some(Value::String(text)) = arguments.get("recording") {
        // The beginning of an id is enough, as for other commands.
        let id = super::recording::id(api, text.clone()).await?;
        arguments.insert("recording".to_owned(), id.to_string().into());
    }
    let claims = token_claims(arguments, api.now(), api.clock.synced())?;
    let mut is_file = false;
    if let TokenScope::Recording(id) = claims.scope {
        let row = api.read(move |library| library.recording(id)).await?;
        is_file = row.as_ref().is_some_and(|row| !row.form.is_joined());
        let seen = row.filter(|row| row.streams().all(|stream| api.seen().has(stream.as_str())));
        if seen.is_none() {
            let text = format!("there is no recording {id}");
            return Err(Failure::new(Code::NotFound, text).about("recording"));
        }
    }
    if let Some(scope) = &api.caller.scope {
        if !scope.rights.covers(claims.rights) {
            let text = format!(
                "may: this caller has {}, and passes on no more than that",
                scope.rights
            );
            return Err(Failure::new(Code::Refused, text).about("may"));
        }
        if let TokenScope::Streams(pattern) = &claims.scope
            && !scope.streams.covers(pattern)
        {
            let text = format!(
                "stream: this caller may not see all of '{pattern}', and passes on no more than it has"
            );
            return Err(Failure::new(Code::Refused, text).about("stream"));
        }
    }
    let host = api.host()?;
    let token = host
        .token(&claims)
        .map_err(|reason| Failure::new(Code::Conflict, reason))?;
    Ok(token_made(token, &claims, host.address().as_deref(), is_file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Micros = 1_795_000_000_000_000;

    fn claims(arguments: Value) -> Result<Claims, String> {
        let Value::Object(arguments) = arguments else {
            panic!("an object");
        };
        token_claims(arguments, NOW, true).map_err(|failure| failure.message)
    }

    #[test]
    fn a_token_is_for_a_day_and_to_watch_if_nobody_says() {
        let claims = claims(json!({ "stream": "live/cam1" })).unwrap();
        assert_eq!(claims.rights.to_string(), "watch");
        assert_eq!(claims.expires, Some(NOW + 86_400_000_000));
        assert_eq!((claims.from, claims.to), (None, None));
    }

    #[test]
    fn a_token_is_a_secret_that_is_remembered_nowhere() {
        assert!(COMMANDS.iter().all(Command::is_secret));
    }

    #[test]
    fn what_cannot_be_claimed_is_told() {
        for (arguments, words) in [
            (json!({}), "'stream' is needed"),
            (
                json!({ "stream": "live/a", "recording": "0198f3a2-5b7c-7d00-8000-0123456789ab" }),
                "not both",
            ),
            (json!({ "stream": "cam1" }), "needs an app and a name"),
            (json!({ "recording": "last" }), "not an id"),
            (json!({ "stream": "*", "may": [] }), "watch, download or both"),
            (
                json!({ "stream": "*", "may": ["watch", "keys"] }),
                "watch, download or both",
            ),
            (json!({ "stream": "*", "may": ["wach"] }), "did you mean 'watch'"),
            (json!({ "stream": "*", "valid": "0" }), "not a length of time"),
            (json!({ "stream": "*", "valid": "0s" }), "for some time"),
            (
                json!({ "stream": "*", "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T08:00:00Z" }),
                "not behind 'from'",
            ),
            (json!({ "strem": "*" }), "did you mean 'stream'"),
        ] {
            let said = claims(arguments.clone()).unwrap_err();
            assert!(said.contains(words), "{arguments}: {said}");
        }
    }

    #[test]
    fn a_box_without_the_time_makes_only_tokens_that_do_not_expire() {
        let of = |valid: &str| {
            let arguments = Map::from_iter([
                ("stream".to_owned(), "*".into()),
                ("valid".to_owned(), valid.into()),
            ]);
            token_claims(arguments, NOW, false)
        };
        assert_eq!(of("forever").unwrap().expires, None);
        assert!(of("2h").unwrap_err().message.contains("does not know the time"));
    }

    #[test]
    fn the_address_of_one_stream_plays_and_that_of_a_pattern_is_a_beginning() {
        let path = |stream: &str| {
            let claims = claims(json!({ "stream": stream })).unwrap();
            let made = token_made("T".to_owned(), &claims, Some("https://h"), false);
            assert_eq!(made.url, Some(format!("https://h{}", made.path)));
            made.path
        };
        assert_eq!(path("live/küche 1"), "/t/T/live/k%C3%BCche%201.m3u8");
        assert_eq!(path("api/cam1"), "/t/T/s/api/cam1.m3u8");
        assert_eq!(path("live/*"), "/t/T/");
        let recording = claims(json!({ "recording": "0198f3a2-5b7c-7d00-8000-0123456789ab" })).unwrap();
        let film = token_made("T".to_owned(), &recording, None, true);
        assert_eq!(film.path, "/t/T/r/0198f3a2-5b7c-7d00-8000-0123456789ab.mp4");
        let made = token_made("T".to_owned(), &recording, None, false);
        assert_eq!(
            (made.path.as_str(), made.url),
            ("/t/T/r/0198f3a2-5b7c-7d00-8000-0123456789ab/master.m3u8", None)
        );
    }
}
