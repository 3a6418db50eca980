//! What a new recording is by its origin and its template.

use super::arguments::Wanted;
use super::making::Asked;
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::format::Format;
use crate::media::RecordingId;
use crate::model::{About, Encrypt, Origin, Output, Resume, ResumeAfter, Span, Split};
use crate::store::RecordingSpec;

/// The origin and the purpose of the new recording. It is as closed as the recordings that it is made of.
pub(super) fn spec(
    api: &Api,
    id: RecordingId,
    asked: &[Asked],
    wanted: &Wanted,
) -> Result<RecordingSpec, Failure> {
    let first = asked.first().map(|asked| &asked.row.spec.about);
    let named = wanted.template.as_deref();
    let templates = api.recorder.templates();
    let find = |name: &str| {
        templates
            .iter()
            .map(|(template, _)| template)
            .find(|of| of.name == name)
    };
    let template = match named {
        Some(name) => Some(find(name).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("there is no template '{name}'")).about("template")
        })?),
        None => first
            .and_then(|about| find(&about.template))
            .filter(|template| !template.is_off()),
    };
    let mut formats: Vec<Format> = match (&wanted.formats, template) {
        (Some(formats), _) => formats.clone(),
        (None, Some(template)) => template
            .outputs
            .iter()
            .flat_map(|output| output.formats.clone())
            .collect(),
        (None, None) => asked
            .first()
            .map_or_else(Vec::new, |asked| asked.row.spec.output.formats.clone()),
    };
    if !wanted.form.is_joined() {
        if let Some(other) = wanted
            .formats
            .iter()
            .flatten()
            .find(|format| **format != Format::Mp4)
        {
            let text = format!(
                "formats: {} cannot be had as {}: its pictures and times are those of an MP4 that is made while it is read. Say formats = \
                 mp4, or nothing",
                wanted.form,
                other.as_str()
            );
            return Err(Failure::new(Code::Conflict, text).about("formats"));
        }
        formats = vec![Format::Mp4];
    }
    formats.sort_unstable();
    formats.dedup();
    if formats.is_empty() {
        return Err(Failure::bad("formats: at least one is needed").about("formats"));
    }
    let of_template = template.and_then(|template| template.outputs.first());
    let of_session = wanted.like.as_ref().map(|spec| &spec.output);
    let like = of_session.or(of_template);
    let encrypted = asked.iter().filter_map(|asked| api.encrypt_row(&asked.row));
    let encrypt = template
        .and_then(|template| template.encrypt())
        .into_iter()
        .chain(encrypted)
        .reduce(Encrypt::and);
    let output = Output {
        formats: formats.clone(),
        split: Split::default(),
        resume: Resume {
            window: Span::from_secs(0),
            after: ResumeAfter::Break,
        },
        encrypt,
        compose: false,
        compose_drop: false,
        fingerprint: false,
        ..like.cloned().unwrap_or_else(|| Output::of(&formats))
    };
    if output.is_closed() && !wanted.form.is_joined() {
        let text = format!(
            "recording: it is encrypted, or the template of the new recording encrypts, and {} is an MP4, which would give it away in \
             clear: write also_clear = true beside encrypt under [template.hls], or export it on the box",
            wanted.form
        );
        return Err(Failure::new(Code::Conflict, text).about("recording"));
    }
    if output.is_closed() && formats != [Format::Hls] {
        let text = "formats: a recording that it is made of is encrypted, or its template encrypts, so it can be had as hls alone: say \
                    formats = hls, or write also_clear = true beside encrypt under [template.hls]";
        return Err(Failure::new(Code::Conflict, text).about("formats"));
    }
    if let Some(like) = &wanted.like {
        return Ok(RecordingSpec {
            about: About {
                origin: Origin::Composition,
                number: like.about.number.saturating_add(1),
                encrypted: output.is_closed(),
                formats,
                ..like.about.clone()
            },
            output,
            until: None,
            asked: None,
            gradual: false,
        });
    }
    let domain = first.and_then(|about| about.domain.clone());
    let is_shared = asked.iter().all(|asked| asked.row.spec.about.domain == domain);
    Ok(RecordingSpec {
        about: About {
            template: template.map_or_else(String::new, |template| template.name.clone()),
            origin: Origin::Composition,
            formats,
            session: id.to_string(),
            number: 1,
            name: wanted.name.clone(),
            task: None,
            domain: domain.filter(|_| is_shared),
            encrypted: output.is_closed(),
        },
        output,
        until: None,
        asked: None,
        gradual: false,
    })
}
