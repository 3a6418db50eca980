//! The tape's segment file.
