//! Names in registries: where an image is, and digests of what it holds.
//!
//! Owns what a valid name is. Nothing here asks a registry.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::config::names_an_image;
use crate::http::Origin;

/// A sha256 digest, `sha256:<64 hex digits>`: the only algorithm that registries use in practice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest whose hex digits these are.
    pub(super) fn of_hex(hex: &str) -> Option<Digest> {
        let well = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        well.then(|| Digest(format!("sha256:{hex}")))
    }

    /// As on the wire, with its algorithm.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, enough for people.
    pub fn short(&self) -> &str {
        self.0.get("sha256:".len()..).and_then(|hex| hex.get(..12)).unwrap_or(&self.0)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let hex = text.strip_prefix("sha256:").ok_or_else(|| format!("no sha256 digest: {text}"))?;
        Digest::of_hex(hex).ok_or_else(|| format!("no sha256 digest: {text}"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Version {
    /// A name that may move.
    Tag(String),
    /// The image itself.
    Digest(Digest),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Tag(tag) => write!(f, ":{tag}"),
            Version::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// An image in a registry: `registry.example/group/project/portal:9f3c1a7e`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    pub(super) registry: Url,
    pub(super) origin: Origin,
    pub(super) repository: String,
    pub(super) version: Version,
}

impl Reference {
    /// The image `version` of `repository` in the registry at `registry`, as in `https://registry.example`.
    /// Plain http is taken for loopback only. Says what is wrong with a name that no registry can have.
    pub fn new(registry: &Url, repository: &str, version: Version) -> Result<Reference, String> {
        let origin = Origin::of(registry).ok_or_else(|| format!("no http or https URL: {registry}"))?;
        if !origin.is_private() {
            return Err(format!("refusing plain http to {origin}"));
        }
        if !names_an_image(repository) {
            return Err(format!("\u{201c}{repository}\u{201d} is no name of a repository"));
        }
        if let Version::Tag(tag) = &version
            && !is_tag(tag)
        {
            return Err(format!("\u{201c}{tag}\u{201d} is no tag"));
        }
        let mut registry = registry.clone();
        registry.set_path("/");
        registry.set_query(None);
        registry.set_fragment(None);
        if registry.set_username("").and_then(|()| registry.set_password(None)).is_err() {
            return Err(format!("no user may stand in the URL of {origin}"));
        }
        Ok(Reference { registry, origin, repository: repository.to_owned(), version })
    }

    /// Reads `host[:port]/repository[:tag|@digest]` (tag `latest` where none is given). The host speaks
    /// https, unless it is this machine: `http://` may then be written before it.
    pub fn parse(text: &str) -> Result<Reference, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let (host, rest) = rest.split_once('/').ok_or_else(|| format!("{text} names no repository"))?;
        let registry = Url::parse(&format!("{scheme}://{host}/"))
            .map_err(|why| format!("{host} is no registry: {why}"))?;
        if let Some((repository, digest)) = rest.split_once('@') {
            return Reference::new(&registry, repository, Version::Digest(digest.parse()?));
        }
        let (repository, tag) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
        Reference::new(&registry, repository, Version::Tag(tag.to_owned()))
    }

    /// The address of the registry.
    pub fn registry(&self) -> &Url {
        &self.registry
    }

    /// The origin that its credentials are for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The repository's name, without its registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Which image of the repository.
    pub fn version(&self) -> &Version {
        &self.version
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.origin.host(), self.repository, self.version)
    }
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_as_they_are_written() {
        for (text, repository, version) in [
            ("registry.example/group/project/portal:9f3c1a7e", "group/project/portal", ":9f3c1a7e"),
            ("registry.example:5050/a/b", "a/b", ":latest"),
            ("http://127.0.0.1:5000/a__b/c-d.e:v1.2_x", "a__b/c-d.e", ":v1.2_x"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.repository(), repository);
            assert_eq!(reference.version().to_string(), version);
        }
        let hex = "0123456789abcdef".repeat(4);
        let pinned = Reference::parse(&format!("registry.example/a@sha256:{hex}")).unwrap();
        assert_eq!(pinned.to_string(), format!("registry.example/a@sha256:{hex}"));
        assert_eq!(pinned.origin().to_string(), "https://registry.example");
    }

    #[test]
    fn what_no_registry_can_have_is_refused() {
        for bad in [
            "registry.example",
            "registry.example/",
            "registry.example/A",
            "registry.example/a//b",
            "registry.example/a/../b",
            "registry.example/a?x:y",
            "registry.example/-a",
            "registry.example/a:",
            "registry.example/a:.x",
            "registry.example/a:x%2f",
            "registry.example/a@sha256:12",
            "registry.example/a@md5:0123456789abcdef0123456789abcdef",
            "http://registry.example/a",
            "ssh://registry.example/a",
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }
}
