//! Entry points for fuzzers: a token and a query may hold anything.

use data_encoding::BASE64URL_NOPAD;

use super::request::MediaAddress;
use super::signed::Signed;
use super::token::{MAX_TOKEN, Token, Tokens};
use crate::config::{Secret, WithoutClock};
use crate::event::Dialect;
use crate::media::StreamName;

/// No token of a stranger is accepted, and no text makes the parser fail. The bytes are tried as the text of a token, and as what
/// the text of a token stands for.
#[doc(hidden)]
pub fn fuzz_token(data: &[u8]) {
    let Ok(key) = Secret::try_from("a key that no fuzzer knows".to_owned()) else {
        return;
    };
    let tokens = Tokens::new(vec![key], WithoutClock::Accept);
    for text in [
        String::from_utf8_lossy(data).into_owned(),
        BASE64URL_NOPAD.encode(data),
    ] {
        if let Ok(token) = Token::parse(&text) {
            assert!(text.len() <= MAX_TOKEN && token.claims().rights.iter().count() <= 2);
        }
        assert!(tokens.check(&text, Some(0)).is_err());
    }
}

/// No query of a stranger is a right signature, and none makes the parser fail.
#[doc(hidden)]
pub fn fuzz_signatures(data: &[u8]) {
    let (Ok(stream), Ok(key)) = (
        "live/cam1".parse::<StreamName>(),
        Secret::try_from("a key that no fuzzer knows".to_owned()),
    ) else {
        return;
    };
    let query = String::from_utf8_lossy(data);
    let media = MediaAddress {
        stream: &stream,
        paths: &["/live/cam1/c/1.m4s", "/live/cam1.m3u8"],
        query: &query,
    };
    let Some(signed) = Signed::read(media, &[Dialect::Tencent, Dialect::Aliyun]) else {
        return;
    };
    let judged = [signed.by_tencent(&key, None), signed.by_aliyun((&key, 0), None)];
    assert!(judged.into_iter().flatten().all(|judged| judged.is_err()));
}
