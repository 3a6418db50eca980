//! The store as a whole, on a disk that can lose power and fail.

mod audit;
mod away;
mod batches;
mod chunks;
mod clock;
mod crashes;
mod deleted;
mod delivery;
mod facts;
mod faults;
mod growing;
mod instants;
mod library;
mod listed;
mod listeners;
mod measure;
mod model;
mod moment;
mod mutated;
mod names;
mod pages;
mod prepared;
mod rebuild;
mod recordings;
mod rig;
mod space;
mod sqlite;
mod stall;
mod strays;
mod threads;
mod tight;
mod timeline;
mod timescales;
mod verify;

pub(crate) use growing::Growing;
