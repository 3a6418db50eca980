mod chunks;
mod footage;
mod playlists;
