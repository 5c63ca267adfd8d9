//! Registries that misbehave, word for word: what is sent to whom, and what is concluded.

mod words;

use serde_json::json;

use super::manifest::DOCKER;
use super::pull::sha256;
use super::*;
use crate::clock::by_hand::ClockByHand;
use crate::http::scripted::{Act, Scripted, raw, say};

const SECRET: &str = "glpat-canary-0123456789abc";

/// An image of one layer.
struct Sample {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

fn sample() -> Sample {
    let labels = json!({ "Labels": { REVISION: "9f3c1a7e" } });
    let config = json!({ "os": "linux", "architecture": "amd64", "config": labels }).to_string().into_bytes();
    let layer = b"0123456789abcdef".repeat(64);
    let told = |bytes: &[u8], kind: &str| {
        let media_type = format!("application/vnd.docker.{kind}");
        json!({ "mediaType": media_type, "size": bytes.len(), "digest": sha256(bytes).unwrap().as_str() })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": DOCKER,
        "config": told(&config, "container.image.v1+json"),
        "layers": [told(&layer, "image.rootfs.diff.tar.gzip")],
    });
    Sample { manifest: manifest.to_string().into_bytes(), config, layer }
}

impl Sample {
    /// What a registry says when it is asked for the image.
    fn served(&self) -> [Act; 2] {
        let kind = format!("content-type: {DOCKER}\r\n");
        [raw(200, &kind, &self.manifest), raw(200, "", &self.config)]
    }
}

fn registries() -> Registries {
    let retry = Retry { base: Duration::ZERO, ..Retry::default() };
    let options = Options { stall: Duration::from_millis(300), retry, parallel: 1, ..Options::default() };
    Registries::new(options, Arc::new(ClockByHand::new()))
}

fn login(registries: &mut Registries, at: &Scripted) {
    registries.login(Login::new(&at.base, "ci", Secret::new(SECRET).unwrap()).unwrap());
}

