//! The format of an output, by the option and by the end of the output's name.

use std::path::Path;

use anyhow::bail;

use crate::format::Format;

/// The format of `--format`, or else the format of the output's name. When they differ, the command is refused: one of them is a
/// mistake.
pub(super) fn format(said: Option<Format>, output: &Path) -> anyhow::Result<Format> {
    let end = output
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    let end = end.to_ascii_lowercase();
    let is_folder = output.to_str().is_some_and(|path| path.ends_with('/'));
    let named: &[Format] = match end.as_str() {
        _ if is_folder => &[Format::Hls],
        // An MP4 may be in fragments, or have no picture.
        "mp4" => &[Format::Mp4, Format::Fmp4, Format::Aac],
        "flv" => &[Format::Flv],
        "m4a" | "aac" => &[Format::Aac],
        "m3u8" => bail!(
            "{}: HLS is a folder, and its playlist is index.m3u8 in there: name the folder, as in -o {}/",
            output.display(),
            output.with_extension("").display()
        ),
        _ => &[],
    };
    match (said, named) {
        (Some(said), []) => Ok(said),
        (Some(said), named) if named.contains(&said) => Ok(said),
        (Some(said), [named, ..]) => bail!(
            "--format is {said}, but the name of {} means {named}: leave --format out, or give the output a name for that format",
            output.display(),
        ),
        (None, [named, ..]) => Ok(*named),
        (None, []) => bail!(
            "the name of {} gives no format: use --format mp4, flv, hls, aac or fmp4, or end the name in .mp4, .flv, .m4a, .aac, or / for hls",
            output.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: Option<Format>, output: &str) -> Result<Format, String> {
        format(said, Path::new(output)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_name_of_the_output_says_the_format() {
        for (output, format) in [
            ("x.mp4", Format::Mp4),
            ("a.b/X.MP4", Format::Mp4),
            ("x.flv", Format::Flv),
            ("x.m4a", Format::Aac),
            ("x.aac", Format::Aac),
            ("lesson/", Format::Hls),
            ("lesson.mp4/", Format::Hls),
        ] {
            assert_eq!(of(None, output), Ok(format), "{output}");
            assert_eq!(of(Some(format), output), Ok(format), "{output}");
        }
        assert_eq!(of(Some(Format::Fmp4), "x.mp4"), Ok(Format::Fmp4));
        assert_eq!(of(Some(Format::Aac), "x.mp4"), Ok(Format::Aac));
        for output in ["-", "x", "x.ts", "/dev/stdout"] {
            assert_eq!(of(Some(Format::Flv), output), Ok(Format::Flv), "{output}");
        }
    }

    #[test]
    fn a_contradiction_is_refused_with_both() {
        for (said, output, named) in [
            (Format::Mp4, "x.flv", "flv"),
            (Format::Flv, "x.mp4", "mp4"),
            (Format::Hls, "x.mp4", "mp4"),
            (Format::Mp4, "x.aac", "aac"),
            (Format::Mp4, "lesson/", "hls"),
        ] {
            let error = of(Some(said), output).unwrap_err();
            let words = [format!("--format is {said},"), format!("{output} means {named}:")];
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    #[test]
    fn where_nothing_says_it_what_to_write_is_told() {
        for output in ["-", "x", "x.ts", "x.avi"] {
            assert!(
                of(None, output).unwrap_err().contains("use --format mp4"),
                "{output}"
            );
        }
        for said in [None, Some(Format::Hls)] {
            assert!(of(said, "a/lesson.m3u8").unwrap_err().contains("-o a/lesson/"));
        }
    }
}
