//! The store as a whole, on a disk that can lose power and fail.

mod crashes;
mod faults;
mod library;
mod measure;
mod rebuild;
mod rig;
mod sqlite;
mod strays;
mod threads;
mod verify;
