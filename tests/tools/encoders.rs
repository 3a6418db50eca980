//! Real encoders push. Every packet comes out unchanged, at the same time.

use std::path::{Path, PathBuf};

use crate::browser::Case;
use crate::judge::{ALL, WITHOUT_AAC, decodes, same_in};
use crate::programs::{ENHANCED, FFMPEG, FFPROBE, GST_LAUNCH};
use crate::session::{H264_AAC, Session, push_copy, source};
use crate::support::home;

#[test]
fn ffmpeg_h264_with_b_frames_and_aac() {
    let folder = home();
    let file = source(folder.path(), FFMPEG, 8, H264_AAC);
    let session = Session::record(|url| push_copy(FFMPEG, &file, "", url));
    same_in(&session, &file, &ALL, FFMPEG);
    same_in(&session_of(&file), &file, &["mp4", "hls"], ENHANCED);
}

fn session_of(file: &Path) -> Session {
    Session::record(|url| push_copy(ENHANCED, file, "", url))
}

#[test]
fn ffmpeg_in_real_time() {
    let folder = home();
    let file = source(folder.path(), FFMPEG, 6, H264_AAC);
    let session = Session::record(|url| {
        FFMPEG
            .run([
                "-v",
                "error",
                "-re",
                "-i",
                file.to_str().unwrap(),
                "-c",
                "copy",
                "-f",
                "flv",
                url,
            ])
            .ok();
    });
    same_in(&session, &file, &["mp4"], FFMPEG);
}

/// Anamorphic HDR10. Its light and its display are in messages of the codec, its colours only in `colorInfo`.
#[test]
fn ffmpeg_hevc_by_enhanced_rtmp() {
    let folder = home();
    let codecs = "-vf setsar=16/11,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc \
        -c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3:keyint=50:\
master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400 \
        -bsf:v hevc_metadata=colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2 -c:a aac -b:a 64k";
    let file = source(folder.path(), ENHANCED, 6, codecs);
    let session = session_of(&file);
    same_in(&session, &file, &ALL, ENHANCED);
    assert_eq!(session.recording.tracks[0].codec, "hevc");
    // Chromium does not have a decoder for it on every system.
    let master = by_master(&session, "hvc1.1.6.L60.90,mp4a.40.2", "465x180");
    decodes(&master, ENHANCED);
    let text = std::fs::read_to_string(&master).unwrap();
    assert!(text.contains("VIDEO-RANGE=PQ"), "{text}");
    let init = master.with_file_name("init.mp4");
    for path in [session.rendition("mp4"), session.rendition("fmp4"), init] {
        looks(&path);
    }
    let caps = caps_of(&session.rendition("mp4"));
    for said in [
        "pixel-aspect-ratio=(fraction)16/11",
        "colorimetry=(string)bt2100-pq",
    ] {
        assert!(caps.contains(said), "no {said} in {caps}");
    }
}

/// ffprobe finds the shape of the pixels, the colours, the display and the light in the boxes of a file. It must not decode,
/// because the media contains no colours.
#[track_caller]
fn looks(path: &Path) {
    let shown = FFPROBE.run([
        "-v",
        "error",
        "-nofind_stream_info",
        "-select_streams",
        "v",
        "-show_streams",
        path.to_str().unwrap(),
    ]);
    let text = shown.ok().text();
    let boxes = [
        "side_data_type=Mastering display metadata",
        "red_x=34000/50000",
        "max_luminance=10000000/10000",
        "side_data_type=Content light level metadata",
        "max_content=1000",
        "max_average=400",
    ];
    let stream = [
        "sample_aspect_ratio=16:11",
        "color_space=bt2020nc",
        "color_transfer=smpte2084",
        "color_primaries=bt2020",
    ];
    for line in stream.iter().chain(&boxes) {
        assert!(text.contains(line), "no {line} in {}: {text}", path.display());
    }
}

/// What GStreamer knows of the picture before it decodes one.
#[track_caller]
fn caps_of(mp4: &Path) -> String {
    let location = format!("location={}", mp4.display());
    let pipeline = "-v filesrc LOCATION ! qtdemux name=d d.video_0 ! fakesink";
    let arguments = pipeline.split(' ').map(|word| match word {
        "LOCATION" => location.as_str(),
        word => word,
    });
    let said = GST_LAUNCH.run(arguments).ok().text();
    let caps = said.lines().find(|line| line.contains("caps = video/"));
    caps.unwrap_or_else(|| panic!("no picture in {said}")).to_owned()
}

/// The master playlist, which names the codecs and the size.
#[track_caller]
fn by_master(session: &Session, codecs: &str, size: &str) -> PathBuf {
    let path = session.rendition("master");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!("CODECS=\"{codecs}\"")), "{text}");
    assert!(
        text.contains(&format!("RESOLUTION={size},FRAME-RATE=25")),
        "{text}"
    );
    path
}

