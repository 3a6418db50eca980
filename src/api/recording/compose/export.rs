//! `export.create`: a recording of parts of others whose delivery is a job.

use serde_json::{Map, Value};

use super::arguments::{Export, Wanted};
use super::making::{Asked, PATIENCE, make};
use super::{lapse_of, missing, of_one, ranges_of, row_of};
use crate::api::Api;
use crate::api::answer::{Code, Failure};
use crate::api::arguments::typed;
use crate::format::Format;
use crate::media::StreamName;
use crate::model::reply::JobBegun;
use crate::model::{Form, JobKind};
use crate::store::Job;

/// Most streams of a job: each list of jobs reads their names.
const MOST_STREAMS: usize = 20;

pub(in crate::api) async fn export(api: &Api, arguments: Map<String, Value>) -> Result<JobBegun, Failure> {
    let (recording, ranges, from, to, speed, fps, wanted) = typed::<Export>(arguments)?.apart();
    let is_one = recording.is_some();
    let asked = match recording {
        Some(_) if !ranges.is_empty() => {
            let text = "either 'recording', or 'ranges' of several, not both";
            return Err(Failure::bad(text).about("ranges"));
        }
        Some(recording) => {
            let row = row_of(api, recording).await?;
            api.expect_shown(&row)?;
            vec![Asked {
                row,
                bounds: (from, to),
                note: None,
            }]
        }
        None if ranges.is_empty() => return Err(missing("recording")),
        None if from.is_some() || to.is_some() => {
            let text = "from_s: the ranges have times of their own";
            return Err(Failure::bad(text).about("from_s"));
        }
        None => ranges_of(api, ranges).await?,
    };
    let wanted = Wanted {
        form: speed.map_or(Ok(Form::Joined), |speed| lapse_of(speed, fps).map(Form::Lapse))?,
        formats: wanted.formats.or_else(|| Some(vec![Format::Mp4])),
        ..wanted
    };
    let id = api.makes();
    let mut streams: Vec<StreamName> = Vec::new();
    for stream in asked.iter().flat_map(|asked| asked.row.streams()) {
        if !streams.contains(stream) {
            streams.push(stream.clone());
        }
        if streams.len() > MOST_STREAMS {
            let text = format!(
                "ranges: they are of more than {MOST_STREAMS} streams. recording.compose takes them, and its recording is delivered, too"
            );
            return Err(Failure::new(Code::Refused, text).about("ranges"));
        }
    }
    // Nothing would come of it.
    api.uploader()?;
    let job = Job {
        id,
        kind: JobKind::Export,
        recording: id,
        streams,
        work: None,
        time: api.now(),
        boot: api.clock.boot_id(),
    };
    let wanted = Wanted {
        job: Some(Box::new(job)),
        ..wanted
    };
    let made = make(api, id, &asked, wanted, PATIENCE).await;
    // Also where the answer is that it may become true.
    api.jobs.begin();
    match made.map_err(Failure::from) {
        Ok(made) => Ok(JobBegun {
            job: id.to_string(),
            made,
        }),
        Err(failure) => Err(if is_one { of_one(failure) } else { failure }),
    }
}
