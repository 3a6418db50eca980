//! Where a command finds the configuration and the store.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueHint;

use super::denied::Refused;
use crate::config::{Advice, Config};
use crate::daemon::default_config_path;
use crate::store::Library;

/// A larger file is no configuration.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
const READABLE_BY_ALL: u32 = 0o004;

/// The name of this machine.
pub(super) fn machine() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|name| name.into_string().ok()).unwrap_or_default()
}

#[derive(clap::Args)]
pub(super) struct ConfigArgument {
    /// The configuration file [default: /etc/edgereel/edgereel.toml if there is one].
    #[arg(long, value_name = "FILE", env = "EDGEREEL_CONFIG", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

impl ConfigArgument {
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let (path, text) = self.read()?;
        let file = path.as_deref().map(|path| (path, text.as_str()));
        Ok(Config::parse(file, std::env::vars_os(), &machine())?)
    }

    /// The file, if there is one, and its text.
    fn read(&self) -> anyhow::Result<(Option<PathBuf>, String)> {
        let path = self.path();
        let text = match &path {
            Some(path) => {
                let shown = path.display();
                let refused = || Refused {
                    what: format!("cannot read '{shown}'"),
                    path: path.clone(),
                };
                let length = std::fs::metadata(path).with_context(refused)?.len();
                anyhow::ensure!(
                    length <= MAX_CONFIG_BYTES,
                    "'{shown}' has {length} bytes: not a configuration"
                );
                std::fs::read_to_string(path).with_context(refused)?
            }
            None => String::new(),
        };
        Ok((path, text))
    }

    /// The advice about the file itself, if everybody may read the keys in it.
    pub(super) fn advice(&self, config: &Config) -> Option<Advice> {
        let path = self.path().filter(|_| config.has_keys())?;
        let mode = std::fs::metadata(&path).ok()?.permissions().mode();
        (mode & READABLE_BY_ALL != 0).then_some(Advice::Readable { path })
    }

    /// The source of the configuration, for people.
    pub(super) fn source(&self) -> String {
        match self.path() {
            Some(path) => format!("from {} and the environment", path.display()),
            None => "defaults and the environment; there is no file".to_owned(),
        }
    }

    fn path(&self) -> Option<PathBuf> {
        self.config.clone().or_else(default_config_path)
    }
}

#[derive(clap::Args)]
pub(super) struct StoreArgument {
    #[command(flatten)]
    config: ConfigArgument,
    /// The storage directory, in place of the one that the configuration names.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
}

impl StoreArgument {
    /// The same as if the command line had these options.
    pub(super) fn named(config: Option<OsString>, data: Option<OsString>) -> Self {
        let config = config.or_else(|| std::env::var_os("EDGEREEL_CONFIG"));
        Self {
            config: ConfigArgument {
                config: config.map(PathBuf::from),
            },
            data: data.map(PathBuf::from),
        }
    }

    /// The source of the configuration, for people.
    pub(super) fn source(&self) -> String {
        self.config.source()
    }

    pub(super) fn library(&self) -> anyhow::Result<Library> {
        Ok(Library::open(&self.dir()?)?)
    }

    /// The storage directory that the line gives in place of the configuration's.
    pub(super) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// True when the line names a configuration.
    pub(super) fn names_config(&self) -> bool {
        self.config.config.is_some()
    }

    /// The configuration, with the storage directory that the line names.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = self.config.load()?;
        if let Some(dir) = &self.data {
            config.storage.dir = dir.clone();
        }
        Ok(config)
    }

    /// The advice about the configuration file.
    pub(super) fn advice(&self, config: &Config) -> Option<Advice> {
        self.config.advice(config)
    }

    /// The configuration file, if there is one, and its text.
    pub(super) fn file(&self) -> anyhow::Result<(Option<PathBuf>, String)> {
        self.config.read()
    }

    /// The storage directory.
    pub(super) fn dir(&self) -> anyhow::Result<PathBuf> {
        match &self.data {
            Some(dir) => Ok(dir.clone()),
            None => Ok(self.config.load()?.storage.dir),
        }
    }
}
