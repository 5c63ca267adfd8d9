//! Where a one-off dyno is met: a socket that carries what its command prints.
//!
//! As Heroku's own command-line tool does it: connect (TLS, but on loopback), say the path of the address, drop
//! the first line that comes, read to the end. There is no exit status in the API: whoever wants it lets the
//! command print it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt;
use url::Url;

/// No honest line of a log is longer; what is gets cut in pieces.
const LONGEST_LINE: u64 = 64 << 10;

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Meets a dyno at its `attach_url` and hands over each line until the dyno ends. `Err` says why not all of it
/// was seen. `silence` is the longest time without a word; nothing is sent to the command.
pub fn meet(
    address: &str,
    connect: Duration,
    silence: Duration,
    take: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let url = Url::parse(address).map_err(|why| format!("no usable rendezvous: {why}"))?;
    let host = url.host_str().ok_or("the rendezvous names no host")?;
    let port = url.port().ok_or("the rendezvous names no port")?;
    if url.scheme() != "rendezvous" {
        return Err("the rendezvous is of another kind".to_owned());
    }
    // Of a scheme that it does not know the parser takes every host for a name.
    let name = host.trim_matches(['[', ']']).to_owned();
    let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let plain = || format!("could not reach the rendezvous at {name}:{port}");
    let places = (name.as_str(), port).to_socket_addrs().map_err(|why| format!("{}: {why}", plain()))?;
    let mut stream = None;
    let mut last = "no address".to_owned();
    for place in places {
        match TcpStream::connect_timeout(&place, connect) {
            Ok(found) => {
                stream = Some(found);
                break;
            }
            Err(why) => last = why.to_string(),
        }
    }
    let stream = stream.ok_or_else(|| format!("{}: {last}", plain()))?;
    let broke = |why: std::io::Error| format!("the connection to the dyno broke: {why}");
    stream.set_read_timeout(Some(silence)).map_err(broke)?;
    stream.set_write_timeout(Some(connect)).map_err(broke)?;
    let mut wire: Box<dyn Wire> = match loopback {
        true => Box::new(stream),
        false => Box::new(encrypted(&name, stream)?),
    };
    let secret = url.path().trim_start_matches('/');
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    wire.write_all(format!("{secret}{query}\r\n").as_bytes()).and_then(|()| wire.flush()).map_err(broke)?;
    let mut lines = BufReader::new(wire);
    let mut greeted = false;
    loop {
        let mut line = Vec::new();
        match lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) if greeted => return Ok(()),
            Ok(0) => return Err("the rendezvous hung up before the dyno came".to_owned()),
            Ok(_) => {}
            // Heroku's end closes without taking leave of TLS.
            Err(why) if greeted && why.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(why) => return Err(broke(why)),
        }
        match greeted {
            true => take(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])),
            false => greeted = true,
        }
    }
}

fn encrypted(
    host: &str,
    stream: TcpStream,
) -> Result<rustls::StreamOwned<rustls::ClientConnection, TcpStream>, String> {
    // Someone else may have installed it before; one provider is as good as the other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let insecure = |why: String| format!("no secure connection to {host}: {why}");
    let config = rustls::ClientConfig::with_platform_verifier().map_err(|why| insecure(why.to_string()))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|why| insecure(why.to_string()))?;
    let connection =
        rustls::ClientConnection::new(Arc::new(config), name).map_err(|why| insecure(why.to_string()))?;
    Ok(rustls::StreamOwned::new(connection, stream))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What is seen of a dyno whose rendezvous says these bytes and hangs up; `None` says nothing and stays.
    fn met(said: Option<&'static [u8]>) -> (Vec<String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("rendezvous://{}/secret", listener.local_addr().unwrap());
        let host = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = std::io::BufReader::new(stream);
            let mut secret = String::new();
            stream.read_line(&mut secret).unwrap();
            assert_eq!(secret, "secret\r\n");
            match said {
                Some(said) => stream.get_mut().write_all(said).unwrap(),
                None => drop(stream.read_line(&mut secret)),
            }
        });
        let seen = seen(&address);
        host.join().unwrap();
        seen
    }

    fn seen(address: &str) -> (Vec<String>, String) {
        let mut lines = Vec::new();
        let short = Duration::from_millis(200);
        let ended = meet(address, Duration::from_secs(5), short, &mut |line| lines.push(line.to_owned()));
        (lines, ended.map_or_else(|why| why, |()| "seen to its end".to_owned()))
    }

    #[test]
    fn a_dyno_is_read_to_its_end_and_less_is_said_to_be_less() {
        for (said, lines, end) in [
            (Some(&b"rendezvous\r\none\r\ntwo"[..]), &["one", "two"][..], "seen to its end"),
            (Some(b"rendezvous\r\n"), &[], "seen to its end"),
            (Some(b""), &[], "the rendezvous hung up before the dyno came"),
            (None, &[], "the connection to the dyno broke: Resource temporarily unavailable (os error 11)"),
        ] {
            assert_eq!(met(said), (lines.iter().map(|line| (*line).to_owned()).collect(), end.to_owned()));
        }
    }

    #[test]
    fn an_address_that_leads_nowhere_is_said() {
        for (address, why) in [
            ("nothing", "no usable rendezvous: relative URL without a base"),
            ("rendezvous:secret", "the rendezvous names no host"),
            ("rendezvous://localhost/secret", "the rendezvous names no port"),
            ("https://127.0.0.1:5000/secret", "the rendezvous is of another kind"),
            (
                "rendezvous://127.0.0.1:1/secret",
                "could not reach the rendezvous at 127.0.0.1:1: Connection refused (os error 111)",
            ),
        ] {
            assert_eq!(seen(address), (Vec::new(), why.to_owned()), "{address}");
        }
    }
}
