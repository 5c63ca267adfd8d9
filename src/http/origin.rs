//! Origins: scheme, host and port, the unit a token is bound to.
//!
//! Owns the comparison of hosts. Everything goes through the one parser of the `url` crate, so that
//! two spellings of a host are equal exactly when a request to them would go to the same place.

#![warn(clippy::indexing_slicing)]

use std::fmt;

use url::{Host, Url};

/// Scheme, host and port, normalised: lower case, IDNA, default port filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` URL; `None` for anything else.
    pub fn of(url: &Url) -> Option<Origin> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Origin { https, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// Whether the host is this machine, by address or as `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// Whether what is sent there stays private: encrypted, or never leaving the machine.
    pub fn is_private(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// Whether this is plain http.
    pub fn is_plain(&self) -> bool {
        !self.https
    }

    /// The host without its port.
    pub fn name(&self) -> String {
        self.host.to_string()
    }

    /// The host with its port when that is not the default one, as people and glab write it.
    pub fn host(&self) -> String {
        let default = if self.https { 443 } else { 80 };
        if self.port == default { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn spellings_of_one_place_are_equal() {
        for same in [
            "https://gitlab.example/a",
            "https://gitlab.example:443",
            "https://GitLab.Example",
            "https://user:pw@gitlab.example/x?y#z",
            "HTTPS://gitlab%2Eexample",
            "https:\\\\gitlab.example\\a",
        ] {
            assert_eq!(origin(same), origin("https://gitlab.example"), "{same}");
        }
        assert_eq!(origin("https://bücher.example"), origin("https://xn--bcher-kva.example"));
        assert_eq!(origin("http://[0:0::1]:80"), origin("http://[::1]"));
        assert_eq!(origin("http://0x7f.1"), origin("http://127.0.0.1"));
    }

    #[test]
    fn different_places_differ() {
        for other in [
            "http://gitlab.example",
            "https://gitlab.example:8443",
            "https://gitlab.example.evil",
            "https://gitlab.example@evil.example",
            "https://gitlab.example.",
            "https://gitlab.exаmple",
        ] {
            assert_ne!(origin(other), origin("https://gitlab.example"), "{other}");
        }
        assert!(Origin::of(&Url::parse("ssh://git@gitlab.example").unwrap()).is_none());
    }

    #[test]
    fn only_loopback_may_be_plain() {
        for private in ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]", "http://localhost:1"] {
            assert!(origin(private).is_private(), "{private}");
        }
        for open in ["http://localhost.evil", "http://127.0.0.1.nip.io", "http://10.0.0.1", "http://0.0.0.0"]
        {
            assert!(!origin(open).is_private(), "{open}");
        }
        assert_eq!(origin("https://x:8443/a").to_string(), "https://x:8443");
    }
}
