//! The whole text of what is said where a registry is in the way.

use serde_json::json;

use super::*;

/// The whole text of a problem, with what is another thing in every run replaced.
fn told(what: &str, problem: &Problem, at: &[&Scripted]) -> String {
    let mut text = format!("{what}: [{}] {}\n", problem.kind.exit_code(), problem.message);
    problem.causes.iter().for_each(|cause| text.push_str(&format!("  caused by: {cause}\n")));
    problem.hints.iter().for_each(|hint| text.push_str(&format!("  hint: {hint}\n")));
    for (server, name) in at.iter().zip(["REGISTRY", "TARGET"]) {
        text = text.replace(&image(server).origin().host(), name);
    }
    text
}

#[test]
fn whatever_is_in_the_way_of_an_image_is_said_with_its_mend() {
    let document =
        |code: &str, message: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
    let basic = "www-authenticate: Basic realm=\"r\"\r\n";
    let html = || raw(200, "content-type: text/html; charset=utf-8\r\n", b"<!DOCTYPE html>Sign in");
    let manifest = |document: serde_json::Value| {
        raw(200, &format!("content-type: {DOCKER}\r\n"), document.to_string().as_bytes())
    };
    let [good, _] = sample().served();
    let [again, _] = sample().served();
    let lie = raw(200, &format!("docker-content-digest: sha256:{}\r\n", "0".repeat(64)), &sample().manifest);
    let zstd = json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
        "size": 1, "digest": format!("sha256:{}", "1".repeat(64))},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "size": 1,
            "digest": format!("sha256:{}", "2".repeat(64))}]});
    let issuer = |url: &str| format!("www-authenticate: Bearer realm=\"{url}\"\r\n");
    let mut text = String::new();
    for (what, acts) in [
        ("a stranger", vec![say(401, basic, "")]),
        ("401 of an unknown kind", vec![say(401, "www-authenticate: Negotiate\r\n", "")]),
        ("an issuer in the open", vec![say(401, &issuer("http://issuer.example/jwt"), "")]),
        ("403", vec![say(403, "", &document("DENIED", "requested access is denied"))]),
        ("404", vec![say(404, "", &document("MANIFEST_UNKNOWN", "manifest unknown"))]),
        ("400", vec![say(400, "", &document("UNSUPPORTED", "unsupported"))]),
        ("429", vec![say(429, "retry-after: 0\r\n", &document("TOOMANYREQUESTS", "slow down"))]),
        ("500", vec![say(500, "", &document("UNKNOWN", "unknown error"))]),
        ("502", vec![raw(502, "content-type: text/html\r\n", b"<html>Bad Gateway</html>")]),
        ("503", vec![say(503, "", "")]),
        ("507", vec![say(507, "", "")]),
        ("a redirect", vec![say(302, "location: https://sso.example/\r\n", "")]),
        ("a sign-in page", vec![html()]),
        ("a sign-in page for the configuration", vec![good, html()]),
        ("no JSON", vec![raw(200, "content-type: application/json\r\n", b"{\"schema")]),
        ("another manifest than it says", vec![lie]),
        ("another configuration", vec![again, raw(200, "", &vec![b'x'; sample().config.len()])]),
        ("zstd", vec![manifest(zstd)]),
        ("no image", vec![manifest(json!({"schemaVersion": 2}))]),
        ("it hangs up", vec![Act::Hang]),
        ("it says nothing", vec![Act::Stall]),
    ] {
        let registry = Scripted::new(acts);
        let problem = registries().resolve(&image(&registry)).unwrap_err();
        text.push_str(&told(what, &problem, &[&registry]));
    }
    // With a password that must not go anywhere.
    for (what, acts) in [
        ("a wrong password", vec![say(401, basic, "")]),
        ("an issuer elsewhere", vec![say(401, &issuer("https://evil.example/jwt"), "")]),
    ] {
        let registry = Scripted::new(acts);
        let mut registries = registries();
        login(&mut registries, &registry);
        let problem = registries.resolve(&image(&registry)).unwrap_err();
        text.push_str(&told(what, &problem, &[&registry]));
    }
    // An issuer of the house that gives no token.
    for (what, act) in [
        ("401 of the issuer", say(401, "", "")),
        ("503 of the issuer", say(503, "", "")),
        ("a sign-in page of the issuer", html()),
    ] {
        let house = Scripted::new(vec![act]);
        let registry = Scripted::new(vec![say(401, &issuer(&format!("{}jwt", house.base)), "")]);
        let problem = registries().resolve(&image(&registry)).unwrap_err();
        text.push_str(
            &told(what, &problem, &[&registry])
                .replace(&house.base.to_string(), "http://ISSUER/")
                .replace(&image(&house).origin().host(), "ISSUER"),
        );
    }
    insta::assert_snapshot!(text, @"
    a stranger: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY: it wants a user and a password
      hint: no user and token are given for REGISTRY: set CI_REGISTRY_USER and CI_REGISTRY_PASSWORD, then run the same command again
    401 of an unknown kind: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY: it answered 401 without saying what it wants
      hint: nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the same command again
    an issuer in the open: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY: it sends us for a token to http://issuer.example/jwt, which is not encrypted
      hint: nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the same command again
    403: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 403: DENIED: requested access is denied
      hint: no user and token are given for REGISTRY: set CI_REGISTRY_USER and CI_REGISTRY_PASSWORD, then run the same command again
    404: [5] no image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 404: MANIFEST_UNKNOWN: manifest unknown
      hint: nothing of it was used; see that the build pushed it (and what answers in the registry's place), then run the same command again
    400: [7] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 400: UNSUPPORTED: unsupported
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    429: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 429: TOOMANYREQUESTS: slow down
      hint: run the same command again: it goes on from what is there
    500: [7] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 500: UNKNOWN: unknown error
      hint: the registry itself needs mending (is its disk full?)
      hint: run the same command again: it goes on from what is there
    502: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 502
      hint: run the same command again: it goes on from what is there
    503: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 503
      hint: run the same command again: it goes on from what is there
    507: [7] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 507
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    a redirect: [7] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 302: it sends us elsewhere, where nobody is asked
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    a sign-in page: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: http://REGISTRY could not be reached: a page answers (a sign-in page, proxy or captive portal in between?)
      hint: run the same command again: it goes on from what is there
    a sign-in page for the configuration: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: http://REGISTRY could not be reached: a page answers (a sign-in page, proxy or captive portal in between?)
      hint: run the same command again: it goes on from what is there
    no JSON: [5] could not read the image REGISTRY/shop/portal:v1
      caused by: the manifest cannot be read: EOF while parsing a string at line 1 column 8
      hint: let the build push one that Heroku takes: docker buildx build --platform linux/amd64 --output type=image,push=true,compression=gzip,force-compression=true
      hint: nothing of it was used; then run the same command again
    another manifest than it says: [1] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY served the manifest sha256:6398090f1781114c495e8c69942fe656efa2773c45ce31959f89f3b7407ad4f4 as sha256:0000000000000000000000000000000000000000000000000000000000000000
      hint: nothing of it was used; run the same command again, and if it comes again push the image anew
    another configuration: [1] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY served blob f69d6f2ee918 with other bytes than its digest says
      hint: nothing of it was used; run the same command again, and if it comes again push the image anew
    zstd: [5] could not read the image REGISTRY/shop/portal:v1
      caused by: its layers are compressed with zstd, which Docker schema 2 cannot say
      hint: let the build push one that Heroku takes: docker buildx build --platform linux/amd64 --output type=image,push=true,compression=gzip,force-compression=true
      hint: nothing of it was used; then run the same command again
    no image: [5] could not read the image REGISTRY/shop/portal:v1
      caused by: it is no image (application/vnd.docker.distribution.manifest.v2+json)
      hint: let the build push one that Heroku takes: docker buildx build --platform linux/amd64 --output type=image,push=true,compression=gzip,force-compression=true
      hint: nothing of it was used; then run the same command again
    it hangs up: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: http://REGISTRY could not be reached: connection closed before message completed
      hint: run the same command again: it goes on from what is there
    it says nothing: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: http://REGISTRY could not be reached: no answer within 1 s
      hint: run the same command again: it goes on from what is there
    a wrong password: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY answered 401
      hint: the user ci at REGISTRY needs a token that may pull from shop/portal; then run the same command again
    an issuer elsewhere: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY: it sends us to https://evil.example with its password, and nobody said that https://evil.example may have it
      hint: nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the same command again
    401 of the issuer: [4] could not read the image REGISTRY/shop/portal:v1
      caused by: REGISTRY: http://ISSUER answered 401: no token for nobody in particular
      hint: no user and token are given for REGISTRY: set CI_REGISTRY_USER and CI_REGISTRY_PASSWORD, then run the same command again
    503 of the issuer: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: http://ISSUER answered 503
      hint: run the same command again: it goes on from what is there
    a sign-in page of the issuer: [6] could not read the image REGISTRY/shop/portal:v1
      caused by: http://ISSUER could not be reached: it gave something else than a token (a sign-in page, proxy or captive portal in between?)
      hint: run the same command again: it goes on from what is there
    ");
}

#[test]
fn a_machine_without_files_left_is_said_whole() {
    let full = std::io::Error::from_raw_os_error(24);
    insta::assert_snapshot!(no_network(&full).whole(), @"
    cannot prepare for the network (1)
      caused by: Too many open files (os error 24)
      hint: allow more open files, then run the same command again: ulimit -n 1024
    ");
}

#[test]
fn whatever_is_in_the_way_of_a_copy_is_said_with_its_mend() {
    let document = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
    let layer = || raw(200, "", &sample().layer);
    let [begin, patch, _] = upload();
    let at_begin = |act: Act| vec![act];
    let mut text = String::new();
    for (what, source, acts) in [
        ("403 for the upload", layer(), at_begin(say(403, "", &document("DENIED")))),
        ("a redirect of the upload", layer(), at_begin(say(307, "location: https://sso.example/\r\n", ""))),
        ("an upload elsewhere", layer(), at_begin(say(202, "location: https://evil.example/up\r\n", ""))),
        ("an upload nowhere", layer(), at_begin(say(202, "", ""))),
        ("413 for the layer", layer(), vec![begin, say(413, "", "")]),
        ("507 for the layer", layer(), {
            let [begin, ..] = upload();
            vec![begin, say(507, "", &document("UNKNOWN"))]
        }),
        ("the digest does not match", layer(), {
            let [begin, ..] = upload();
            vec![begin, patch, say(400, "", &document("DIGEST_INVALID"))]
        }),
        ("the source has it no more", say(404, "", &document("BLOB_UNKNOWN")), {
            let [begin, ..] = upload();
            vec![begin, say(204, "", "")]
        }),
        ("the manifest is refused", layer(), {
            let mut acts: Vec<Act> = upload().into();
            acts.push(say(400, "", &document("MANIFEST_INVALID")));
            acts
        }),
    ] {
        let mut destination = before_the_layer();
        destination.extend(acts);
        let (result, _, source, destination) = copied(vec![source], destination);
        text.push_str(&told(what, &result.unwrap_err(), &[&source, &destination]));
    }
    // Whatever is tried, the layer is cut on its way in.
    let cut = || {
        let mut acts = before_the_layer();
        for _ in 0..10 {
            let [begin, ..] = upload();
            acts.extend([begin, Act::Hang, say(404, "", "")]);
        }
        copied((0..10).map(|_| layer()).collect(), acts)
    };
    let (result, _, source, destination) = cut();
    text.push_str(&told("an upload that is cut", &result.unwrap_err(), &[&source, &destination]));
    insta::assert_snapshot!(text, @"
    403 for the upload: [4] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET answered 403: DENIED: no
      hint: no user and token are given for TARGET: set CI_REGISTRY_USER and CI_REGISTRY_PASSWORD, then run the same command again
    a redirect of the upload: [7] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET answered 307: it sends us elsewhere, where nobody is asked
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    an upload elsewhere: [4] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET began an upload at another place: evil.example
      hint: nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the same command again
    an upload nowhere: [4] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET began an upload without saying where
      hint: nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the same command again
    413 for the layer: [7] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET answered 413
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    507 for the layer: [7] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET answered 507: UNKNOWN: no
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    the digest does not match: [7] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: TARGET answered 400: DIGEST_INVALID: no
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    the source has it no more: [5] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: REGISTRY answered 404: BLOB_UNKNOWN: no
      hint: nothing of it was used; see that the build pushed it (and what answers in the registry's place), then run the same command again
    the manifest is refused: [7] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: manifest
      caused by: TARGET answered 400: MANIFEST_INVALID: no
      hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
    an upload that is cut: [6] could not copy REGISTRY/shop/portal:v1 to TARGET/shop/portal:v1
      caused by: blob 4613a38a7f79
      caused by: http://TARGET could not be reached: connection closed before message completed
      hint: run the same command again: it goes on from what is there
    ");
}
