//! The programs that these tests need, and what to install where a program is missing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Done;
use crate::support::cli::run;

/// The distribution's ffmpeg, which users have.
pub(crate) const FFMPEG: Program = Program {
    name: "ffmpeg",
    package: "ffmpeg",
};
pub(crate) const FFPROBE: Program = Program {
    name: "ffprobe",
    package: "ffmpeg",
};
pub(crate) const GST_LAUNCH: Program = Program {
    name: "gst-launch-1.0",
    package: "gstreamer1.0-tools",
};
pub(crate) const GST_PLAY: Program = Program {
    name: "gst-play-1.0",
    package: "gstreamer1.0-plugins-base-apps",
};
pub(crate) const MPV: Program = Program {
    name: "mpv",
    package: "mpv",
};
pub(crate) const CURL: Program = Program {
    name: "curl",
    package: "curl",
};
/// A browser that plays MP4 and, with hls.js, HLS.
pub(crate) const CHROMIUM: Program = Program {
    name: "chromium",
    package: "chromium",
};
/// The other browser of many people.
pub(crate) const FIREFOX: Program = Program {
    name: "firefox-esr",
    package: "firefox-esr",
};
/// The shells whose completion is tested.
pub(crate) const BASH: Program = Program {
    name: "bash",
    package: "bash",
};
pub(crate) const ZSH: Program = Program {
    name: "zsh",
    package: "zsh",
};
pub(crate) const OPENSSL: Program = Program {
    name: "openssl",
    package: "openssl",
};
pub(crate) const MOSQUITTO: Program = Program {
    name: "mosquitto",
    package: "mosquitto",
};
pub(crate) const MOSQUITTO_PUB: Program = Program {
    name: "mosquitto_pub",
    package: "mosquitto-clients",
};
pub(crate) const MOSQUITTO_SUB: Program = Program {
    name: "mosquitto_sub",
    package: "mosquitto-clients",
};
/// A server that scrapes metrics, and its tool that checks them.
pub(crate) const PROMETHEUS: Program = Program {
    name: "prometheus",
    package: "prometheus",
};
pub(crate) const PROMTOOL: Program = Program {
    name: "promtool",
    package: "prometheus",
};
pub(crate) const MD5SUM: Program = Program {
    name: "md5sum",
    package: "coreutils",
};
pub(crate) const MINISIGN: Program = Program {
    name: "minisign",
    package: "minisign",
};
pub(crate) const GPG: Program = Program {
    name: "gpg",
    package: "gnupg",
};
pub(crate) const CARGO_DEB: Program = Program {
    name: "cargo-deb",
    package: "cargo-deb (with cargo)",
};
pub(crate) const CP: Program = Program {
    name: "cp",
    package: "coreutils",
};
pub(crate) const TASKSET: Program = Program {
    name: "taskset",
    package: "util-linux",
};
pub(crate) const DPKG: Program = Program {
    name: "dpkg",
    package: "dpkg",
};
pub(crate) const DPKG_DEB: Program = Program {
    name: "dpkg-deb",
    package: "dpkg",
};
pub(crate) const LINTIAN: Program = Program {
    name: "lintian",
    package: "lintian",
};
pub(crate) const STRIP: Program = Program {
    name: "strip",
    package: "binutils",
};
pub(crate) const TAR: Program = Program {
    name: "tar",
    package: "tar",
};
pub(crate) const UNSHARE: Program = Program {
    name: "unshare",
    package: "util-linux",
};
pub(crate) const SETPRIV: Program = Program {
    name: "setpriv",
    package: "util-linux",
};
pub(crate) const CVLC: Program = Program {
    name: "cvlc",
    package: "vlc-bin",
};
/// A recent ffmpeg, which knows HEVC, AV1 and Opus in FLV.
pub(crate) const ENHANCED: Program = Program {
    name: "ffmpeg-enhanced",
    package: "imageio-ffmpeg (from PyPI)",
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
}

impl Program {
    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run<S: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = S>) -> Done {
        let mut command = Command::new(self.path());
        command.args(arguments);
        run(command)
    }

    /// The path of the program.
    #[track_caller]
    pub(crate) fn path(self) -> PathBuf {
        // CARGO_TARGET_TMPDIR is within the folder where cargo builds.
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools/bin");
        let searched = std::env::var_os("PATH").unwrap_or_default();
        let found = std::iter::once(tools)
            .chain(std::env::split_paths(&searched))
            // The PATH of an ordinary user may not have these folders.
            .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
            .map(|folder| folder.join(self.name))
            .find(|path| path.is_file());
        found.unwrap_or_else(|| {
            panic!(
                "{} is missing: install {}, or run scripts/setup.sh test",
                self.name, self.package
            )
        })
    }
}
