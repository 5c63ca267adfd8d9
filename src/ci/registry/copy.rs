//! All images to all their places: what is there is skipped, what lies next door is mounted, the rest is
//! pulled once for all who need it.
//!
//! Owns the order of things: configurations first (they are here already, and teach whether a registry
//! mounts), then the layers, several at once, and the tag only when all of an image is there. A place that
//! fails stops no other.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::blob::{From, Need, settle};
use super::client::{Begun, Client};
use super::fault::Fault;
use super::{Blob, Copied, Digest, How, Pinned, Progress, Version};
use crate::error::Result;
use crate::http::{Origin, Retry};

/// One destination of one image.
pub(super) struct Place {
    pub(super) client: Arc<Client>,
    pub(super) origin: Origin,
    pub(super) repository: String,
    pub(super) version: Version,
    pub(super) source: Arc<Client>,
    pub(super) image: Pinned,
    /// As people write it.
    pub(super) name: String,
}

/// A repository next to the destinations.
pub(super) struct Sibling {
    pub(super) client: Arc<Client>,
    pub(super) origin: Origin,
    pub(super) repository: String,
}

/// What all parts of one run know.
pub(super) struct Run {
    pub(super) places: Vec<Place>,
    pub(super) siblings: Vec<Sibling>,
    pub(super) retry: Retry,
    /// Which places had their image before anything was sent.
    whole: OnceLock<Vec<bool>>,
    /// Whether a registry takes blobs from next door.
    mounts: Mutex<HashMap<Origin, bool>>,
    /// The first thing that went wrong at a place.
    failed: Mutex<BTreeMap<usize, (String, Fault)>>,
    events: UnboundedSender<Progress>,
}

impl Run {
    pub(super) fn new(
        places: Vec<Place>,
        siblings: Vec<Sibling>,
        retry: Retry,
        events: UnboundedSender<Progress>,
    ) -> Run {
        let whole = OnceLock::new();
        Run { places, siblings, retry, whole, mounts: Mutex::default(), failed: Mutex::default(), events }
    }

    fn is_whole(&self, place: usize) -> bool {
        self.whole.get().and_then(|whole| whole.get(place)).copied().unwrap_or_default()
    }

    /// The places that have had this blob all along, with the whole of an image that needs it.
    pub(super) fn holding(&self, digest: &Digest) -> Vec<usize> {
        let needs = |image: &Pinned| {
            image.config_digest == *digest || image.layers.iter().any(|layer| layer.digest == *digest)
        };
        let holds = |(at, place): (usize, &Place)| (self.is_whole(at) && needs(&place.image)).then_some(at);
        self.places.iter().enumerate().filter_map(holds).collect()
    }

    pub(super) fn tell(&self, event: Progress) {
        // Whoever listened may have left.
        let _ = self.events.send(event);
    }

    pub(super) fn mounts(&self, origin: &Origin) -> Option<bool> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).get(origin).copied()
    }

    pub(super) fn learn(&self, origin: &Origin, mounts: bool) {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.clone(), mounts);
    }

    pub(super) fn has_failed(&self, place: usize) -> bool {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&place)
    }

    fn fail(&self, place: usize, at: String, fault: Fault) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_insert((at, fault));
    }
}

/// What was sent to a place, and what was mounted there.
#[derive(Clone, Copy, Default)]
struct Moved {
    uploaded: u64,
    mounted: u64,
}

/// Copies everything; the results stand in the order of the places.
pub(super) async fn copy(run: Arc<Run>, parallel: usize) -> Vec<Result<Copied>> {
    let _ = run.whole.set(whole(&run).await);
    let mut moved = vec![Moved::default(); run.places.len()];
    let open: Vec<usize> = (0..run.places.len()).filter(|place| !run.is_whole(*place)).collect();
    blobs(&run, 1, configs(&run, &open), &mut moved).await;
    probe(&run, &open).await;
    blobs(&run, parallel.max(1), layers(&run, &open), &mut moved).await;
    // One after the other: a registry on a file system rewrites a manifest in place, under the eyes of who
    // reads the same one in the next repository.
    for place in open.into_iter().filter(|place| !run.has_failed(*place)) {
        if let Err(fault) = tag(&run, place).await {
            run.fail(place, "manifest".to_owned(), fault);
        }
    }
    let failed = run.failed.lock().unwrap_or_else(PoisonError::into_inner);
    let result = |(index, place): (usize, &Place)| {
        if let Some((at, fault)) = failed.get(&index) {
            let what = format!("could not copy {} to {}", place.image.source, place.name);
            let mut problem = fault.problem(what);
            problem.causes.insert(0, at.clone());
            return Err(problem);
        }
        let Moved { uploaded, mounted } = moved.get(index).copied().unwrap_or_default();
        Ok(Copied {
            config_digest: place.image.config_digest.clone(),
            manifest_digest: place.image.manifest_digest.clone(),
            already: run.is_whole(index),
            uploaded,
            mounted,
        })
    };
    run.places.iter().enumerate().map(result).collect()
}

/// Which places have the very image under their tag: a registry takes a manifest only with all its blobs.
async fn whole(run: &Arc<Run>) -> Vec<bool> {
    let mut asked = JoinSet::new();
    for index in 0..run.places.len() {
        let run = Arc::clone(run);
        asked.spawn(async move {
            let Some(place) = run.places.get(index) else { return (index, Ok(false)) };
            let tagged =
                steady(&place.client, || place.client.tagged(&place.repository, &place.version)).await;
            (index, tagged.map(|digest| digest.as_deref() == Some(place.image.manifest_digest.as_str())))
        });
    }
    let mut whole = vec![false; run.places.len()];
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((place, Ok(there))) => {
                if there {
                    run.tell(Progress::Tagged { transfer: place });
                }
                if let Some(slot) = whole.get_mut(place) {
                    *slot = there;
                }
            }
            Ok((place, Err(fault))) => run.fail(place, "tag".to_owned(), fault),
            Err(_) => {}
        }
    }
    whole
}

