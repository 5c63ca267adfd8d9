//! Who we are at a registry: its challenge, and the tokens that its issuer gives.
//!
//! Owns the one place from which a registry's secret is sent, and to whom. Tokens live a few minutes only:
//! one that ran out is renewed once for all who wait for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::Login;
use super::fault::{Fault, answered, explanation};
use crate::clock::Clock;
use crate::http::wire::{Call, Load, Wire};
use crate::http::{self, Method, Origin, Secret, Token};

/// A token is renewed when it has less than this to live: an upload must not begin with it.
const MARGIN: Duration = Duration::from_secs(30);

/// What the specification says where an issuer says nothing.
const SHORTEST_LIFE: u64 = 60;

/// The longest answer of an issuer.
const TOKEN_CAP: usize = 1 << 20;

/// What a registry wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and secret.
    Basic,
    /// A token from the issuer at `realm`.
    Bearer { realm: Url, service: Option<String> },
}

/// Our standing at one registry.
pub(super) struct Session {
    origin: Origin,
    login: Option<Arc<Login>>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    wanted: BTreeSet<String>,
    granted: BTreeSet<String>,
    token: Option<Token>,
    good_until: Option<Duration>,
    generation: u64,
}

/// A token to send, and which one it was.
pub(super) struct Pass {
    pub(super) token: Option<Token>,
    generation: u64,
}

impl Session {
    pub(super) fn new(origin: Origin, login: Option<Arc<Login>>, clock: Arc<dyn Clock>) -> Session {
        Session { origin, login, clock, state: Mutex::default() }
    }

    /// From now on tokens must allow this, as in `repository:shop/portal:pull,push`.
    pub(super) async fn want(&self, scope: String) {
        self.state.lock().await.wanted.insert(scope);
    }

    /// What the next request is to be sent with.
    pub(super) async fn pass(&self, wire: &Wire) -> Result<Pass, Fault> {
        let mut state = self.state.lock().await;
        let old = state.good_until.is_some_and(|until| self.clock.elapsed() + MARGIN > until);
        let narrow = !state.wanted.is_subset(&state.granted);
        if matches!(state.challenge, Some(Challenge::Bearer { .. })) && (old || narrow) {
            self.renew(&mut state, wire).await?;
        }
        Ok(Pass { token: state.token.clone(), generation: state.generation })
    }

    /// The registry answered 401 to `pass`. Ok when another try has a chance.
    pub(super) async fn refused(&self, pass: &Pass, asked: Option<&str>, wire: &Wire) -> Result<(), Fault> {
        let mut state = self.state.lock().await;
        if state.generation != pass.generation {
            // Somebody else has renewed it meanwhile.
            return Ok(());
        }
        let asked = asked.and_then(challenge);
        if asked == Some(Challenge::Basic) && state.token.is_some() {
            return Err(self.denied("it does not accept the user and the password"));
        }
        state.challenge = asked;
        self.renew(&mut state, wire).await
    }

    async fn renew(&self, state: &mut State, wire: &Wire) -> Result<(), Fault> {
        let (token, good_until) = match &state.challenge {
            None => return Err(self.foreign("it answered 401 without saying what it wants")),
            Some(Challenge::Basic) => {
                let login =
                    self.login.as_ref().ok_or_else(|| self.denied("it wants a user and a password"))?;
                (Token::basic(self.origin.clone(), &login.user, login.secret.clone()), None)
            }
            Some(Challenge::Bearer { realm, service }) => {
                self.issued(realm, service.as_deref(), &state.wanted, wire).await?
            }
        };
        state.granted = state.wanted.clone();
        state.token = Some(token);
        state.good_until = good_until;
        state.generation += 1;
        Ok(())
    }

