//! A server that stands between the program and the embedded GitLab, or in its place: what it answers is any
//! bytes at all. It keeps what it was sent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came, and nothing decoded.
pub(crate) struct Ask {
    /// `GET /api/v4/projects/7 HTTP/1.1`
    pub(crate) line: String,
    /// Head and body.
    pub(crate) raw: Vec<u8>,
}

pub(crate) struct Front {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Front {
    /// Answers each request with what `answer` makes of it, then closes the connection.
    pub(crate) fn new(answer: impl Fn(&Ask) -> Vec<u8> + Send + Sync + 'static) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let raw = read_message(&mut stream);
                    kept.lock().unwrap().push(raw.clone());
                    let head = String::from_utf8_lossy(&raw).into_owned();
                    let line = head.lines().next().unwrap_or_default().to_owned();
                    // Whoever asked may have left.
                    let _ = stream.write_all(&answer(&Ask { line, raw }));
                });
            }
        });
        Front { url, seen }
    }

    /// One that nobody should ever talk to.
    pub(crate) fn evil() -> Front {
        Front::new(|_| {
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".to_vec()
        })
    }

    /// Passes requests on to the GitLab at `behind`, and back what `change` makes of the bodies of its API
    /// (and of its `Link`s, as a text of one line).
    pub(crate) fn before(
        behind: String,
        change: impl Fn(&str, String) -> String + Send + Sync + 'static,
    ) -> Front {
        Front::new(move |ask| {
            let answer = pass_on(&behind, &ask.raw);
            let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
            let (head, body) = (String::from_utf8_lossy(&answer[..end]).into_owned(), &answer[end + 4..]);
            let Ok(body) = std::str::from_utf8(body) else { return answer };
            let body = change(&ask.line, body.to_owned());
            let mut whole = String::new();
            for line in head.lines() {
                let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
                match name.as_str() {
                    "content-length" | "connection" => {}
                    "link" => whole += &format!("{}\r\n", change(&ask.line, line.to_owned())),
                    _ => whole += &format!("{line}\r\n"),
                }
            }
            whole += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            whole.into_bytes()
        })
    }

    /// What was sent here so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|raw| String::from_utf8_lossy(raw).into_owned()).collect()
    }
}

fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        let head = raw.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8_lossy(&raw[..end]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if raw.len() >= end + 4 + length.unwrap_or(0_usize) {
                return raw;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return raw,
            Ok(length) => raw.extend_from_slice(&piece[..length]),
        }
    }
}

fn pass_on(behind: &str, raw: &[u8]) -> Vec<u8> {
    let address = behind.strip_prefix("http://").unwrap();
    let end = raw.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    // Plain and once: whatever is to be changed must not come compressed.
    let unwanted = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("accept-encoding:")
            && !line.starts_with("connection:")
            && !line.starts_with("host:")
    };
    let lines: Vec<&str> = head.lines().filter(unwanted).collect();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{}\r\nHost: {address}\r\nConnection: close\r\n\r\n", lines.join("\r\n")).unwrap();
    stream.write_all(&raw[end + 4..]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}
