//! A scripted server for tests: raw bytes out, raw requests kept. It knows no HTTP beyond finding the
//! end of a request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

/// What to do with one request.
pub(crate) enum Act {
    /// Write these bytes and close.
    Say(Vec<u8>),
    /// Close without a word.
    Hang,
    /// Write a head at once and then the body byte by byte, this far apart.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// Keep the connection open and say nothing until the client leaves.
    Stall,
}

/// Answers connection after connection with the next act; the last act repeats.
pub(crate) struct Scripted {
    pub(crate) base: Url,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) fn new(acts: Vec<Act>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (kept, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                counted.fetch_add(1, Ordering::SeqCst);
                if let Some(act) = acts.get(n).or(acts.last()) {
                    serve(stream.unwrap(), act, &kept);
                }
            }
        });
        Scripted { base, requests, connections }
    }

    /// Answers each request with a status line and a JSON body, one after the other.
    pub(crate) fn json(answers: &[(u16, &str)]) -> Scripted {
        Scripted::new(answers.iter().map(|(status, body)| say(*status, "", body)).collect())
    }

    /// Head and body of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The request lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A JSON answer with more headers, each ending in CR LF.
pub(crate) fn say(status: u16, headers: &str, body: &str) -> Act {
    raw(status, &format!("content-type: application/json\r\n{headers}"), body.as_bytes())
}

/// An answer of any type.
pub(crate) fn raw(status: u16, headers: &str, body: &[u8]) -> Act {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    Act::Say([head.as_bytes(), body].concat())
}

fn serve(mut stream: TcpStream, act: &Act, kept: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap_or(0);
        request.extend_from_slice(&buffer[..length]);
        if length == 0 || is_whole(&request) {
            break;
        }
    }
    if !request.is_empty() {
        kept.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    }
    match act {
        Act::Say(bytes) => drop(stream.write_all(bytes)),
        Act::Hang => {}
        Act::Drip(head, body, apart) => {
            drop(stream.write_all(head));
            for byte in body {
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
                std::thread::sleep(*apart);
            }
        }
        Act::Stall => drop(stream.read(&mut buffer)),
    }
}

fn is_whole(request: &[u8]) -> bool {
    // The first record of a TLS handshake: no more comes before we answer.
    if request.first() == Some(&0x16) {
        return true;
    }
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
