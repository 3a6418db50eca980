//! `template.…`: how streams are recorded. Templates of commands replace those of the configuration. A change applies to the
//! next push.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Api;
use super::answer::Failure;
use super::arguments::typed;
use super::command::{
    Argument, Command, Effect, FORMATS, KEPT, Kind, PAGE, Reach, Right, Values, ZONES, carries_out, needs,
    takes,
};
use super::paged::{Window, paged};
use super::rule::{origin, warnings};
use crate::config::{Template, TemplateSource};
use crate::model::reply::{self, TemplateDeleted, TemplateList, TemplatePut};

const WAYS: &str = "settings that differ for this format, as in {\"split\":\"off\"}";

const PUT: &[Argument] = &[
    needs("name", Kind::Text, "the template's name").of(Values::Templates),
    takes(
        "formats",
        Kind::Texts,
        "one or more of hls, mp4, fmp4, flv, aac; default hls and mp4; an empty list switches recording off",
    )
    .of(FORMATS),
    takes("media", Kind::Text, "both, video or audio").of(Values::Words(&["both", "video", "audio"])),
    takes(
        "split",
        Kind::Text,
        "begin a new recording after this time, as in 30min; off for never",
    )
    .of(Values::Words(&["30min", "1h", "off"])),
    takes("split_size", Kind::Text, "or after this many bytes, as in 2GiB"),
    takes(
        "split_at",
        Kind::Span,
        "or at multiples of this since midnight, as in 1h",
    ),
    takes(
        "resume_window",
        Kind::Span,
        "how long a recording waits for its publisher after a break",
    ),
    takes(
        "resume_after",
        Kind::Text,
        "break: wait only after a broken connection; any: after every end of a publish",
    )
    .of(Values::Words(&["break", "any"])),
    takes(
        "keep",
        Kind::Text,
        "how long recordings are kept on the box, as in 7d or forever",
    )
    .of(KEPT),
    takes(
        "storage_time",
        Kind::Text,
        "how long delivered files are kept in the store",
    )
    .of(KEPT),
    takes("key", Kind::Text, "the name of delivered files"),
    takes(
        "time_shift",
        Kind::Span,
        "how far back viewers may go by time shift, as in 7d; default as far as there is tape",
    ),
    takes(
        "pseudo_live",
        Kind::Text,
        "show each recording again as a channel: +2h after its end, or at a time of the day, as in 20:00",
    ),
    takes(
        "compose",
        Kind::Switch,
        "when a session is over, make one more recording of all its recordings, if there are several; default false",
    ),
    takes(
        "compose_drop",
        Kind::Switch,
        "with compose: delete these recordings once that one is durable, and deliver none of them before; default false",
    ),
    takes(
        "fingerprint",
        Kind::Switch,
        "make a fingerprint of each recording when it is over, and choose pictures that represent it; default false",
    ),
    takes(
        "time_zone",
        Kind::Text,
        "the time zone of the template's clock, as in Asia/Shanghai",
    )
    .of(ZONES),
    takes(
        "times",
        Kind::Switch,
        "give each MP4 a track that shows when each moment was, by the clock of time_zone; default false",
    ),
    takes("hls", Kind::Object, WAYS),
    takes("mp4", Kind::Object, WAYS),
    takes("fmp4", Kind::Object, WAYS),
    takes("flv", Kind::Object, WAYS),
    takes("aac", Kind::Object, WAYS),
];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "template.put",
        about: "Add a template, or replace the one with the same name; it applies from the next push on",
        effect: Effect::Changes,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: PUT,
        carry_out: carries_out!(put -> TemplatePut),
    },
    Command {
        name: "template.list",
        about: "List all templates",
        effect: Effect::Reads,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: PAGE,
        carry_out: carries_out!(list -> TemplateList),
    },
    Command {
        name: "template.delete",
        about: "Remove a template that a command added",
        effect: Effect::Ends,
        right: Right::Operate,
        reach: Reach::Box,
        arguments: &[needs("name", Kind::Text, "the template's name").of(Values::Templates)],
        carry_out: carries_out!(delete -> TemplateDeleted),
    },
];

async fn put(api: &Api, arguments: Map<String, Value>) -> Result<TemplatePut, Failure> {
    let source: TemplateSource = typed(arguments)?;
    if source.encrypts() {
        api.hls_keys.ready(api.uploader().is_ok())?;
    }
    let advice = api.recorder.put_template(source.clone()).await?;
    Ok(TemplatePut {
        template: shown(&source, true),
        warnings: warnings(&advice),
    })
}

async fn list(api: &Api, arguments: Map<String, Value>) -> Result<TemplateList, Failure> {
    let window = Window::of(arguments)?;
    let templates: Vec<(Template, bool)> = api.recorder.templates();
    let (templates, next) = paged(window, &templates, |(template, put)| {
        shown(&template.source, *put)
    });
    Ok(TemplateList { templates, next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    name: String,
}

async fn delete(api: &Api, arguments: Map<String, Value>) -> Result<TemplateDeleted, Failure> {
    let One { name } = typed(arguments)?;
    let advice = api.recorder.delete_template(&name).await?;
    Ok(TemplateDeleted {
        name,
        warnings: warnings(&advice),
    })
}

fn shown(template: &TemplateSource, put: bool) -> reply::Template {
    reply::Template {
        source: template.with_formats(),
        from: origin(put),
    }
}