    /// Asks the issuer for a token.
    async fn issued(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &BTreeSet<String>,
        wire: &Wire,
    ) -> Result<(Token, Option<Duration>), Fault> {
        #[derive(Deserialize)]
        struct Issued {
            #[serde(alias = "access_token")]
            token: String,
            #[serde(default)]
            expires_in: Option<u64>,
        }
        let issuer = Origin::of(realm).filter(Origin::is_private).ok_or_else(|| {
            self.foreign(&format!("it sends us for a token to {realm}, which is not encrypted"))
        })?;
        let mut url = realm.clone();
        {
            let mut query = url.query_pairs_mut();
            service.map(|service| query.append_pair("service", service));
            for scope in scopes {
                query.append_pair("scope", scope);
            }
        }
        let basic = self.login.as_ref().map(|login| {
            if !trusted(&self.origin, &issuer, &login.realms) {
                return Err(self.foreign(&format!(
                    "it sends us to {issuer} with its password, and nobody said that {issuer} may have it"
                )));
            }
            Ok(Token::basic(issuer.clone(), &login.user, login.secret.clone()))
        });
        let basic = basic.transpose()?;
        let call =
            Call { method: Method::Get, url, token: basic.as_ref(), headers: Vec::new(), load: Load::None };
        let asked = self.clock.elapsed();
        let answer = wire.send(call, Some(wire.stall())).await?;
        let (status, after) = (answer.status(), answer.retry_after());
        let body = answer.whole(TOKEN_CAP).await?;
        let why = || answered(&issuer.to_string(), status, &self.redact(&explanation(&body)));
        match status {
            200 => {}
            401 | 403 => {
                return Err(self.denied(&format!("{issuer} answered {status}: no token for {}", self.name())));
            }
            429 | 502..=504 => return Err(Fault::Busy { after, why: why() }),
            500.. => return Err(Fault::Broken(why())),
            _ => return Err(Fault::Refused(why())),
        }
        let odd = |why: &str| http::Error::Unreachable { origin: issuer.clone(), why: why.to_owned() };
        let issued: Issued = serde_json::from_slice(&body).map_err(|_| {
            odd("it gave something else than a token (a sign-in page, proxy or captive portal in between?)")
        })?;
        let secret =
            Secret::new(&issued.token).ok_or_else(|| odd("it gave a token that no header can carry"))?;
        let life = Duration::from_secs(issued.expires_in.unwrap_or(SHORTEST_LIFE).max(SHORTEST_LIFE));
        Ok((Token::bearer(self.origin.clone(), secret), Some(asked + life)))
    }

    /// Takes our secret out of a text.
    pub(super) fn redact(&self, text: &str) -> String {
        match &self.login {
            Some(login) => login.secret.redact(text),
            None => crate::http::mask_prefixes(text),
        }
    }

    /// We may not, and why.
    fn denied(&self, why: &str) -> Fault {
        Fault::Denied(format!("{}: {why}", self.origin.host()))
    }

    /// It asks for what no registry of ours would.
    fn foreign(&self, why: &str) -> Fault {
        Fault::Foreign(format!("{}: {why}", self.origin.host()))
    }

    fn name(&self) -> String {
        match &self.login {
            Some(login) => format!("the user {}", login.user),
            None => "nobody in particular".to_owned(),
        }
    }
}

/// Whether an issuer may hear the secret for a registry: on its host, on a domain above it, or named by the
/// caller. A registry's word alone is not enough.
fn trusted(registry: &Origin, issuer: &Origin, named: &[Origin]) -> bool {
    let name = |origin: &Origin| origin.name();
    let (registry, host) = (name(registry), name(issuer));
    let above = host.contains('.') && registry.strip_suffix(&host).is_some_and(|rest| rest.ends_with('.'));
    host == registry || above || named.contains(issuer)
}

/// Reads `WWW-Authenticate`.
fn challenge(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service) = (None, None);
    let mut rest = rest.trim_start();
    while let Some((name, value)) = rest.split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(',').unwrap_or((value, "")),
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => realm = Url::parse(value).ok(),
            "service" => service = Some(value.to_owned()),
            _ => {}
        }
        rest = after.trim_start_matches([',', ' ']);
    }
    Some(Challenge::Bearer { realm: realm?, service })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: Url::parse(realm).unwrap(), service: service.map(str::to_owned) })
        };
        let gitlab = r#"Bearer realm="https://gitlab.example/jwt/auth",service="container_registry",scope="repository:a/b:pull,push",error="invalid_token""#;
        assert_eq!(challenge(gitlab), bearer("https://gitlab.example/jwt/auth", Some("container_registry")));
        assert_eq!(challenge(r#"bearer Realm=https://a.example/x"#), bearer("https://a.example/x", None));
        assert_eq!(challenge(r#"Basic realm="Registry""#), Some(Challenge::Basic));
        assert_eq!(challenge("basic"), Some(Challenge::Basic));
        for odd in
            ["", "Negotiate", "Bearer", r#"Bearer service="x""#, r#"Bearer realm="x"#, "Bearer realm=\"/a\""]
        {
            assert_eq!(challenge(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_secret_goes_to_issuers_of_the_house_only() {
        let registry = origin("https://registry.gitlab.example:5050");
        for good in
            ["https://registry.gitlab.example", "https://gitlab.example", "https://gitlab.example:8443"]
        {
            assert!(trusted(&registry, &origin(good), &[]), "{good}");
        }
        for bad in ["https://example", "https://evil.example", "https://b.example", "https://lab.example"] {
            assert!(!trusted(&registry, &origin(bad), &[]), "{bad}");
        }
        let named = [origin("https://auth.other.example")];
        assert!(trusted(&registry, &named[0], &named));
        assert!(!trusted(&registry, &origin("https://auth.other.example:444"), &named));
    }
}
