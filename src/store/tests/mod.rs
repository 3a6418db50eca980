//! The store as a whole, on a disk that can lose power and fail.

mod crashes;
mod faults;
mod library;
mod measure;
mod model;
mod moment;
mod rig;
mod space;
mod threads;
