//! Spellings of remotes, honest and hostile.

use proptest::prelude::*;

use super::*;

fn read(remote: &str) -> String {
    match Address::of_remote(remote, None) {
        Ok(address) => format!("{} {}", address.base(), address.project()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_common_spelling_of_a_project_is_read() {
    for remote in [
        "https://gitlab.example/shop/web.git",
        "https://gitlab.example/shop/web",
        "https://gitlab.example/shop/web/",
        "https://gitlab.example/shop/web.git/",
        "https://gitlab.example:443/shop/web.git",
        "https://GitLab.Example/shop/web.git",
        "HTTPS://gitlab.example/shop/web.git",
        "https://oauth2:glpat-secret@gitlab.example/shop/web.git",
        "https://ana@gitlab.example/shop/web.git",
        "git@gitlab.example:shop/web.git",
        "git@gitlab.example:shop/web",
        "git@gitlab.example:/shop/web.git",
        "git@gitlab.example:shop/web.git/",
        "gitlab.example:shop/web.git",
        "ssh://git@gitlab.example/shop/web.git",
        "ssh://git@gitlab.example:2222/shop/web.git",
        "ssh://gitlab.example/shop/web",
        "SSH://git@gitlab.example:/shop/web.git",
        "git+ssh://git@gitlab.example/shop/web.git",
        "ssh+git://git@gitlab.example:22/shop/web.git",
    ] {
        assert_eq!(read(remote), "https://gitlab.example/ shop/web", "{remote}");
    }
    for (remote, read_as) in [
        ("https://gitlab.example:8443/a/b.git", "https://gitlab.example:8443/ a/b"),
        ("http://127.0.0.1:8080/a/b.git", "http://127.0.0.1:8080/ a/b"),
        ("http://localhost:80/a/b", "http://localhost/ a/b"),
        ("http://[::1]:3000/a/b.git", "http://[::1]:3000/ a/b"),
        ("https://[2001:db8::1]/a/b.git", "https://[2001:db8::1]/ a/b"),
        ("ssh://git@[2001:db8::1]:22/a/b.git", "https://[2001:db8::1]/ a/b"),
        ("git@[2001:db8::1]:a/b.git", "https://[2001:db8::1]/ a/b"),
        ("git@gitlab.com:g/s1/s2/s3/p-1_x.y.git", "https://gitlab.com/ g/s1/s2/s3/p-1_x.y"),
        ("https://bücher.example/a/b", "https://xn--bcher-kva.example/ a/b"),
        ("git@bücher.example:a/b.git", "https://xn--bcher-kva.example/ a/b"),
        ("ssh://git@altssh.gitlab.com:443/a/b.git", "https://gitlab.com/ a/b"),
        ("git@host:2222/a/b.git", "https://host/ 2222/a/b"),
        ("https://gitlab.example/a/.b.git", "https://gitlab.example/ a/.b"),
        ("work-alias:a/b.git", "https://work-alias/ a/b"),
    ] {
        assert_eq!(read(remote), read_as, "{remote}");
    }
}

#[test]
fn what_is_not_fully_understood_is_refused() {
    for remote in [
        "",
        "/srv/git/shop/web.git",
        "./shop/web.git",
        "../shop/web",
        "shop/web.git",
        "file:///srv/git/shop/web.git",
        "C:/work/shop/web.git",
        "C:\\work\\shop",
        "ext::sh -c evil% /shop/web",
        "ext::sh/shop/web",
        "fd::17/shop",
        "persistent-https::x/y",
        "git://gitlab.example/shop/web.git",
        "ftp://gitlab.example/shop/web.git",
        "javascript://gitlab.example/shop/web",
        "http://gitlab.example/shop/web.git",
        "http://localhost.evil.example/shop/web.git",
        "https://gitlab.example",
        "https://gitlab.example/",
        "https://gitlab.example/web",
        "https://gitlab.example/web.git",
        "https://gitlab.example//shop/web",
        "https://gitlab.example/shop//web",
        "https://gitlab.example/shop/../web/x",
        "https://gitlab.example/shop/./web",
        "https://gitlab.example/shop/%2e%2e/web",
        "https://gitlab.example/shop%2Fweb",
        "https://gitlab.example/shop/web?x=1",
        "https://gitlab.example/shop/web#x",
        "https://gitlab.example/-/shop/web",
        "https://gitlab.example/shop/-web",
        "https://gitlab.example/shop/.git",
        "https://gitlab.example/shop/we b",
        "https://gitlab.example/shop/wéb",
        "https:///shop/web",
        "https://@/shop/web",
        "https://:443/shop/web",
        "https://gitlab.example:0/shop/web",
        "https://gitlab.example:99999/shop/web",
        "https://gitlab.example:+443/shop/web",
        "https://gitlab.example:443:443/shop/web",
        "https://gitlab.example./shop/web",
        "https://gitlab%2eexample/shop/web",
        "https://gitlab.example\\@evil.example/shop/web",
        "https://a@gitlab.example@evil.example/shop/web",
        "https://evil.example\t/shop/web",
        "https://gitlab.\u{200b}example/shop/web",
        "https://gitlab\u{ad}.example/shop/web",
        "https://gitlab.example\u{2044}evil/shop/web\n",
        "https://[::1/shop/web",
        "https://[::1]x/shop/web",
        "https://[]/shop/web",
        "-oProxyCommand=evil:shop/web",
        "ssh://-oProxyCommand=evil/shop/web",
        "ssh://-oProxyCommand=evil@gitlab.example/shop/web",
        "git@-oProxyCommand=evil:shop/web",
        "ssh://git@gitlab.example/~ana/web.git",
        "git@gitlab.example:~/web.git",
        "git@gitlab.example:",
        "git@gitlab.example:web.git",
        "@gitlab.example:../web.git",
        "git@:shop/web.git",
        "[::1]",
        "[:",
        "git@[::1:shop/web",
    ] {
        let outcome = Address::of_remote(remote, None);
        assert!(outcome.is_err(), "{remote:?} {outcome:?}");
    }
}

#[test]
fn a_configured_instance_stands_before_the_remote() {
    let read = |remote: &str, instance: &str| {
        let address = Address::of_remote(remote, Some(&Url::parse(instance).unwrap()));
        address.map_or_else(|error| error.to_string(), |a| format!("{} {}", a.base(), a.project()))
    };
    for (remote, instance, read_as) in [
        ("https://x.example/gitlab/a/b.git", "https://x.example/gitlab", "https://x.example/gitlab/ a/b"),
        ("https://x.example/gitlab/a/b.git", "https://x.example/gitlab/", "https://x.example/gitlab/ a/b"),
        ("git@x.example:a/b.git", "https://x.example/gitlab", "https://x.example/gitlab/ a/b"),
        ("git@x.example:gitlab/b.git", "https://x.example/gitlab", "https://x.example/gitlab/ gitlab/b"),
        ("work:a/b.git", "https://x.example:8443", "https://x.example:8443/ a/b"),
        ("http://old.example/a/b.git", "https://x.example", "https://x.example/ a/b"),
        (
            "https://x.example/a/b.git",
            "https://x.example/gitlab",
            "the remote is not below https://x.example/gitlab",
        ),
        (
            "https://x.example/gitlabs/a/b",
            "https://x.example/gitlab",
            "the remote is not below https://x.example/gitlab",
        ),
        (
            "work:a/b.git",
            "http://x.example",
            "http://x.example is plain http, over which no token may travel",
        ),
        ("work:a/b.git", "ftp://x.example", "a GitLab instance is reached over https, not ftp"),
        ("work:a/b.git", "https://u:p@x.example/?q#f", "https://x.example/ a/b"),
    ] {
        assert_eq!(read(remote, instance), read_as, "{remote} {instance}");
    }
}

#[test]
fn merge_requests_of_this_project_are_known_by_their_pages() {
    let base = Url::parse("https://x.example:8443/gitlab").unwrap();
    let address = Address::new(&base, "shop/web").unwrap();
    assert_eq!(address.page("-/jobs/7"), "https://x.example:8443/gitlab/shop/web/-/jobs/7");
    assert_eq!(address.page(""), "https://x.example:8443/gitlab/shop/web");
    for good in [
        "https://x.example:8443/gitlab/shop/web/-/merge_requests/412",
        "https://x.example:8443/gitlab/shop/web/-/merge_requests/412/diffs",
        "https://X.example:8443/gitlab/Shop/Web/merge_requests/412/",
    ] {
        assert_eq!(address.merge_request_url(good), Some(412), "{good}");
    }
    for bad in [
        "",
        "!412",
        "https://x.example/gitlab/shop/web/-/merge_requests/412",
        "http://x.example:8443/gitlab/shop/web/-/merge_requests/412",
        "https://x.example:8443/shop/web/-/merge_requests/412",
        "https://x.example:8443/gitlab/shop/web2/-/merge_requests/412",
        "https://x.example:8443/gitlab/shop/web/sub/-/merge_requests/412",
        "https://x.example:8443/gitlab/shop/web/-/merge_requests/",
        "https://x.example:8443/gitlab/shop/web/-/merge_requests/4x",
        "https://x.example:8443/gitlab/shop/web/-/merge_requests/+4",
        "https://x.example:8443/gitlab/shop/web/-/merge_requests/99999999999999999999999",
        "https://x.example:8443/gitlab/shop/web/-/issues/412",
        "https://x.example:8443@evil/gitlab/shop/web/-/merge_requests/412",
    ] {
        assert_eq!(address.merge_request_url(bad), None, "{bad}");
    }
}

#[test]
fn a_project_is_named_by_its_path_with_its_host_or_by_its_address() {
    let base = Url::parse("https://x.example:8443/gitlab/").unwrap();
    let page = |text: &str| Address::named(text, &base).map(|address| address.page(""));
    for (text, wanted) in [
        ("shop/web", "https://x.example:8443/gitlab/shop/web"),
        ("shop/sub/web", "https://x.example:8443/gitlab/shop/sub/web"),
        ("shop.io/web", "https://x.example:8443/gitlab/shop.io/web"),
        ("x.example:8443/gitlab/shop/web", "https://x.example:8443/gitlab/shop/web"),
        ("https://x.example:8443/gitlab/shop/web.git", "https://x.example:8443/gitlab/shop/web"),
        ("git@x.example:shop/web.git", "https://x.example:8443/gitlab/shop/web"),
        ("gitlab.com/shop/web", "https://gitlab.com/shop/web"),
        ("other.example/shop/sub/web", "https://other.example/shop/sub/web"),
        ("x.example/shop/web", "https://x.example/shop/web"),
        ("git@other.example:shop/web.git", "https://other.example/shop/web"),
    ] {
        assert_eq!(page(text).unwrap(), wanted, "{text}");
    }
    for bad in
        ["", "web", "/", "shop/", "x.example/", "http://other.example/shop/web", "ext::sh/a/b", "-x/y/z"]
    {
        assert!(page(bad).is_err(), "{bad}: {:?}", page(bad));
    }
    let local = Url::parse("http://127.0.0.1:8080").unwrap();
    let named = Address::named("127.0.0.1:8080/shop/web", &local).unwrap();
    assert_eq!(named.page(""), "http://127.0.0.1:8080/shop/web");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_address_can_hold_a_token(
        text in r"(https|http|ssh|git@|ext)?(::|://|:)?[-a-z\[\]@:/\\%.é0-9 ]{0,40}",
    ) {
        if let Ok(address) = Address::of_remote(&text, None) {
            prop_assert!(address.origin().unwrap().is_private());
            prop_assert!(address.base().username().is_empty() && address.base().password().is_none());
            // Its page leads back to it.
            let page = address.page("-/merge_requests/7");
            prop_assert_eq!(address.merge_request_url(&page), Some(7));
        }
        let base = Url::parse("https://x.example/g").unwrap();
        let _ = Address::of_remote(&text, Some(&base));
        let _ = Address::named(&text, &base);
        let _ = Address::new(&base, "a/b").unwrap().merge_request_url(&text);
    }
}
