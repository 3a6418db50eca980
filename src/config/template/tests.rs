//! Which templates are accepted, and what they resolve to.

use super::*;
use crate::model::{ByteSize, Keep, ResumeAfter, Span, Split};

fn source(text: &str) -> TemplateSource {
    toml::from_str(text).unwrap()
}

fn template(text: &str) -> Template {
    Template::try_from(source(text)).unwrap()
}

fn refusal(text: &str) -> String {
    Template::try_from(source(text)).unwrap_err().to_string()
}

#[test]
fn formats_that_are_cut_alike_share_a_reel() {
    let lesson =
        template("name = \"lesson\"\nformats = [\"hls\", \"mp4\"]\nsplit = \"30min\"\nkeep = \"7d\"");
    assert_eq!(lesson.outputs.len(), 1);
    let output = &lesson.outputs[0];
    assert_eq!(output.formats, [Format::Hls, Format::Mp4]);
    assert_eq!(output.split.after, Some(Span::from_secs(1_800)));
    assert_eq!(output.resume.window, Span::from_secs(180));
    assert_eq!(output.keep, Some(Keep::For(Span::from_secs(7 * 86_400))));
}

#[test]
fn what_a_cloud_does_can_be_said() {
    let tencent = template(
        "name = \"tencent\"\nformats = [\"hls\", \"mp4\", \"flv\"]\nresume_window = \"0s\"\nsplit = \"30min\"\n\
         [hls]\nsplit = \"off\"\nresume_window = \"30min\"\nresume_after = \"any\"\n",
    );
    let of: Vec<_> = tencent
        .outputs
        .iter()
        .map(|output| output.formats.clone())
        .collect();
    assert_eq!(of, [vec![Format::Hls], vec![Format::Mp4, Format::Flv]]);
    assert_eq!(tencent.outputs[0].split, Split::default());
    assert_eq!(tencent.outputs[0].resume.after, ResumeAfter::Any);
    assert_eq!(tencent.outputs[1].resume.window, Span::from_secs(0));
    let aliyun = template("name = \"aliyun\"\nformats = [\"mp4\", \"hls\", \"flv\"]\nresume_after = \"any\"");
    assert_eq!(aliyun.outputs.len(), 1);
    let off = template("name = \"off\"\nformats = []");
    assert!(off.is_off());
}

#[test]
fn limits_are_told_with_their_reason() {
    for (text, said) in [
        ("split = \"10s\"", "split = 10s: must be from 30s to 12h for mp4"),
        ("split = \"13h\"", "must be from 30s to 12h"),
        (
            "split = \"off\"",
            "only hls is a folder that may grow for ever; mp4 is one file",
        ),
        ("split_at = \"7h\"", "a day is not a multiple of it"),
        ("split_size = \"1kB\"", "split_size"),
        ("resume_window = \"7h\"", "resume_window = 7h: must be from"),
        (
            "time_shift = \"10s\"",
            "time_shift = 10s: must be from 1min to 400d",
        ),
        ("[hls]\nsplit = \"1h\"", "formats does not name hls"),
    ] {
        let refusal = refusal(&format!("name = \"a\"\nformats = [\"mp4\"]\n{text}"));
        assert!(
            refusal.starts_with("template 'a': ") && refusal.contains(said),
            "{text}: {refusal}"
        );
    }
    assert!(refusal("name = \"a b\"").contains("letters"));
    assert!(refusal("name = \"a\"\nformats = [\"mp4\", \"mp4\"]").contains("mp4 is named twice"));
    assert!(refusal("name = \"a\"\nformats = [\"aac\"]\nmedia = \"video\"").contains("the sound alone"));
}

#[test]
fn a_template_makes_the_usual_formats_unless_it_says_otherwise() {
    for zero in ["0", "0s", "0min", "0d", "forever"] {
        let kept = template(&format!(
            "name = \"default\"\nkeep = \"{zero}\"\nstorage_time = \"{zero}\""
        ));
        let output = &kept.outputs[0];
        assert_eq!(
            (output.keep, output.storage_time),
            (Some(Keep::Forever), Some(Keep::Forever)),
            "{zero}"
        );
    }
    let week = template("name = \"default\"\nkeep = \"7d\"");
    let usual = Template::built_in();
    assert_eq!(week.outputs.len(), 1);
    assert_eq!(week.outputs[0].keep, Some(Keep::For(Span::from_secs(7 * 86_400))));
    let rest = Output {
        keep: None,
        ..week.outputs[0].clone()
    };
    assert_eq!(rest, usual.outputs[0]);
    // A key for one format needs no list of formats.
    let spliced = template("name = \"a\"\n[hls]\nsplit = \"off\"");
    let of: Vec<_> = spliced
        .outputs
        .iter()
        .map(|output| output.formats.clone())
        .collect();
    assert_eq!(of, [vec![Format::Hls], vec![Format::Mp4]]);
    assert!(refusal("name = \"a\"\n[flv]\nsplit = \"1h\"").contains("name flv in formats"));
    // A template that an earlier release kept always has its list of formats.
    let kept: TemplateSource = serde_json::from_str("{\"name\":\"off\",\"formats\":[]}").unwrap();
    assert!(Template::try_from(kept.clone()).unwrap().is_off());
    assert_eq!(
        serde_json::to_string(&kept).unwrap(),
        "{\"name\":\"off\",\"formats\":[]}"
    );
}

#[test]
fn the_clock_or_the_size_alone_may_split() {
    let hourly = template("name = \"a\"\nformats = [\"mp4\"]\nsplit_at = \"1h\"");
    assert_eq!(hourly.outputs[0].split.after, None);
    let sized = template("name = \"a\"\nformats = [\"mp4\"]\nsplit = \"off\"\nsplit_size = \"1 GiB\"");
    assert_eq!(
        (sized.outputs[0].split.after, sized.outputs[0].split.bytes),
        (None, Some(ByteSize::new(1 << 30)))
    );
}

#[test]
fn what_is_kept_reads_back_to_the_same() {
    let text = "name = \"a\"\nformats = [\"hls\", \"mp4\"]\nsplit = \"45min\"\n[hls]\nsplit = \"off\"\n";
    let written = serde_json::to_string(&source(text)).unwrap();
    let read: TemplateSource = serde_json::from_str(&written).unwrap();
    assert_eq!(Template::try_from(read).unwrap(), template(text));
    let output = &template(text).outputs[0];
    let written = serde_json::to_string(output).unwrap();
    assert_eq!(serde_json::from_str::<Output>(&written).unwrap(), *output);
    assert_eq!(
        Template::try_from(Template::built_in().source).unwrap(),
        Template::built_in()
    );
}

#[test]
fn pieces_are_deleted_only_where_the_whole_is_made_and_nobody_is_to_pass_them() {
    let of = |more: &str| format!("name = \"class\"\ncompose_drop = true\n{more}");
    let good = template(&of("compose = true"));
    assert!(good.outputs.iter().all(|of| of.compose && of.compose_drop));
    assert!(refusal(&of("")).contains("without compose = true"));
    assert!(refusal(&of("compose = true\nreview = \"before\"")).contains("cannot be passed"));
    assert!(refusal(&of("compose = true\npseudo_live = \"+2h\"")).contains("leave compose_drop out"));
}