fn configs(run: &Run, open: &[usize]) -> Vec<Need> {
    let mut needs: BTreeMap<&Digest, Need> = BTreeMap::new();
    for (index, place) in open.iter().filter_map(|index| Some((*index, run.places.get(*index)?))) {
        let bytes = &place.image.config;
        let make = || Need {
            blob: Blob { digest: place.image.config_digest.clone(), size: bytes.len() as u64 },
            from: From::Memory(bytes.clone()),
            places: Vec::new(),
        };
        needs.entry(&place.image.config_digest).or_insert_with(make).places.push(index);
    }
    needs.into_values().collect()
}

/// The layers, the longest first, so that no long one is left alone at the end.
fn layers(run: &Run, open: &[usize]) -> Vec<Need> {
    let mut needs: BTreeMap<&Digest, Need> = BTreeMap::new();
    for (index, place) in open.iter().filter_map(|index| Some((*index, run.places.get(*index)?))) {
        for blob in &place.image.layers {
            let repository = place.image.source.repository.clone();
            let make = || Need {
                blob: blob.clone(),
                from: From::Registry(Arc::clone(&place.source), repository),
                places: Vec::new(),
            };
            let places = &mut needs.entry(&blob.digest).or_insert_with(make).places;
            if places.last() != Some(&index) {
                places.push(index);
            }
        }
    }
    let mut needs: Vec<Need> = needs.into_values().collect();
    needs.sort_by_key(|need| std::cmp::Reverse(need.blob.size));
    needs
}

/// Settles all needs, so many at once.
async fn blobs(run: &Arc<Run>, parallel: usize, needs: Vec<Need>, moved: &mut [Moved]) {
    let mut needs = needs.into_iter();
    let mut on_the_way = JoinSet::new();
    loop {
        while on_the_way.len() < parallel {
            let Some(need) = needs.next() else { break };
            let run = Arc::clone(run);
            on_the_way.spawn(async move {
                let blob = need.blob.clone();
                (blob, settle(&run, need).await)
            });
        }
        let Some(settled) = on_the_way.join_next().await else { return };
        let Ok((blob, outcomes)) = settled else { continue };
        for (place, outcome) in outcomes {
            match (outcome, moved.get_mut(place)) {
                (Ok(how), Some(moved)) => {
                    match how {
                        How::Already => {}
                        How::Mounted => moved.mounted += blob.size,
                        How::Uploaded => moved.uploaded += blob.size,
                    }
                    let Blob { digest, size } = blob.clone();
                    run.tell(Progress::There { transfer: place, blob: digest, size, how });
                }
                (Err(fault), _) => run.fail(place, format!("blob {}", blob.digest.short()), fault),
                (Ok(_), None) => {}
            }
        }
    }
}

/// Finds out whether a registry mounts, where several places would profit and nothing told it yet: with the
/// configuration of one place, which is small, is there, and harms no other.
async fn probe(run: &Run, open: &[usize]) {
    let places =
        || open.iter().filter(|place| !run.has_failed(**place)).filter_map(|place| run.places.get(*place));
    for (at, one) in places().enumerate() {
        let Some(other) = places().skip(at + 1).find(|other| other.origin == one.origin) else { continue };
        if run.mounts(&one.origin).is_some() {
            continue;
        }
        let digest = &one.image.config_digest;
        match other.client.begin(&other.repository, Some((digest, &one.repository))).await {
            Ok(Begun::Mounted) => run.learn(&one.origin, true),
            Ok(Begun::Upload(upload)) => {
                run.learn(&one.origin, false);
                other.client.cancel(upload).await;
            }
            // The layers will meet the same trouble, and have their own tries.
            Err(_) => {}
        }
    }
}

/// Gives the image its name, and looks whether it has it.
async fn tag(run: &Run, index: usize) -> std::result::Result<(), Fault> {
    let Some(place) = run.places.get(index) else { return Ok(()) };
    let Place { client, repository, version, image, .. } = place;
    steady(client, || client.tag(repository, version, &image.manifest)).await?;
    let look = || async {
        match client.tagged(repository, version).await? {
            Some(digest) if digest == image.manifest_digest.as_str() => Ok(()),
            Some(digest) => Err(Fault::Wrong(format!(
                "{} bears another image than was put there ({digest}): is somebody else pushing?",
                place.name
            ))),
            None => Err(Fault::Wrong(format!("{} does not show what was put there", place.name))),
        }
    };
    steady(client, look).await?;
    run.tell(Progress::Tagged { transfer: index });
    Ok(())
}

/// Takes a small step until it succeeds or will not.
pub(super) async fn steady<T, F>(client: &Client, step: impl Fn() -> F) -> std::result::Result<T, Fault>
where
    F: Future<Output = std::result::Result<T, Fault>>,
{
    let retry = &client.options().retry;
    let mut waited = Duration::ZERO;
    for tried in 1_u32.. {
        let fault = match step().await {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        match retry.pause(tried, waited, fault.asked()).filter(|_| fault.passes()) {
            Some(pause) => {
                waited += pause;
                tokio::time::sleep(pause).await;
            }
            None => return Err(fault),
        }
    }
    Err(Fault::Renewed)
}
