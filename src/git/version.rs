//! Versions of git, and the first ones with what we use. Must not start git.

use std::fmt;

/// A version of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The first with `merge-tree --write-tree`.
    pub const MINIMUM: Version = Version(2, 38, 0);
    /// The first with `merge-tree --merge-base`.
    pub(super) const MERGE_BASE: Version = Version(2, 40, 0);
    /// The first with `git --attr-source`.
    pub(super) const ATTR_SOURCE: Version = Version(2, 41, 0);

    /// Reads what `git version` prints: `git version 2.39.5 (Apple Git-154)`, `2.47.1.windows.1`,
    /// `2.52.0-rc1`.
    pub(super) fn parse(line: &str) -> Option<Version> {
        let number = line.strip_prefix("git version ")?.split_whitespace().next()?;
        let mut parts = number.split(['.', '-']);
        let mut next = || parts.next().and_then(|part| part.parse().ok());
        Some(Version(next()?, next()?, next().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_vendors_write_them() {
        let read = |line| Version::parse(line);
        assert_eq!(read("git version 2.47.3"), Some(Version(2, 47, 3)));
        assert_eq!(read("git version 2.39.5 (Apple Git-154)"), Some(Version(2, 39, 5)));
        assert_eq!(read("git version 2.47.1.windows.1"), Some(Version(2, 47, 1)));
        assert_eq!(read("git version 2.52.0-rc1"), Some(Version(2, 52, 0)));
        assert_eq!(read("git version 2.52-rc1"), Some(Version(2, 52, 0)));
        assert_eq!(read("hub version 2.14"), None);
    }
}
