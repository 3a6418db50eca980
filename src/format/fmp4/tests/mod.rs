mod fixtures;
mod hostile;
mod layout;
mod open;
mod round_trip;
