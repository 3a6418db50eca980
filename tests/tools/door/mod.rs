//! Players at the door. Each picture contains its number, so what a player decoded says whether it showed the right pictures in
//! the right order. docs/players.md has what each player did.

mod channel;
mod curl;
mod encrypted;
mod late;
mod live;
mod others;
mod programme;
mod recorded;
mod shifted;
