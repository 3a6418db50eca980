//! Ranges of addresses.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A range such as `10.0.0.0/8` or `fd00::/8`, or one address. An IPv4 address in IPv6 form (`::ffff:10.0.0.1`) counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no range of addresses: {why}; write as in \"10.0.0.0/8\", \"fd00::/8\" or \"192.0.2.7\""
)]
pub struct AddressRangeError {
    text: String,
    why: &'static str,
}

impl AddressRange {
    /// True when `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                mask(u128::from(address.to_bits()), self.prefix, 32) == u128::from(network.to_bits())
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                mask(address.to_bits(), self.prefix, 128) == network.to_bits()
            }
            _ => false,
        }
    }
}

/// The mask of the first `prefix` bits of `width` bits. The other bits are 0.
fn mask(bits: u128, prefix: u8, width: u8) -> u128 {
    let host = u32::from(width.saturating_sub(prefix));
    bits.checked_shr(host)
        .and_then(|bits| bits.checked_shl(host))
        .unwrap_or(0)
}

impl TryFrom<String> for AddressRange {
    type Error = AddressRangeError;

    fn try_from(text: String) -> Result<Self, AddressRangeError> {
        let refuse = |why| AddressRangeError {
            text: text.chars().take(64).collect(),
            why,
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| refuse("what is before the / is no address"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= width)
                .ok_or_else(|| refuse("the number of bits behind the / is none"))?,
            None => width,
        };
        let (network, prefix) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(v4)) if prefix >= 96 => (IpAddr::V4(v4), prefix - 96),
            (address, _) => (address, prefix),
        };
        let cut = match network {
            IpAddr::V4(v4) => mask(u128::from(v4.to_bits()), prefix, 32) == u128::from(v4.to_bits()),
            IpAddr::V6(v6) => mask(v6.to_bits(), prefix, 128) == v6.to_bits(),
        };
        if !cut {
            return Err(refuse("bits are set behind those that the / counts"));
        }
        Ok(Self { network, prefix })
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> String {
        range.to_string()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        AddressRange::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn addresses_are_in_or_out() {
        for (text, address, expected) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "fd00::1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe80::1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("::1", "::1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("192.0.2.6/31", "192.0.2.7", true),
        ] {
            assert_eq!(
                range(text).contains(address.parse().unwrap()),
                expected,
                "{text} {address}"
            );
        }
    }

    #[test]
    fn slips_are_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "fd00::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "localhost",
            "::1/64",
        ] {
            assert!(AddressRange::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn it_prints_what_it_reads() {
        for text in ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"] {
            assert_eq!(range(text).to_string(), text);
        }
    }
}
