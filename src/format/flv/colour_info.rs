//! `colorInfo` (Enhanced RTMP v2, "Metadata Frame"): the publisher's description of colours and light, passed on.

use super::metadata::{OBJECT, OBJECT_END, STRING, put_number, put_text};
use super::tag::EX_VIDEO;
use crate::media::{ColourInfo, VideoCodec, VideoConfig};

const METADATA: u8 = 4;
/// The frame type. It has no meaning here, but readers that know no metadata skip commands, and ffmpeg reads metadata in no
/// other type.
const COMMAND: u8 = 5;
const UNDEFINED: u8 = 6;

/// The body of the tag that describes colours and light, or that takes back the description of `before`. Nothing where there is
/// nothing to describe. Readers of H.264 in its old form know no such tags.
pub fn colour_info(config: &VideoConfig, before: Option<&VideoConfig>) -> Option<Vec<u8>> {
    let said = |config: &VideoConfig| config.colour_info != ColourInfo::default();
    let coding = match config.codec {
        VideoCodec::Avc => return None,
        VideoCodec::Hevc => b"hvc1",
        VideoCodec::Av1 => b"av01",
    };
    if !said(config) && !before.is_some_and(said) {
        return None;
    }
    let mut out = vec![EX_VIDEO | COMMAND << 4 | METADATA];
    out.extend_from_slice(coding);
    out.push(STRING);
    put_text(&mut out, "colorInfo");
    if said(config) {
        put_object(&mut out, |out| put_info(out, &config.colour_info))
    } else {
        out.push(UNDEFINED)
    }
    Some(out)
}

fn put_info(out: &mut Vec<u8>, info: &ColourInfo) {
    // "Unspecified" is written, too: ffmpeg takes a missing matrix for RGB.
    let [primaries, transfer, matrix] = info.colour.unwrap_or([2; 3]);
    put_text(out, "colorConfig");
    put_object(out, |out| {
        field(out, "colorPrimaries", primaries.into());
        field(out, "transferCharacteristics", transfer.into());
        field(out, "matrixCoefficients", matrix.into());
    });
    if let Some(light) = info.light {
        put_text(out, "hdrCll");
        put_object(out, |out| {
            field(out, "maxFall", light.average.into());
            field(out, "maxCLL", light.content.into());
        });
    }
    if let Some(display) = info.mastering {
        let [green, blue, red] = display.primaries;
        let points = [
            ("redX", "redY", red),
            ("greenX", "greenY", green),
            ("blueX", "blueY", blue),
            ("whitePointX", "whitePointY", display.white),
        ];
        put_text(out, "hdrMdcv");
        put_object(out, |out| {
            for (name_x, name_y, [x, y]) in points {
                field(out, name_x, f64::from(x) / 50_000.0);
                field(out, name_y, f64::from(y) / 50_000.0);
            }
            field(out, "maxLuminance", f64::from(display.max_luminance) / 10_000.0);
            field(out, "minLuminance", f64::from(display.min_luminance) / 10_000.0);
        });
    }
}

fn put_object(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    out.push(OBJECT);
    fields(out);
    out.extend_from_slice(&OBJECT_END);
}

fn field(out: &mut Vec<u8>, name: &str, value: f64) {
    put_text(out, name);
    put_number(out, value);
}
