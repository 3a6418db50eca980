//! `onMetaData`, with or without `@setDataFrame` and with or without tracks.

use super::amf0::{Value, decode_all};
use crate::media::Metadata;

/// The metadata of a data message. None when the message says something else or cannot be read. Metadata is for display only,
/// so a mistake of an encoder in it is no error.
pub(super) fn parse(body: &[u8]) -> Option<Metadata> {
    let values = decode_all(body).ok()?;
    let mut values = values.iter();
    let mut name = values.next()?.as_str()?;
    if name == "@setDataFrame" {
        name = values.next()?.as_str()?;
    }
    if name != "onMetaData" {
        return None;
    }
    let fields = values.next().unwrap_or(&Value::Null);
    let announces = |keys: &[&str]| keys.iter().any(|key| fields.field(key).is_some_and(says_yes));
    let rate = ["framerate", "videoframerate", "fps"]
        .iter()
        .find_map(|key| fields.field(key)?.as_f64());
    Some(Metadata {
        has_video: announces(&["videocodecid", "width"]),
        has_audio: announces(&["audiocodecid", "audiosamplerate"]),
        frame_rate: rate.filter(|rate| rate.is_finite() && *rate > 0.0),
        encoder: fields
            .field("encoder")
            .and_then(Value::as_str)
            .map(|encoder| encoder.chars().filter(|c| !c.is_control()).take(128).collect()),
    })
}

/// Whether a field announces a track. Encoders announce a track that they do not have as 0, false, null or an empty string.
fn says_yes(value: &Value) -> bool {
    match value {
        Value::Number(number) => *number > 0.0,
        Value::Boolean(truth) => *truth,
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::amf0::{encode_all, object, text};
    use super::*;
    use crate::format::hls::Hls;
    use crate::format::testing::{two_segments, view};

    #[test]
    fn both_forms_are_understood() {
        let fields = object([
            ("width", Value::Number(1280.0)),
            ("framerate", Value::Number(25.0)),
            ("audiocodecid", Value::Number(10.0)),
            ("encoder", text("Lavf59.27.100")),
        ]);
        let plain = parse(&encode_all(&[text("onMetaData"), fields.clone()])).unwrap();
        let wrapped = parse(&encode_all(&[text("@setDataFrame"), text("onMetaData"), fields])).unwrap();
        assert_eq!(plain, wrapped);
        assert!(plain.has_video && plain.has_audio);
        assert_eq!(plain.frame_rate, Some(25.0));
        assert_eq!(plain.encoder.as_deref(), Some("Lavf59.27.100"));
    }

    #[test]
    fn what_a_push_announces_is_read_as_that_of_an_encoder() {
        let hls = Hls::growing(view(&two_segments()), 1_000).unwrap();
        let announced = parse(&hls.chunk_metadata(0).unwrap()).unwrap();
        assert!(announced.has_video && announced.has_audio);
        assert_eq!(announced.encoder.as_deref(), Some("edgereel"));
        assert!(announced.frame_rate.unwrap() > 1.0, "{announced:?}");
        let values = decode_all(&hls.chunk_metadata(0).unwrap()).unwrap();
        let number = |key: &str| values[2].field(key).and_then(Value::as_f64);
        let tracks = hls.chunk_tracks(0).unwrap();
        let (video, audio) = (tracks.video.as_deref().unwrap(), tracks.audio.as_deref().unwrap());
        for (key, wanted) in [
            ("width", f64::from(video.width)),
            ("height", f64::from(video.height)),
            ("videocodecid", 7.0),
            ("audiocodecid", 10.0),
            ("audiosamplerate", f64::from(audio.sample_rate)),
        ] {
            assert_eq!(number(key), Some(wanted), "{key}");
        }
    }

    #[test]
    fn metadata_without_tracks_or_fields_is_metadata_still() {
        let bare = parse(&encode_all(&[text("@setDataFrame"), text("onMetaData")])).unwrap();
        assert_eq!(bare, Metadata::default());
        assert_eq!(parse(&encode_all(&[text("@setDataFrame")])), None);
        assert_eq!(parse(&encode_all(&[text("onTextData"), Value::Null])), None);
        assert_eq!(parse(&[]), None);
    }

    #[test]
    fn a_rate_that_is_no_rate_is_left_out() {
        for rate in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            let body = encode_all(&[text("onMetaData"), object([("framerate", Value::Number(rate))])]);
            assert_eq!(parse(&body).unwrap().frame_rate, None);
        }
    }
}
