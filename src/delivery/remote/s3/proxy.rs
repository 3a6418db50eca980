//! The proxy that requests go through.

use reqwest::{NoProxy, Proxy};

use crate::config::{HttpProxy, S3Target};

/// The proxy of a target; `None` where requests go directly.
pub(super) fn of(target: &S3Target) -> Result<Option<Proxy>, String> {
    let wrong =
        |error: reqwest::Error| format!("sync.proxy: {}", crate::https::with_causes(&error.without_url()));
    match &target.proxy {
        None => Ok(None),
        Some(HttpProxy::At { url, login }) => {
            let proxy = Proxy::all(url).map_err(wrong)?;
            Ok(Some(match login {
                Some((user, password)) => proxy.basic_auth(user, &String::from_utf8_lossy(password.expose())),
                None => proxy,
            }))
        }
        Some(HttpProxy::Environment) => {
            let names = if target.endpoint.starts_with("https:") {
                ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
            } else {
                ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
            };
            let found = names.iter().find_map(|name| std::env::var(name).ok());
            match found.filter(|url| !url.is_empty()) {
                Some(url) => Ok(Some(
                    Proxy::all(&url).map_err(wrong)?.no_proxy(NoProxy::from_env()),
                )),
                None => Ok(None),
            }
        }
    }
}
