mod fixtures;
mod hostile;
mod layout;
mod round_trip;
