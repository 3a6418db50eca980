//! The console of the box in a browser: each screen and each button, with real publishers.

mod accessible;
mod changes;
mod ended;
mod events;
mod figures;
mod firefox;
mod frame;
mod limits;
mod manage;
mod pictures;
mod recordings;
mod soak;
mod streams;
mod tab;
mod timeline;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::programs::FFMPEG;
use crate::support::port::Port;
use crate::support::service::data_dir;
use crate::support::{Flv, Pusher, Service, home};
pub(crate) use tab::Tab;

const TOKEN_KEY: &str = "b94e2f07c1a8436d9f50e7732bd6481c";
/// What the systemd unit has in the environment: memory is measured as boxes have it.
const UNIT: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "1")];
/// What `edgereel hash-password` made of [`PASSWORD`].
const HASH: &str =
    "$argon2id$v=19$m=8192,t=2,p=1$y3fxr2xMQN7yD7lmil3YuQ$im/Pef9cTHfOr6ggWNluWtl5eZ96yuesJq1JuyIITJM";
const PASSWORD: &str = "password1";

/// A box with viewers who have passwords: `staff` may do everything, and `guest` may watch.
struct Box {
    down: Down,
    service: Service,
}

impl std::ops::Deref for Box {
    type Target = Down;

    fn deref(&self) -> &Down {
        &self.down
    }
}

impl Box {
    #[track_caller]
    fn start() -> Self {
        Self::start_with("")
    }

    /// With more sections in the configuration.
    #[track_caller]
    fn start_with(sections: &str) -> Self {
        Self::start_with_http("", sections)
    }

    /// With more in the section `[http]`, and more sections.
    #[track_caller]
    fn start_with_http(http: &str, sections: &str) -> Self {
        let port = Port::new();
        let config = format!(
            "[http]\nlisten = [\"{}\"]\ntoken_key = \"{TOKEN_KEY}\"\n{http}\
             [[viewer]]\nname = \"staff\"\npassword = \"{HASH}\"\nmay = [\"watch\", \"download\", \"operate\", \"moderate\", \"keys\"]\n\
             [[viewer]]\nname = \"guest\"\npassword = \"{HASH}\"\nmay = [\"watch\"]\n{sections}",
            port.address()
        );
        let down = Down {
            home: home(),
            port,
            config,
        };
        down.start()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// Opens the console and logs in.
    #[track_caller]
    fn open(&self, viewer: &str, path: &str) -> Tab {
        let mut tab = Tab::open(&self.url(path));
        log_in(&mut tab, viewer);
        tab
    }

    /// Has the service read its configuration again, with a text in place of another one.
    #[track_caller]
    fn reload(&self, before: &str, after: &str) {
        let path = self.home.path().join("edgereel.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        assert!(config.contains(before), "{config}");
        std::fs::write(&path, config.replace(before, after)).unwrap();
        self.service.signal(nix::sys::signal::Signal::SIGHUP);
    }

    /// Kills the service.
    fn kill(self) -> Down {
        self.service.kill();
        self.down
    }

    /// Ends the service.
    fn stop(self) -> Down {
        self.service.stop();
        self.down
    }

    /// Publishes a clip as fast as it lasts.
    fn push(&self, stream: &str, clip: &Path) -> Pusher {
        Pusher::start(self.service.address(), stream, &Flv::read(clip), 1.0)
    }
}

/// A box whose service does not run.
struct Down {
    home: TempDir,
    port: Port,
    config: String,
}

impl Down {
    #[track_caller]
    fn start(self) -> Box {
        let home = self.home.path();
        let service = Service::start_on(home, &data_dir(home), ("", &self.config), &UNIT);
        Box { down: self, service }
    }
}

#[track_caller]
fn log_in(tab: &mut Tab, viewer: &str) {
    tab.wait("document.querySelector('form.login')");
    tab.run(&format!(
        "const [name, password] = document.querySelectorAll('form.login input'); \
         name.value = '{viewer}'; password.value = '{PASSWORD}'; document.querySelector('form.login button').click()"
    ));
    tab.wait("!document.querySelector('form.login') && document.querySelector('main h1')");
}

/// So many seconds of a moving picture with a tone, with a keyframe each second.
fn clip(folder: &Path, seconds: u32) -> PathBuf {
    sized_clip(folder, seconds, "320x180")
}

/// The same in another size.
fn sized_clip(folder: &Path, seconds: u32, size: &str) -> PathBuf {
    let path = folder.join(format!("clip-{size}.flv"));
    let picture = format!("testsrc2=size={size}:rate=25");
    let (seconds, out) = (seconds.to_string(), path.to_str().unwrap());
    let sources = [
        "-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", "sine", "-t", &seconds,
    ];
    let codecs = [
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "25", "-c:a",
        "aac", out,
    ];
    FFMPEG.run(sources.into_iter().chain(codecs)).ok();
    path
}
