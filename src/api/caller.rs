//! The caller of a command, and the door of the request.

use super::scope::Scope;

/// The door through which a request comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The control socket, and so the command line.
    Socket,
    /// The broker.
    Mqtt,
    /// HTTP.
    Http,
    /// A signal to the process.
    Signal,
    /// No door: the service itself.
    #[default]
    Inside,
}

impl Door {
    /// The door's name, as in `audit.list`.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Socket => "socket",
            Door::Mqtt => "mqtt",
            Door::Http => "http",
            Door::Signal => "signal",
            Door::Inside => "inside",
        }
    }
}

/// The caller, as far as the door knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The door of the request.
    pub door: Door,
    /// The caller's name or address, in a few words.
    pub who: String,
    /// What the caller may do and see. `None` for a caller who may do everything.
    pub scope: Option<Scope>,
}

impl Caller {
    /// A process of this machine, by its user (`SO_PEERCRED`).
    pub fn socket(user: u32) -> Self {
        Self {
            door: Door::Socket,
            who: format!("uid {user}"),
            scope: None,
        }
    }

    /// A client that the broker lets send requests. The broker does not say who publishes. The topic of the answer tells most.
    pub fn mqtt(response_topic: &str) -> Self {
        let topic: String = response_topic.chars().take(200).collect();
        Self {
            door: Door::Mqtt,
            who: format!("who reads {topic}"),
            scope: None,
        }
    }

    /// A viewer, by the name of its entry or by its address, with what it may do. Two viewers have different names: each has
    /// request ids and a rate of its own.
    pub fn http(viewer: &str, scope: Scope) -> Self {
        Self {
            door: Door::Http,
            who: viewer.chars().take(200).collect(),
            scope: Some(scope),
        }
    }

    /// The sender of a signal: root, or the user that the service runs as.
    pub fn signal(name: &str) -> Self {
        Self {
            door: Door::Signal,
            who: name.to_owned(),
            scope: None,
        }
    }

    /// The id under which a request of the caller is remembered. A caller with a scope never gets the answer to the request of
    /// another, whatever ids they choose.
    pub(super) fn remembered_as(&self, id: &str) -> String {
        match &self.scope {
            Some(_) => format!("{} {}\n{id}", self.door.as_str(), self.who),
            None => id.to_owned(),
        }
    }
}
