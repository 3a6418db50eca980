//! The cause of a failed request: the network, the store, or this object.

/// Why a request was not carried out. What is said never holds a secret, nor an address with a signature in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::delivery) enum Fault {
    /// The store cannot be reached, or does not get on: no name, no route, no connection, no progress, a connection that
    /// broke, a certificate that is not trusted.
    #[error("{0}")]
    Offline(String),
    /// Somebody else answers in the store's place: a login page, a proxy.
    #[error("{0}")]
    Intercepted(String),
    /// The store cannot do it now: 500, 502, 503, 504, 408, 429, `SlowDown`, no room on its disk.
    #[error("{0}")]
    Busy(String),
    /// The store does not take anything from this box: a key that is unknown or out of date, a clock that is wrong, no such
    /// bucket. It is not about the object.
    #[error("{0}")]
    Unusable(String),
    /// The store does not take this object, or this request: 403, 404, 400 and their like.
    #[error("{0}")]
    Refused(String),
    /// There is no such upload in parts any more.
    #[error("the upload is not there any more")]
    UploadGone,
    /// What arrived is not what was sent, or cannot be put together: a digest or an ETag that is wrong, an answer that is cut
    /// off or makes no sense. It is worth another try.
    #[error("{0}")]
    Damaged(String),
    /// The store does not know this kind of request.
    #[error("{0}")]
    Unsupported(String),
}
