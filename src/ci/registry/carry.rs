//! One blob from its source to several uploads at once: each byte is pulled once and goes to all of them.
//!
//! Owns the streams in between. A destination that fails or stands still falls out and stops no other; a
//! source that breaks off is resumed inside the same uploads.

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

use super::client::Client;
use super::fault::Fault;
use super::pull::Pull;
use super::{Blob, Progress};
use crate::http;

/// How far a blob moves before that is told again.
const TOLD_EVERY: u64 = 256 << 10;

/// Where the bytes come from.
pub(super) enum Source {
    /// A registry.
    Pull(Box<Pull>),
    /// They are here already.
    Memory(Vec<u8>),
}

/// One upload on the way.
struct Lane {
    client: Arc<Client>,
    upload: Url,
    feed: Option<Sender<Bytes>>,
    sent: JoinHandle<Result<Url, Fault>>,
    stalled: bool,
}

/// What became of each upload, and what ended the source before its end.
pub(super) struct Carried {
    pub(super) results: Vec<Result<(), Fault>>,
    pub(super) broken: Option<Fault>,
}

/// Sends the blob to all uploads.
pub(super) async fn carry(
    mut source: Source,
    blob: &Blob,
    uploads: Vec<(Arc<Client>, Url)>,
    told: &mut (dyn FnMut(Progress) + Send),
) -> Carried {
    let mut lanes: Vec<Lane> =
        uploads.into_iter().map(|(client, upload)| lane(client, upload, blob)).collect();
    let (mut so_far, mut last) = (0, 0);
    let broken = loop {
        let piece = match &mut source {
            Source::Memory(bytes) if bytes.is_empty() => Ok(None),
            Source::Memory(bytes) => Ok(Some(Bytes::from(std::mem::take(bytes)))),
            Source::Pull(pull) => pull.next(&mut |what| told(Progress::Again { what })).await,
        };
        match piece {
            Ok(None) => break None,
            Err(fault) => break Some(fault),
            Ok(Some(piece)) => {
                so_far += piece.len() as u64;
                for lane in &mut lanes {
                    lane.push(&piece).await;
                }
                if so_far - last >= TOLD_EVERY || so_far == blob.size {
                    last = so_far;
                    told(Progress::Pulled { blob: blob.digest.clone(), so_far, size: blob.size });
                }
            }
        }
        if lanes.iter().all(|lane| lane.feed.is_none()) {
            break None;
        }
    };
    let mut results = Vec::new();
    for lane in lanes {
        results.push(lane.end(blob, broken.as_ref()).await);
    }
    Carried { results, broken }
}

fn lane(client: Arc<Client>, upload: Url, blob: &Blob) -> Lane {
    let (feed, body) = http::wire::Feed::new(blob.size);
    let (sender, url, size) = (Arc::clone(&client), upload.clone(), blob.size);
    let sent = tokio::spawn(async move { sender.send(url, body, size).await });
    Lane { client, upload, feed: Some(feed), sent, stalled: false }
}

impl Lane {
    async fn push(&mut self, piece: &Bytes) {
        let Some(feed) = &self.feed else { return };
        match timeout(self.client.options().stall, feed.send(piece.clone())).await {
            Ok(Ok(())) => return,
            // The request is over before its body: its answer tells why.
            Ok(Err(_)) => {}
            Err(_) => self.stalled = true,
        }
        self.feed = None;
    }

    async fn end(self, blob: &Blob, broken: Option<&Fault>) -> Result<(), Fault> {
        let Lane { client, upload, feed, sent, stalled } = self;
        let whole = feed.is_some();
        drop(feed);
        if stalled || broken.is_some() {
            sent.abort();
            client.cancel(upload).await;
            return Err(broken.cloned().unwrap_or_else(|| client.cut("it took no bytes any more")));
        }
        let late = || client.cut("no answer to what was sent");
        match timeout(client.options().commit, sent).await {
            Err(_) => Err(late()),
            Ok(Err(_)) => Err(client.cut("the upload broke off")),
            Ok(Ok(Err(Fault::Absent(why)))) => Err(client.cut(&format!("the upload was lost: {why}"))),
            Ok(Ok(Err(fault))) => Err(fault),
            Ok(Ok(Ok(upload))) if whole => match client.finish(upload, &blob.digest).await {
                Err(Fault::Absent(why)) => Err(client.cut(&format!("the upload was lost: {why}"))),
                other => other,
            },
            Ok(Ok(Ok(upload))) => {
                client.cancel(upload).await;
                Err(client.cut("it answered before it had everything"))
            }
        }
    }
}
