//! A request from a browser: who looks, and whether a press of a button came from our own page.
//!
//! It serves loopback only; a hostile page in the same browser reaches that too. So: the `Host` must be
//! loopback's (no rebound name), an `Origin` must be our own, and a form carries this server's token.

use rustls::crypto::ring;
use url::form_urlencoded;

use crate::sim::respond::Answer;
use crate::sim::world::World;

/// The cookie that says whom the reader plays. It proves nothing: everybody may be anybody here.
pub(super) const WHO: &str = "rehearse_as";

/// A request, as far as pages care.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Asked {
    pub(in crate::sim) method: String,
    /// Below the relative root, without the query.
    pub(in crate::sim) path: String,
    pub(in crate::sim) host: String,
    pub(in crate::sim) origin: Option<String>,
    pub(in crate::sim) cookies: String,
    pub(in crate::sim) form: Vec<u8>,
}

/// A token that only this server's pages know.
pub(in crate::sim) fn token() -> String {
    let mut bytes = [0; 16];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        // Without a source of chance no form is taken.
        Err(_) => String::new(),
    }
}

impl Asked {
    /// A field of the form; empty where it is not there.
    pub(super) fn field(&self, name: &str) -> String {
        let field = form_urlencoded::parse(&self.form).find(|(known, _)| known == name);
        field.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    /// Refuses what is not from our own pages.
    pub(super) fn check(&self, token: &str) -> Result<(), Answer> {
        let refused = |why: &str| Err(Answer::text(403, format!("refused: {why}\n")));
        let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, port)| {
            if port.bytes().all(|b| b.is_ascii_digit()) { name } else { &self.host }
        });
        if !["127.0.0.1", "localhost", "[::1]"].contains(&name) {
            return refused("the host's name is not loopback's");
        }
        if self.method == "GET" {
            return Ok(());
        }
        let own = format!("http://{}", self.host);
        match () {
            () if self.origin.as_ref().is_some_and(|origin| *origin != own) => {
                refused("the form came from another site")
            }
            () if token.is_empty() || self.field("token") != token => {
                refused("the form is from another run of this server; open the page again")
            }
            () => Ok(()),
        }
    }

    /// Whom the reader plays, by username: the developer until they choose.
    pub(super) fn viewer(&self, world: &World) -> String {
        let chosen = self.cookies.split(';').filter_map(|pair| pair.trim().split_once('=')).find_map(
            |(name, value)| Some(value).filter(|value| name == WHO && world.user_named(value).is_some()),
        );
        chosen.unwrap_or("dev").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(host: &str, origin: Option<&str>, token: &str) -> Result<(), u16> {
        let asked = Asked {
            method: "POST".to_owned(),
            host: host.to_owned(),
            origin: origin.map(str::to_owned),
            form: format!("token={token}").into_bytes(),
            ..Asked::default()
        };
        asked.check("secret").map_err(|refusal| refusal.status)
    }

    #[test]
    fn only_our_own_forms_are_taken() {
        let own = "127.0.0.1:4000";
        assert_eq!(press(own, Some("http://127.0.0.1:4000"), "secret"), Ok(()));
        assert_eq!(press("localhost:9", Some("http://localhost:9"), "secret"), Ok(()));
        // No browser leaves the origin out; other clients must know the token all the same.
        assert_eq!(press(own, None, "secret"), Ok(()));
        assert_eq!(press(own, None, "guess"), Err(403));
        assert_eq!(press(own, None, ""), Err(403));
        assert_eq!(press(own, Some("http://evil.example"), "secret"), Err(403));
        assert_eq!(press(own, Some("null"), "secret"), Err(403));
        assert_eq!(press("evil.example:4000", Some("http://evil.example:4000"), "secret"), Err(403));
        assert_eq!(press("127.0.0.1.evil.example", None, "secret"), Err(403));
        assert_eq!(press("", None, "secret"), Err(403));
    }

    #[test]
    fn a_rebound_name_sees_no_page() {
        let asked =
            Asked { method: "GET".to_owned(), host: "evil.example:4000".to_owned(), ..Asked::default() };
        assert_eq!(asked.check("secret").map_err(|refusal| refusal.status), Err(403));
    }

    #[test]
    fn each_server_has_a_token_of_its_own() {
        assert_eq!(token().len(), 32);
        assert_ne!(token(), token());
    }
}