/// hls.js asks the browser whether it can play what the master playlist names.
#[track_caller]
fn plays_in_chromium(playlist: &Path) {
    let folder = playlist.parent().unwrap();
    let seen = Case::of(folder, "master.m3u8").rate(2.0).play();
    seen.plays_through(6.0);
    assert!(seen.errors.is_empty() && seen.sound > 0, "{seen:?}");
}

#[test]
fn ffmpeg_av1_by_enhanced_rtmp() {
    let folder = home();
    let file = source(
        folder.path(),
        ENHANCED,
        6,
        "-c:v libsvtav1 -preset 12 -g 50 -c:a aac -b:a 64k",
    );
    let session = session_of(&file);
    same_in(&session, &file, &ALL, ENHANCED);
    assert_eq!(session.recording.tracks[0].codec, "av1");
    plays_in_chromium(&by_master(&session, "av01.0.00M.08,mp4a.40.2", "320x180"));
}

#[test]
fn ffmpeg_opus_by_enhanced_rtmp() {
    let folder = home();
    let codecs = "-c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p -c:a libopus -b:a 64k";
    let file = source(folder.path(), ENHANCED, 6, codecs);
    let session = session_of(&file);
    same_in(&session, &file, &WITHOUT_AAC, ENHANCED);
    assert_eq!(session.recording.tracks[1].codec, "opus");
    plays_in_chromium(&by_master(&session, "avc1.64000c,opus", "320x180"));
    // The delay of libopus is decoded and not presented: presentation begins after it.
    let mp4 = session.rendition("mp4");
    let first = FFPROBE
        .run([
            "-v",
            "error",
            "-select_streams",
            "a",
            "-read_intervals",
            "%+#1",
            "-show_packets",
            mp4.to_str().unwrap(),
        ])
        .ok();
    let text = first.text();
    assert!(
        text.contains("pts_time=-0.006500") && text.contains("skip_samples=312"),
        "{text}"
    );
}

#[test]
fn ffmpeg_beyond_24_bits_of_time() {
    let folder = home();
    let file = source(folder.path(), FFMPEG, 8, H264_AAC);
    // 16,777,215 ms comes 4 s into this.
    let session = Session::record(|url| push_copy(FFMPEG, &file, "-output_ts_offset 16773.215", url));
    same_in(&session, &file, &ALL, FFMPEG);
}

#[test]
fn ffmpeg_by_rtmps() {
    let folder = home();
    let file = source(folder.path(), FFMPEG, 8, H264_AAC);
    // The recent ffmpeg checks certificates unless an option says that it must not.
    for (pusher, more) in [(FFMPEG, ""), (ENHANCED, "-tls_verify 0")] {
        let session = Session::record_under_tls(|url| push_copy(pusher, &file, more, url));
        same_in(&session, &file, &["mp4", "hls"], pusher);
    }
}

#[test]
fn gstreamer_rtmp2sink() {
    let folder = home();
    let (session, copy) = gstreamer(folder.path(), |url| {
        vec!["rtmp2sink".to_owned(), format!("location={url}")]
    });
    same_in(&session, &copy, &ALL, FFMPEG);
}

#[test]
fn librtmp_by_gstreamer_rtmpsink() {
    let folder = home();
    let (session, copy) = gstreamer(folder.path(), |url| {
        vec!["rtmpsink".to_owned(), format!("location={url} live=1")]
    });
    same_in(&session, &copy, &ALL, FFMPEG);
}

/// Pushes in real time the output of GStreamer's encoder and muxer, and keeps a copy of the same bytes.
#[track_caller]
fn gstreamer(folder: &Path, sink: impl Fn(&str) -> Vec<String>) -> (Session, PathBuf) {
    let copy = folder.join("copy.flv");
    let session = Session::record(|url| {
        let words = [
            "videotestsrc is-live=true num-buffers=150 ! video/x-raw,width=320,height=180,framerate=25/1",
            "! x264enc bframes=2 key-int-max=50 speed-preset=veryfast bitrate=300 ! h264parse ! queue ! mux.video",
            "audiotestsrc is-live=true num-buffers=280 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2",
            "! avenc_aac ! aacparse ! queue ! mux.audio",
            "flvmux name=mux streamable=true ! tee name=both",
            "both. ! queue ! filesink location=COPY",
            "both. ! queue !",
        ];
        let words = words.join(" ").replace("COPY", copy.to_str().unwrap());
        let mut arguments: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        arguments.extend(sink(url));
        GST_LAUNCH
            .run(std::iter::once("-q".to_owned()).chain(arguments))
            .ok();
    });
    (session, copy)
}
