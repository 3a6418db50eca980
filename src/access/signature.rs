//! Signatures as Tencent and Alibaba make them: parsed, then compared in constant time.

use data_encoding::HEXLOWER_PERMISSIVE;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::Reason;
use super::query::parameter;
use crate::config::Secret;
use crate::media::{Micros, StreamName};

/// The longest part of an `auth_key`, in bytes. `rand` and `uid` have 32 digits at most.
const MAX_PART: usize = 64;

type Md5Sum = [u8; 16];

/// The number of digits of `txTime`. The signature covers the name and the time side by side. With a free length, a signature
/// for `room101` at one time would also be one for `room10` at another.
const TIME_DIGITS: usize = 8;

/// Tencent's signature: `txSecret` and `txTime`.
#[derive(Debug)]
pub(super) struct Tencent<'a> {
    sum: Md5Sum,
    time: &'a str,
    expires: Micros,
}

impl<'a> Tencent<'a> {
    /// Reads the signature of a query; none when the query has no such signature.
    pub(super) fn read(query: &'a str) -> Option<Result<Self, Reason>> {
        let secret = parameter(query, "txSecret")?;
        Some(Self::parse(secret, parameter(query, "txTime")))
    }

    fn parse(secret: &str, time: Option<&'a str>) -> Result<Self, Reason> {
        let wrong = |what, why| Reason::Malformed { what, why };
        let time = time.ok_or(wrong("txTime", "it is missing beside txSecret"))?;
        let sum = md5_sum(secret).ok_or(wrong("txSecret", "expected 32 hexadecimal digits"))?;
        let digits = time.len() == TIME_DIGITS && time.bytes().all(|digit| digit.is_ascii_hexdigit());
        let seconds = digits.then(|| i64::from_str_radix(time, 16).ok()).flatten();
        let expires = seconds
            .ok_or(wrong(
                "txTime",
                "expected seconds since 1970 as eight hexadecimal digits",
            ))?
            .saturating_mul(1_000_000);
        Ok(Self { sum, time, expires })
    }

    /// Whether the sum is `md5(KEY + StreamName + txTime)`, with txTime as it was written. The app is not part of it.
    pub(super) fn proves(&self, stream: &StreamName, key: &Secret) -> bool {
        let sum = Md5::new()
            .chain_update(key.expose())
            .chain_update(stream.name())
            .chain_update(self.time);
        bool::from(Md5Sum::from(sum.finalize()).ct_eq(&self.sum))
    }

    /// UTC in microseconds, after which the signature does not hold.
    pub(super) fn expires(&self) -> Micros {
        self.expires
    }
}

/// Alibaba's signature: `auth_key={ts}-{rand}-{uid}-{md5}`.
#[derive(Debug)]
pub(super) struct Aliyun<'a> {
    sum: Md5Sum,
    /// The signed part, `{ts}-{rand}-{uid}`, as it was written.
    signed: &'a str,
    time: Micros,
}

impl<'a> Aliyun<'a> {
    /// Reads the signature of a query; none when the query has no such signature.
    pub(super) fn read(query: &'a str) -> Option<Result<Self, Reason>> {
        parameter(query, "auth_key").map(Self::parse)
    }

    fn parse(text: &'a str) -> Result<Self, Reason> {
        let wrong = |why| Reason::Malformed {
            what: "auth_key",
            why,
        };
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        let [time, rand, uid, sum] = parts.as_slice() else {
            return Err(wrong("expected time-rand-uid-md5"));
        };
        let plain = |part: &str| part.len() <= MAX_PART && part.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(rand) || !plain(uid) {
            return Err(wrong("rand and uid may have 64 characters each"));
        }
        let digits = (1..=19).contains(&time.len()) && time.bytes().all(|digit| digit.is_ascii_digit());
        let seconds: i64 = digits
            .then(|| time.parse().ok())
            .flatten()
            .ok_or_else(|| wrong("it has to begin with seconds since 1970"))?;
        let signed = text.rsplit_once('-').map_or("", |(signed, _)| signed);
        Ok(Self {
            sum: md5_sum(sum).ok_or_else(|| wrong("it has to end with 32 hexadecimal digits"))?,
            signed,
            time: seconds.saturating_mul(1_000_000),
        })
    }

    /// Whether the sum is `md5("{path}-{ts}-{rand}-{uid}-{key}")`. A stream's path is `/app/name`.
    pub(super) fn proves(&self, path: &str, key: &Secret) -> bool {
        let sum = Md5::new()
            .chain_update(path)
            .chain_update("-")
            .chain_update(self.signed)
            .chain_update("-")
            .chain_update(key.expose());
        bool::from(Md5Sum::from(sum.finalize()).ct_eq(&self.sum))
    }

    /// UTC in microseconds, after which the signature does not hold, when it is valid for `valid`.
    pub(super) fn expires(&self, valid: Micros) -> Micros {
        self.time.saturating_add(valid)
    }
}

/// Reads an MD5 sum of 32 hexadecimal digits.
fn md5_sum(text: &str) -> Option<Md5Sum> {
    let mut sum = Md5Sum::default();
    if text.len() != 2 * sum.len() {
        return None;
    }
    let read = HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut sum);
    read.is_ok().then_some(sum)
}

