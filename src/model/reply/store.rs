//! `store.…`.

use serde::Serialize;

/// Which box the storage directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreStatus {
    /// It belongs to this box.
    pub own: bool,
}

/// The storage directory belongs to this box now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StoreAdopted {
    /// Always true.
    pub own: bool,
    /// It came from another box before.
    pub adopted: bool,
}
