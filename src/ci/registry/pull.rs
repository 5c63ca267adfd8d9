//! One blob on its way from the source: resumed where it broke off, checked byte for byte.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use ring::digest::{Context, SHA256};

use super::client::Client;
use super::fault::Fault;
use super::{Blob, Digest};
use crate::http::wire::Answer;

/// How often one blob may break off, whatever was gained in between.
const MOST_CUTS: u32 = 50;

/// A blob that is being read.
pub(super) struct Pull {
    from: Arc<Client>,
    repository: String,
    blob: Blob,
    at: u64,
    /// Bytes to drop: the source began anew where it was asked to go on.
    skip: u64,
    answer: Option<Answer>,
    hash: Context,
    /// Failures since the last byte, and in all.
    fruitless: u32,
    cuts: u32,
    /// Bytes that came over the line, those in vain included.
    pub(super) pulled: u64,
}

impl Pull {
    pub(super) fn new(from: Arc<Client>, repository: &str, blob: &Blob) -> Pull {
        let (repository, blob) = (repository.to_owned(), blob.clone());
        let hash = Context::new(&SHA256);
        Pull { from, repository, blob, at: 0, skip: 0, answer: None, hash, fruitless: 0, cuts: 0, pulled: 0 }
    }

    /// The next piece; none at the end, when every byte was the right one. Goes on by itself after a cut and
    /// says so through `told`.
    pub(super) async fn next(
        &mut self,
        told: &mut (dyn FnMut(String) + Send),
    ) -> Result<Option<Bytes>, Fault> {
        loop {
            if self.at == self.blob.size {
                self.answer = None;
                return self.verify().map(|()| None);
            }
            let fault = match self.piece().await {
                Ok(Some(piece)) => return self.take(piece).map(Some),
                Ok(None) => continue,
                Err(fault) => fault,
            };
            self.answer = None;
            self.fruitless += 1;
            self.cuts += 1;
            let pause = self.from.options().retry.pause(self.fruitless, Duration::ZERO, fault.asked());
            let Some(pause) = pause.filter(|_| fault.passes() && self.cuts < MOST_CUTS) else {
                return Err(fault);
            };
            let (short, at) = (self.blob.digest.short(), self.at);
            told(format!("blob {short} broke off at byte {at} ({}); going on from there", fault.why()));
            tokio::time::sleep(pause).await;
        }
    }

    /// One piece that is new; none where it was dropped.
    async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.answer.is_none() {
            let (answer, resumed) = self.from.open(&self.repository, &self.blob.digest, self.at).await?;
            self.skip = if resumed { 0 } else { self.at };
            self.answer = Some(answer);
        }
        let Some(answer) = &mut self.answer else { return Ok(None) };
        let Some(mut piece) = answer.piece().await? else {
            let why = format!("the answer ended {} bytes early", self.blob.size - self.at);
            return Err(Fault::Wrong(why));
        };
        self.pulled += piece.len() as u64;
        let drop = self.skip.min(piece.len() as u64);
        self.skip -= drop;
        let fresh = piece.split_off(usize::try_from(drop).unwrap_or(piece.len()));
        Ok(Some(fresh).filter(|fresh| !fresh.is_empty()))
    }

    fn take(&mut self, piece: Bytes) -> Result<Bytes, Fault> {
        self.at += piece.len() as u64;
        if self.at > self.blob.size {
            return Err(self.wrong("more bytes than it should have"));
        }
        self.hash.update(&piece);
        self.fruitless = 0;
        Ok(piece)
    }

    fn verify(&self) -> Result<(), Fault> {
        match digest_of(self.hash.clone()).as_ref() == Some(&self.blob.digest) {
            true => Ok(()),
            false => Err(self.wrong("other bytes than its digest says")),
        }
    }

    fn wrong(&self, what: &str) -> Fault {
        Fault::Wrong(format!("{} served blob {} with {what}", self.from.host(), self.blob.digest.short()))
    }

    /// The whole blob, where it is known to be small.
    pub(super) async fn whole(mut self, told: &mut (dyn FnMut(String) + Send)) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next(told).await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// The digest of these bytes.
pub(super) fn sha256(bytes: &[u8]) -> Option<Digest> {
    let mut hash = Context::new(&SHA256);
    hash.update(bytes);
    digest_of(hash)
}

fn digest_of(hash: Context) -> Option<Digest> {
    let mut hex = String::with_capacity(64);
    for byte in hash.finish().as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    Digest::of_hex(&hex)
}