/// Whether the query shows the key, as it came or percent-encoded. The comparison takes as long for every wrong key of the
/// right length.
pub(super) fn key_proves(shown: &str, key: &Secret) -> bool {
    let as_it_came = shown.as_bytes().ct_eq(key.expose());
    let decoded = super::query::decoded(shown).ct_eq(key.expose());
    bool::from(as_it_came | decoded)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::client::tests::READER;
    use super::*;

    /// Signs as Tencent's backends do.
    pub(in crate::access) fn tencent_sum(key: &str, name: &str, time: &str) -> String {
        let sum = Md5::new().chain_update(key).chain_update(name).chain_update(time);
        sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn secret(text: &str) -> Secret {
        Secret::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn tencents_published_example() {
        let query = "txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099";
        let signature = Tencent::read(query).unwrap().unwrap();
        let key = secret("e12c46f2612d5106e2034781ab261ca3");
        assert!(signature.proves(&"live/test".parse().unwrap(), &key));
        // 2018-12-29T06:13:13Z
        assert_eq!(signature.expires(), 1_546_064_025_000_000);
        for (stream, key) in [
            ("live/test2", "e12c46f2612d5106e2034781ab261ca3"),
            ("live/test", "e12c46f2612d5106e2034781ab261ca4"),
        ] {
            assert!(!signature.proves(&stream.parse().unwrap(), &secret(key)));
        }
    }

    #[test]
    fn alibabas_published_example() {
        let query = "auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f";
        let signature = Aliyun::read(query).unwrap().unwrap();
        let key = secret("aliyuncdnexp1234");
        assert!(signature.proves("/video/standard/1K.html", &key));
        assert_eq!(signature.expires(1_800_000_000), 1_444_437_000_000_000);
        assert!(!signature.proves("/video/standard/2K.html", &key));
        assert!(!signature.proves("/video/standard/1K.html", &secret("aliyuncdnexp1235")));
    }

    #[test]
    fn odd_signatures_say_what_is_odd() {
        let sum = "80cd3862d699b7118eed99103f2a3a4f";
        for query in [
            "txSecret=f85a",
            &format!("txSecret={sum}"),
            &format!("txSecret={sum}&txTime="),
            &format!("txSecret={sum}&txTime=-1"),
            &format!("txSecret={sum}&txTime=5C27109"),
            &format!("txSecret={sum}&txTime=05C271099"),
            &format!("txSecret={sum}&txTime=005C271099"),
            &format!("txSecret={sum}&txTime=+C271099"),
            &format!("txSecret={sum}&txTime=5C27109900000000F"),
            &format!("txSecret={sum}&txTime=FFFFFFFFFFFFFFFF"),
            &format!("txSecret={}g&txTime=5C271099", &sum[1..]),
            &format!("txSecret={}é&txTime=5C271099", &sum[2..]),
        ] {
            let reason = Tencent::read(query).unwrap().unwrap_err();
            assert!(matches!(reason, Reason::Malformed { .. }), "{query}");
            let told = READER.told(&reason);
            assert!(!told.contains(&sum[2..]), "{told}");
        }
        for value in [
            "",
            "1444435200",
            &format!("1444435200-0-{sum}"),
            &format!("1444435200-0-0-0-{sum}"),
            &format!("x-0-0-{sum}"),
            &format!("-0-0-{sum}"),
            &format!("99999999999999999999-0-0-{sum}"),
            &format!("1-{}-0-{sum}", "0".repeat(65)),
            "1-0-0-80cd",
        ] {
            let query = format!("auth_key={value}");
            let reason = Aliyun::read(&query).unwrap().unwrap_err();
            assert!(
                matches!(reason, Reason::Malformed { what: "auth_key", .. }),
                "{value}"
            );
        }
        assert!(Tencent::read("txTime=5C271099").is_none() && Aliyun::read("key=a").is_none());
    }

    #[test]
    fn a_key_proves_as_it_is_and_percent_encoded() {
        assert!(key_proves("a+b/c", &secret("a+b/c")));
        assert!(key_proves("a%2Bb%2fc", &secret("a+b/c")));
        assert!(key_proves("100%25", &secret("100%25")) && key_proves("100%25", &secret("100%")));
        for shown in ["", "a+b", "a+b/cc", "A+b/c", "*"] {
            assert!(!key_proves(shown, &secret("a+b/c")), "{shown}");
        }
    }

    proptest! {
        /// Wherever the border between name and time is put, a signature holds for one name and one time.
        #[test]
        fn the_border_between_name_and_time_cannot_be_moved(
            name in "[a-zA-Z0-9]{1,20}",
            time in "[0-9A-F]{8}",
        ) {
            let key = secret("e12c46f2612d5106e2034781ab261ca3");
            let sum = tencent_sum("e12c46f2612d5106e2034781ab261ca3", &name, &time);
            let whole = format!("{name}{time}");
            for border in 1..whole.len() {
                let (name, moved) = whole.split_at(border);
                let query = format!("txSecret={sum}&txTime={moved}");
                let proves = Tencent::read(&query).unwrap().is_ok_and(|signature| {
                    signature.proves(&format!("live/{name}").parse().unwrap(), &key)
                });
                prop_assert_eq!(proves, moved == time, "{} {}", name, moved);
            }
        }

        #[test]
        fn no_query_panics(query in "(&|=|-|%|txSecret|txTime|auth_key|[0-9a-fA-F]{1,40}|\\PC){0,12}") {
            let _ = (Tencent::read(&query), Aliyun::read(&query));
        }
    }
}
