//! The caller of a command, and the door of the request.

/// The door through which a request comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The control socket, and so the command line.
    Socket,
    /// The broker.
    Mqtt,
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
}

impl Caller {
    /// A process of this machine, by its user (`SO_PEERCRED`).
    pub fn socket(user: u32) -> Self {
        Self {
            door: Door::Socket,
            who: format!("uid {user}"),
        }
    }

    /// A client that the broker lets send requests. The broker does not say who publishes. The topic of the answer tells most.
    pub fn mqtt(response_topic: &str) -> Self {
        let topic: String = response_topic.chars().take(200).collect();
        Self {
            door: Door::Mqtt,
            who: format!("who reads {topic}"),
        }
    }

    /// The sender of a signal: root, or the user that the service runs as.
    pub fn signal(name: &str) -> Self {
        Self {
            door: Door::Signal,
            who: name.to_owned(),
        }
    }
}
