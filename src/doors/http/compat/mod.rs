//! The clouds' questions about recordings, answered in their shapes: a program that asked a cloud asks the box.
//!
//! ```text
//! /compat/aliyun     Action=ListLiveRecordVideo           recordings, a page by its number
//! /compat/tencent    Action=DescribeRecordTask            tasks, a page behind a token
//!                    interface=Live_Tape_GetFilelist      files of a stream, a page by its number
//! ```
//!
//! Who may ask what is decided as for the commands: a viewer finds the streams alone that it may see. The clouds' own signatures are
//! read by nobody. What is not understood is refused by its name, in the shape in which that cloud refuses.

mod aliyun;
mod fault;
mod pages;
mod parameters;
mod tape;
mod tencent;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, StatusCode, Uri};
use serde::Serialize;

use fault::{Fault, Shape};
use parameters::Parameters;

use super::answer::{Answer, Refusal, json};
use super::door::Door;
use super::target::Cloud;
use super::{commands, gate};
use crate::access::viewer::Viewer;
use crate::config::{Http, StreamSet};
use crate::media::{Micros, RecordingId};
use crate::model::Right;

/// Refuses questions where nobody wants them answered.
pub(super) fn is_on(http: &Http) -> Result<(), Refusal> {
    if http.compat {
        return Ok(());
    }
    Err(Refusal::not_found(
        "the questions of clouds are not answered here: http.compat = true in the configuration has them answered",
    ))
}

/// Answers a question of a cloud, in its shape, whatever there is to say.
pub(super) async fn answer(
    door: &Arc<Door>,
    cloud: Cloud,
    viewer: Result<Viewer, Refusal>,
    (uri, method, headers, body): (&Uri, &Method, &HeaderMap, Incoming),
) -> Result<Answer, Refusal> {
    let mut shape = Shape::of(cloud, uri.query().unwrap_or_default());
    let now = door.utc();
    let request = RecordingId::new(u64::try_from(now / 1_000).unwrap_or_default()).to_string();
    let told = async {
        let viewer = viewer?;
        gate::allow_some(&viewer, Right::Watch)?;
        let seen = StreamSet::of(viewer.scope(Right::Watch).1);
        let moderates = StreamSet::of(viewer.scope(Right::Moderate).1);
        let mut parameters = read(cloud, uri, (method, headers, body)).await?;
        if cloud == Cloud::Tencent && parameters.has("interface") {
            shape = Shape::Tape;
        }
        match shape {
            Shape::Aliyun => aliyun::answer(door, &mut parameters, (seen, moderates), &request).await,
            Shape::Tencent => tencent::answer(door, &mut parameters, &seen, now, &request),
            Shape::Tape => tape::answer(door, &mut parameters, (seen, moderates)).await,
        }
    };
    let told = told.await;
    Ok(told.unwrap_or_else(|fault| shape.refused(&fault, &request)))
}

/// The parameters of a question: those of the query, of a form or of a JSON object, and the headers that name an action.
async fn read(
    cloud: Cloud,
    uri: &Uri,
    (method, headers, body): (&Method, &HeaderMap, Incoming),
) -> Result<Parameters, Fault> {
    let mut parameters = Parameters::of_query(uri.query().unwrap_or_default())?;
    parameters.add_headers(cloud, headers)?;
    match *method {
        Method::GET => return Ok(parameters),
        Method::POST => {}
        _ => {
            return Err(
                Refusal::method("questions of clouds are asked with GET or POST", "GET, POST").into(),
            );
        }
    }
    let media_type = commands::media_type(headers);
    let body = commands::bytes_of(body).await?;
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => parameters.add_form(&body)?,
        "application/json" if cloud == Cloud::Tencent => parameters.add_json(&body)?,
        _ if body.is_empty() => {}
        _ => {
            let refusal = Refusal {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ..Refusal::bad_request(
                    "the body is neither a form (application/x-www-form-urlencoded) nor, for Tencent, application/json",
                )
            };
            return Err(refusal.into());
        }
    }
    Ok(parameters)
}

/// Reads a query as each of the questions.
pub(super) fn fuzz(query: &str) {
    let Ok(parameters) = Parameters::of_query(query) else {
        return;
    };
    let pages = [aliyun::asked, tape::asked].map(|asked| asked(&mut parameters.clone(), StreamSet::All));
    for (query, page) in pages.into_iter().flatten() {
        assert!(page.skip + page.size <= pages::MOST && query.limit == page.size);
    }
    let _ = tencent::asked(&mut parameters.clone(), 0);
}

/// A success, in the shape of a cloud.
fn success(reply: &impl Serialize) -> Answer {
    json(StatusCode::OK, reply)
}

/// A moment without the fraction of its second, as in `2017-12-08T07:40:56Z`.
fn utc_text(utc: Micros) -> String {
    let time = jiff::Timestamp::from_microsecond(utc).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
