//! One blob to all places that need it, by the cheapest way that works.
//!
//! Owns the choice: there already, mounted from next door, or pulled once and sent to all the rest. Where a
//! registry mounts, one place leads and the others take it from there; where it does not, one pull feeds all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::carry::{Carried, Source, carry};
use super::client::{Begun, Client};
use super::copy::{Place, Run, steady};
use super::fault::Fault;
use super::pull::Pull;
use super::{Blob, How, Progress};
use crate::http::Origin;

/// Where a blob can be had.
pub(super) enum From {
    /// From this repository of this registry.
    Registry(Arc<Client>, String),
    /// It is here.
    Memory(Vec<u8>),
}

/// A blob and the places that need it.
pub(super) struct Need {
    pub(super) blob: Blob,
    pub(super) from: From,
    pub(super) places: Vec<usize>,
}

/// What became of the blob at each place.
pub(super) type Outcomes = Vec<(usize, Result<How, Fault>)>;

/// One round over the places that still lack it.
#[derive(Default)]
struct Round {
    done: Vec<(usize, How)>,
    /// With what is worth no further try, whatever the fault says.
    failed: Vec<(usize, Fault, bool)>,
    uploads: Vec<(usize, Url)>,
    /// They wait for one that leads.
    later: Vec<usize>,
}

/// Where the blob is known to lie, beside those who need it.
struct Holders {
    places: Vec<usize>,
    siblings: HashMap<Origin, Option<String>>,
}

/// Brings a blob to all places that need it.
pub(super) async fn settle(run: &Run, need: Need) -> Outcomes {
    let Need { blob, from, mut places } = need;
    let mut outcomes: Outcomes = Vec::new();
    let mut holders = Holders { places: run.holding(&blob.digest), siblings: HashMap::new() };
    let mut fruitless = 0;
    loop {
        places.retain(|place| !run.has_failed(*place));
        if places.is_empty() {
            return outcomes;
        }
        let mut round = Round::default();
        let absent = look(run, &blob, &places, &mut round).await;
        holders.places.extend(round.done.iter().map(|(place, _)| *place));
        begin(run, &blob, &absent, &mut holders, &mut round).await;
        upload(run, &blob, &from, &mut holders, &mut round).await;

        fruitless = if round.done.is_empty() { fruitless + 1 } else { 0 };
        outcomes.extend(round.done.into_iter().map(|(place, how)| (place, Ok(how))));
        let asked = round.failed.iter().filter_map(|(_, fault, _)| fault.asked()).max();
        let pause = run.retry.pause(fruitless.max(1), Duration::ZERO, asked);
        let trouble = !round.failed.is_empty();
        places = round.later;
        for (place, fault, last) in round.failed {
            // Other bytes than promised may be a bad moment, but not twice.
            let hopeless = last || (matches!(fault, Fault::Wrong(_)) && fruitless > 1);
            if hopeless || !fault.passes() || pause.is_none() {
                outcomes.push((place, Err(fault)));
                continue;
            }
            let name = run.places.get(place).map(|place| place.name.as_str()).unwrap_or_default();
            let (short, why) = (blob.digest.short(), fault.why());
            run.tell(Progress::Again { what: format!("blob {short} to {name}: {why}; trying again") });
            places.push(place);
        }
        if let (true, false, Some(pause)) = (trouble, places.is_empty(), pause) {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Asks each place; tells those that lack it.
async fn look(run: &Run, blob: &Blob, places: &[usize], round: &mut Round) -> Vec<usize> {
    let mut absent = Vec::new();
    for (index, place) in places.iter().filter_map(|index| Some((*index, run.places.get(*index)?))) {
        match steady(&place.client, || place.client.has(&place.repository, blob)).await {
            Ok(true) => round.done.push((index, How::Already)),
            Ok(false) => absent.push(index),
            Err(fault) => round.failed.push((index, fault, true)),
        }
    }
    absent
}

/// Mounts it where that is possible, and begins the uploads that are needed now.
async fn begin(run: &Run, blob: &Blob, absent: &[usize], holders: &mut Holders, round: &mut Round) {
    let mut leading: Vec<&Origin> = Vec::new();
    for (index, place) in absent.iter().filter_map(|index| Some((*index, run.places.get(*index)?))) {
        let led = leading.contains(&&place.origin);
        let mut holder = None;
        if run.mounts(&place.origin) != Some(false) {
            let mut beside = holders.places.iter().filter_map(|holder| run.places.get(*holder));
            holder = beside.find(|other| other.origin == place.origin).map(|other| other.repository.clone());
            if holder.is_none() && led {
                round.later.push(index);
                continue;
            }
            if holder.is_none() {
                if !holders.siblings.contains_key(&place.origin) {
                    let found = sibling(run, blob, place).await;
                    holders.siblings.insert(place.origin.clone(), found);
                }
                holder = holders.siblings.get(&place.origin).cloned().flatten();
            }
        }
        let mount = holder.as_deref().map(|from| (&blob.digest, from));
        match steady(&place.client, || place.client.begin(&place.repository, mount)).await {
            Ok(Begun::Mounted) => {
                run.learn(&place.origin, true);
                holders.places.push(index);
                round.done.push((index, How::Mounted));
            }
            Ok(Begun::Upload(upload)) => {
                if mount.is_some() {
                    run.learn(&place.origin, false);
                }
                leading.push(&place.origin);
                round.uploads.push((index, upload));
            }
            Err(fault) => round.failed.push((index, fault, true)),
        }
    }
}

/// A repository next to this place that has the blob. They are not what this run is about: one that does not
/// answer just has nothing.
async fn sibling(run: &Run, blob: &Blob, place: &Place) -> Option<String> {
    for sibling in run.siblings.iter().filter(|sibling| sibling.origin == place.origin) {
        if matches!(sibling.client.has(&sibling.repository, blob).await, Ok(true)) {
            return Some(sibling.repository.clone());
        }
    }
    None
}

/// Sends it to all who wait with an upload, from one pull.
async fn upload(run: &Run, blob: &Blob, from: &From, holders: &mut Holders, round: &mut Round) {
    let uploads = std::mem::take(&mut round.uploads);
    let (indexes, lanes): (Vec<usize>, Vec<(Arc<Client>, Url)>) = uploads
        .into_iter()
        .filter_map(|(index, url)| Some((index, (Arc::clone(&run.places.get(index)?.client), url))))
        .unzip();
    if lanes.is_empty() {
        return;
    }
    let source = match from {
        From::Memory(bytes) => Source::Memory(bytes.clone()),
        From::Registry(client, repository) => {
            Source::Pull(Box::new(Pull::new(Arc::clone(client), repository, blob)))
        }
    };
    let Carried { results, broken } = carry(source, blob, lanes, &mut |event| run.tell(event)).await;
    // The source had its own tries; only bytes that turned out wrong are worth a whole new beginning.
    let last = broken.is_some_and(|fault| !matches!(fault, Fault::Wrong(_)));
    for (index, result) in indexes.into_iter().zip(results) {
        match result {
            Ok(()) => {
                holders.places.push(index);
                round.done.push((index, How::Uploaded));
            }
            Err(fault) => round.failed.push((index, fault, last)),
        }
    }
}