fn image(at: &Scripted) -> Reference {
    Reference::new(&at.base, "shop/portal", Version::Tag("v1".to_owned())).unwrap()
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_secret_goes_to_the_issuer_and_its_token_to_the_registry() {
    let issuer = Scripted::json(&[(200, r#"{"token":"short-lived","expires_in":300}"#)]);
    let storage = Scripted::new(vec![raw(200, "", &sample().config)]);
    let challenge =
        format!("www-authenticate: Bearer realm=\"{}jwt?x=1\",service=\"registry\"\r\n", issuer.base);
    let [manifest, _] = sample().served();
    let moved = raw(307, &format!("location: {}blob?signature=1\r\n", storage.base), b"");
    let registry = Scripted::new(vec![say(401, &challenge, ""), manifest, moved]);
    let mut registries = registries();
    login(&mut registries, &registry);
    let found = registries.resolve(&image(&registry)).unwrap();
    assert_eq!(found.revision(), Some("9f3c1a7e"));
    assert_eq!(found.config_digest, sha256(&sample().config).unwrap());
    assert_eq!(
        (found.digest.clone(), found.size()),
        (sha256(&sample().manifest).unwrap(), 1024 + sample().config.len() as u64)
    );

    let asked = issuer.requests();
    assert_eq!(
        issuer.lines(),
        ["GET /jwt?x=1&service=registry&scope=repository%3Ashop%2Fportal%3Apull HTTP/1.1"]
    );
    assert!(header(&asked[0], "authorization").unwrap().starts_with("Basic "));
    let tokens: Vec<Option<String>> =
        registry.requests().iter().map(|asked| header(asked, "authorization").map(str::to_owned)).collect();
    let bearer = Some("Bearer short-lived".to_owned());
    assert_eq!(tokens, [None, bearer.clone(), bearer]);
    // Object storage gets the address it signed, and nothing else of ours.
    assert_eq!(storage.lines(), ["GET /blob?signature=1 HTTP/1.1"]);
    assert_eq!(header(&storage.requests()[0], "authorization"), None);
}

#[test]
fn a_foreign_issuer_gets_nothing() {
    let challenge = "www-authenticate: Bearer realm=\"https://evil.example/jwt\"\r\n";
    let registry = Scripted::new(vec![say(401, challenge, "")]);
    let mut registries = registries();
    login(&mut registries, &registry);
    let problem = registries.resolve(&image(&registry)).unwrap_err();
    let host = image(&registry).origin().host();
    assert_eq!(problem.kind, Kind::Config);
    assert_eq!(
        problem.to_string().replace(&host, "HOST"),
        "could not read the image HOST/shop/portal:v1: HOST: it sends us to https://evil.example with its password, and nobody \
         said that https://evil.example may have it"
    );
    assert_eq!(registry.connections(), 1);
}

#[test]
fn a_wrong_password_is_told_once_and_never_shown() {
    let basic = "www-authenticate: Basic realm=\"r\"\r\n";
    let echo = format!(r#"{{"errors":[{{"code":"DENIED","message":"no {SECRET}"}}]}}"#);
    let registry = Scripted::new(vec![say(401, basic, ""), say(401, basic, &echo)]);
    let mut registries = registries();
    login(&mut registries, &registry);
    let problem = registries.resolve(&image(&registry)).unwrap_err();
    assert_eq!((problem.kind, registry.connections()), (Kind::Config, 2));
    let host = image(&registry).origin().host();
    assert_eq!(
        (problem.causes[0].replace(&host, "HOST"), problem.hints[0].replace(&host, "HOST")),
        (
            "HOST answered 401: DENIED: no [redacted]".to_owned(),
            "the user ci at HOST needs a token that may pull from shop/portal; then run the same command again".to_owned()
        )
    );
}

#[test]
fn an_image_that_is_not_what_it_says_is_refused() {
    let [manifest, config] = sample().served();
    let lie = raw(200, &format!("docker-content-digest: sha256:{}\r\n", "0".repeat(64)), &sample().manifest);
    let registry = Scripted::new(vec![lie]);
    let problem = registries().resolve(&image(&registry)).unwrap_err();
    assert_eq!((problem.kind, registry.connections()), (Kind::Failed, 5), "{problem}");

    let other = raw(200, "", &vec![b'x'; sample().config.len()]);
    let registry = Scripted::new(vec![manifest, other]);
    let problem = registries().resolve(&image(&registry)).unwrap_err();
    assert!(problem.causes[0].ends_with("with other bytes than its digest says"), "{problem}");
    drop(config);

    let registry =
        Scripted::json(&[(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#)]);
    let problem = registries().resolve(&image(&registry)).unwrap_err();
    assert_eq!((problem.kind, registry.connections()), (Kind::Refused, 1), "{problem}");
}

#[test]
fn a_registry_that_is_away_is_unreachable() {
    let registry = Scripted::new(vec![Act::Hang]);
    let problem = registries().resolve(&image(&registry)).unwrap_err();
    assert_eq!((problem.kind, registry.connections()), (Kind::Unreachable, 5), "{problem}");
    assert_eq!(problem.hints, ["run the same command again: it goes on from what is there"]);
    let registry = Scripted::new(vec![say(503, "", ""), say(429, "retry-after: 0\r\n", ""), Act::Stall]);
    let problem = registries().resolve(&image(&registry)).unwrap_err();
    assert_eq!(problem.kind, Kind::Unreachable, "{problem}");
    assert!(problem.causes[0].ends_with("no answer within 1 s"), "{problem}");
}

/// The copy of the sample from one scripted registry to another; the acts are those after `resolve`.
fn copied(source: Vec<Act>, destination: Vec<Act>) -> (Result<Copied>, Vec<Progress>, Scripted, Scripted) {
    let mut acts: Vec<Act> = sample().served().into();
    acts.extend(source);
    let (source, destination) = (Scripted::new(acts), Scripted::new(destination));
    let registries = registries();
    let found = registries.resolve(&image(&source)).unwrap();
    let mut told = Vec::new();
    let transfer = Transfer { image: &found, to: image(&destination) };
    let mut results = registries.copy(&[transfer], &[], &mut |progress| told.push(progress));
    (results.remove(0), told, source, destination)
}

/// What a destination answers that has the configuration and the tag's old image, up to the layer's upload.
fn before_the_layer() -> Vec<Act> {
    let length = sample().config.len();
    let there = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    vec![say(404, "", ""), Act::Say(there.into_bytes()), say(404, "", "")]
}

fn upload() -> [Act; 3] {
    let at = "location: /v2/shop/portal/blobs/uploads/1?state=x\r\n";
    [say(202, at, ""), say(202, at, ""), say(201, "", "")]
}

fn tagged() -> [Act; 2] {
    let digest = sha256(&sample().manifest).unwrap();
    [say(201, "", ""), say(200, &format!("docker-content-digest: {digest}\r\n"), "")]
}

#[test]
fn a_cut_source_is_resumed_inside_the_same_upload() {
    let Sample { layer, .. } = sample();
    let head = |status: &str, more: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n")
            .into_bytes()
    };
    let half = Act::Say([head("200 OK", "", 1024), layer[..600].to_vec()].concat());
    let rest = head("206 Partial Content", "content-range: bytes 600-1023/1024\r\n", 424);
    let rest = Act::Say([rest, layer[600..].to_vec()].concat());
    let mut destination = before_the_layer();
    destination.extend(upload());
    destination.extend(tagged());
    let (result, told, source, destination) = copied(vec![half, Act::Hang, rest], destination);
    let copied = result.unwrap();
    assert_eq!((copied.uploaded, copied.mounted, copied.already), (1024, 0, false));
    let ranges: Vec<Option<String>> =
        source.requests().iter().skip(2).map(|asked| header(asked, "range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=600-".to_owned()), Some("bytes=600-".to_owned())]);
    assert_eq!(
        destination.lines(),
        [
            "HEAD /v2/shop/portal/manifests/v1 HTTP/1.1",
            &format!("HEAD /v2/shop/portal/blobs/{} HTTP/1.1", sha256(&sample().config).unwrap()),
            &format!("HEAD /v2/shop/portal/blobs/{} HTTP/1.1", sha256(&layer).unwrap()),
            "POST /v2/shop/portal/blobs/uploads/ HTTP/1.1",
            "PATCH /v2/shop/portal/blobs/uploads/1?state=x HTTP/1.1",
            &format!(
                "PUT /v2/shop/portal/blobs/uploads/1?state=x&digest=sha256%3A{} HTTP/1.1",
                sha256(&layer).unwrap().as_str().trim_start_matches("sha256:")
            ),
            "PUT /v2/shop/portal/manifests/v1 HTTP/1.1",
            "HEAD /v2/shop/portal/manifests/v1 HTTP/1.1",
        ]
    );
    assert!(destination.requests()[4].ends_with(std::str::from_utf8(&layer).unwrap()));
    let again: Vec<&String> = told
        .iter()
        .filter_map(|it| if let Progress::Again { what } = it { Some(what) } else { None })
        .collect();
    assert_eq!(again.len(), 2, "{told:?}");
    assert!(again[0].contains("broke off at byte 600"), "{again:?}");
}

#[test]
fn a_layer_of_other_bytes_is_never_finished() {
    let other = || raw(200, "", &[b'x'; 1024]);
    let mut destination = before_the_layer();
    let [begin, patch, _] = upload();
    destination.extend([begin, patch, say(204, "", ""), say(404, "", "")]);
    let [begin, patch, _] = upload();
    destination.extend([begin, patch, say(204, "", "")]);
    let (result, _, source, destination) = copied(vec![other(), other()], destination);
    let problem = result.unwrap_err();
    assert_eq!(problem.kind, Kind::Failed, "{problem}");
    assert!(problem.causes[1].ends_with("with other bytes than its digest says"), "{problem}");
    assert_eq!(source.connections(), 4, "one more try, and no more");
    let lines = destination.lines();
    assert!(!lines.iter().any(|line| line.starts_with("PUT")), "{lines:?}");
}

#[test]
fn a_full_destination_ends_the_copy_and_says_why() {
    let mut destination = before_the_layer();
    let [begin, ..] = upload();
    let full = r#"{"errors":[{"code":"UNKNOWN","detail":"no space left on device"}]}"#;
    destination.extend([begin, say(507, "", full)]);
    let (result, _, _, destination) = copied(vec![raw(200, "", &sample().layer)], destination);
    let problem = result.unwrap_err();
    assert_eq!(problem.kind, Kind::Rejected, "{problem}");
    assert!(problem.causes[1].ends_with("answered 507: UNKNOWN: no space left on device"), "{problem}");
    assert_eq!(destination.connections(), 5);
}

#[test]
fn another_image_under_the_tag_afterwards_is_no_success() {
    let mut destination = before_the_layer();
    destination.extend(upload());
    let other = format!("docker-content-digest: sha256:{}\r\n", "1".repeat(64));
    destination.extend([say(201, "", ""), say(200, &other, "")]);
    let (result, ..) = copied(vec![raw(200, "", &sample().layer)], destination);
    let problem = result.unwrap_err();
    assert_eq!(problem.kind, Kind::Failed, "{problem}");
    assert!(problem.to_string().contains("is somebody else pushing?"), "{problem}");
}

#[test]
fn an_image_that_is_there_costs_one_question() {
    let digest = sha256(&sample().manifest).unwrap();
    let there = say(200, &format!("docker-content-digest: {digest}\r\n"), "");
    let (result, told, source, destination) = copied(Vec::new(), vec![there]);
    assert!(result.unwrap().already);
    assert_eq!(told, [Progress::Tagged { transfer: 0 }]);
    assert_eq!((source.connections(), destination.connections()), (2, 1));
}
