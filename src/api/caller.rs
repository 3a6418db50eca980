//! Who asks, and through which door.

/// Through which door a request comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The control socket, and so the command line.
    Socket,
    /// The broker.
    Mqtt,
    /// A signal to the process.
    Signal,
    /// None: the service itself.
    #[default]
    Inside,
}

impl Door {
    /// As in `audit.list`.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Socket => "socket",
            Door::Mqtt => "mqtt",
            Door::Signal => "signal",
            Door::Inside => "inside",
        }
    }
}

/// Who asks, as far as the door knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Through which door.
    pub door: Door,
    /// Who it is, in a few words.
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

    /// Somebody whom the broker lets ask. It does not say who publishes: where the answer goes tells most.
    pub fn mqtt(response_topic: &str) -> Self {
        let topic: String = response_topic.chars().take(200).collect();
        Self {
            door: Door::Mqtt,
            who: format!("who reads {topic}"),
        }
    }

    /// Whoever sent a signal: root, or the user that the service runs as.
    pub fn signal(name: &str) -> Self {
        Self {
            door: Door::Signal,
            who: name.to_owned(),
        }
    }
}
