//! The pushed clips, made once and kept.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::medium;

/// A clip to be looped.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Length, seconds.
    pub(crate) seconds: u32,
    /// Bytes of media in one loop: the contents of packets, without any container.
    pub(crate) bytes: u64,
}

/// H.264 and AAC, 25 pictures a second, a keyframe every two seconds, constant bit rate.
pub(crate) fn clip(kbit: u32, seconds: u32) -> anyhow::Result<Source> {
    let path = medium::bench_dir()?.join(format!("source-{kbit}kbit-{seconds}s.mp4"));
    if !path.exists() {
        eprintln!("making {} …", path.display());
        make(&path, kbit, seconds)?;
    }
    let bytes = packet_bytes(&path)?;
    Ok(Source { path, seconds, bytes })
}

fn make(path: &std::path::Path, kbit: u32, seconds: u32) -> anyhow::Result<()> {
    let (size, noise) = match kbit {
        ..=1_000 => ("640x360", 4),
        1_001..=20_000 => ("1280x720", 24),
        _ => ("1920x1080", 24),
    };
    let picture = format!("testsrc2=size={size}:rate=25,noise=alls={noise}:allf=t");
    let rate = format!("{kbit}k");
    // The clip is written beside its place and then moved, so that an interrupted run leaves nothing that looks complete.
    let part = path.with_extension("part");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &picture])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
        .args(["-t", &seconds.to_string(), "-pix_fmt", "yuv420p"])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-keyint_min",
            "50",
        ])
        .args([
            "-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate,
        ])
        .args(["-x264-params", "nal-hrd=cbr:scenecut=0"])
        .args([
            "-c:a",
            "aac",
            "-b:a",
            if kbit > 1_000 { "128k" } else { "64k" },
            "-ac",
            "2",
            "-f",
            "mp4",
        ])
        .arg(&part)
        .status()
        .context("cannot start ffmpeg, which makes the sources and pushes them")?;
    ensure!(
        status.success(),
        "ffmpeg could not make {}: {status}",
        path.display()
    );
    std::fs::rename(&part, path)?;
    Ok(())
}

fn packet_bytes(path: &std::path::Path) -> anyhow::Result<u64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .context("cannot start ffprobe")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bytes = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse::<u64>().ok())
        .sum();
    ensure!(bytes > 0, "{} has no packets", path.display());
    Ok(bytes)
}
