//! The cause of a failed request: the network, the store, or this object.

/// Why a request was not carried out. The text contains no secret and no signed address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::delivery) enum Fault {
    /// The store cannot be reached, or makes no progress: no name, no route, no connection, a connection that broke, a
    /// certificate that is not trusted.
    #[error("{0}")]
    Offline(String),
    /// Another server answers in the store's place: a login page, a proxy.
    #[error("{0}")]
    Intercepted(String),
    /// The store cannot carry it out now: 500, 502, 503, 504, 408, 429, `SlowDown`, no space on its disk.
    #[error("{0}")]
    Busy(String),
    /// The store takes nothing from this box: a key that is unknown or out of date, a wrong clock, no such bucket. The object
    /// is not the cause.
    #[error("{0}")]
    Unusable(String),
    /// The store refuses this object, or this request: 403, 404, 400 and the like.
    #[error("{0}")]
    Refused(String),
    /// The upload in parts is gone from the store.
    #[error("the upload is not there any more")]
    UploadGone,
    /// The bytes that arrived differ from the sent ones, or cannot be put together: a wrong digest or ETag, an answer that is
    /// cut off or makes no sense. Another try is worth it.
    #[error("{0}")]
    Damaged(String),
    /// The store does not know this kind of request.
    #[error("{0}")]
    Unsupported(String),
}
