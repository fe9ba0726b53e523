//! Which addresses webhooks go to, and for how long. No IO.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::deliverer;
use super::url::{HostName, WebhookUrl};
use crate::error::{Error, Result};

/// How long a receiver that does not answer is tried.
const RETRY_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Which addresses webhooks go to, and for how long they are tried.
///
/// Whoever submits a job chooses where this host sends something: to public addresses only, unless more is allowed here.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Addresses that are not public, and yet may be sent to.
    pub allow: Vec<Network>,
    /// Whether anything may be sent anywhere.
    pub allow_private: bool,
    /// How long a receiver that does not take it is tried, from the first try on.
    pub retry_for: Duration,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), allow_private: false, retry_for: RETRY_FOR }
    }
}

/// Addresses that begin the same: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| one());
        network.map(Self).map_err(|_| format!("{text:?} is no network such as 10.0.0.0/8, and no address"))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl WebhookConfig {
    /// Whether anything may be sent to this address.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = embedded(address);
        self.allow_private || is_public(address) || self.allow.iter().any(|network| network.0.contains(&address))
    }
}

/// Whether a job may have this webhook. What a name leads to may change, so that is asked for when something is sent.
pub(crate) fn admit(config: &WebhookConfig, url: &WebhookUrl) -> Result<()> {
    deliverer::is_built_in()?;
    let here: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let may = match &url.host {
        HostName::Address(address) => config.permits(*address),
        // By RFC 6761 these lead nowhere else.
        HostName::Name(name) if name == "localhost" || name.ends_with(".localhost") => {
            here.into_iter().any(|address| config.permits(address))
        }
        HostName::Name(_) => true,
    };
    if may {
        return Ok(());
    }
    let why =
        format!("{} is not a public address, and webhooks go to no other unless `[webhook] allow` names it", url.host);
    Err(Error::refused(why))
}

/// The address of IPv4 that is meant by one of IPv6, if it is of a kind that stands for one (RFC 4291, RFC 6052).
fn embedded(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.segments() {
            [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
                let [.., a, b, c, d] = v6.octets();
                Ipv4Addr::new(a, b, c, d).into()
            }
            _ => address,
        },
        IpAddr::V4(_) => address,
    }
}

/// Networks of IPv4 that nobody out there answers in, or that are somebody's own (RFC 6890 and what came after).
const NOT_PUBLIC_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The same of IPv6, within the part that is given out at all, 2000::/3: protocols (Teredo, ORCHID), documentation, and 6to4, which has
/// an address of IPv4 in it.
const NOT_PUBLIC_V6: [([u16; 2], u8); 4] =
    [([0x2001, 0], 23), ([0x2001, 0xdb8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !NOT_PUBLIC_V4.iter().any(|(start, bits)| same(v4.to_bits(), u32::from_be_bytes(*start), *bits))
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            let first = |a: u16, b: u16| u32::from(a) << 16 | u32::from(b);
            let given_out = same(first(a, b), first(0x2000, 0), 3);
            given_out && !NOT_PUBLIC_V6.iter().any(|([x, y], bits)| same(first(a, b), first(*x, *y), *bits))
        }
    }
}

/// Whether both begin with the same bits.
fn same(one: u32, other: u32, bits: u8) -> bool {
    (one ^ other).leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: [&str; 38] = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "fe80::1",
        "febf::1",
        "fc00::1",
        "fdff::1",
        "ff02::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2001::1",
    ];

    fn permits(config: &WebhookConfig, address: &str) -> bool {
        config.permits(address.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_not_permitted_in_whatever_form() {
        let config = WebhookConfig::default();
        for address in PRIVATE {
            assert!(!permits(&config, address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2a00::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(permits(&config, address), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_permitted_and_its_neighbours_are_not() {
        let allow = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        let config = WebhookConfig { allow, ..WebhookConfig::default() };
        for address in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1"] {
            assert!(permits(&config, address), "{address}");
        }
        for address in ["127.0.0.2", "192.168.1.1", "fc00::1", "::1"] {
            assert!(!permits(&config, address), "{address}");
        }
        let all = WebhookConfig { allow_private: true, ..WebhookConfig::default() };
        assert!(PRIVATE.iter().all(|address| permits(&all, address)));
    }

    #[test]
    fn a_network_is_one_address_or_many() {
        assert_eq!("127.0.0.1".parse::<Network>().unwrap().to_string(), "127.0.0.1/32");
        for wrong in ["", "10.0.0.0/33", "localhost", "10.0.0"] {
            assert!(wrong.parse::<Network>().unwrap_err().contains("no network"), "{wrong}");
        }
    }
}
