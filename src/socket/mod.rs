//! The door for this machine: a Unix socket on which every command can be asked for.
