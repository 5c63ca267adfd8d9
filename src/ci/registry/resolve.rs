//! From a name to an image that cannot change any more.

use std::sync::Arc;

use super::client::{Client, Served};
use super::copy::steady;
use super::fault::Fault;
use super::manifest::{Found, Image, read, read_config};
use super::pull::{Pull, sha256};
use super::{Digest, Pinned, Reference, Version};

/// The longest configuration that is taken into memory.
const CONFIG_CAP: u64 = 8 << 20;

/// Reads manifest and configuration, and checks both against their digests.
pub(super) async fn resolve(client: &Arc<Client>, source: &Reference) -> Result<Pinned, Fault> {
    let (digest, mut found) = look(client, &source.repository, &source.version).await?;
    if let Found::Index(chosen) = &found {
        (_, found) = look(client, &source.repository, &Version::Digest(chosen.digest.clone())).await?;
    }
    let Found::Image(Image { bytes: manifest, config, layers }) = found else {
        return Err(Fault::Unfit("it is an index of indexes".to_owned()));
    };
    if config.size > CONFIG_CAP {
        return Err(Fault::Unfit(format!("its configuration has {} bytes", config.size)));
    }
    let pull = Pull::new(Arc::clone(client), &source.repository, &config);
    let config_bytes = pull.whole(&mut |_| {}).await?;
    let labels = read_config(&config_bytes).map_err(Fault::Unfit)?.labels;
    Ok(Pinned {
        source: source.clone(),
        digest,
        config_digest: config.digest,
        manifest_digest: named(&manifest)?,
        labels,
        layers,
        manifest,
        config: config_bytes,
    })
}

/// What stands there, and its digest.
async fn look(client: &Client, repository: &str, version: &Version) -> Result<(Digest, Found), Fault> {
    let served = steady(client, || async {
        let served = client.manifest(repository, version).await?;
        let digest = named(&served.bytes)?;
        checked(client, version, &served, &digest).map(|()| (digest, served))
    });
    let (digest, Served { bytes, content_type, .. }) = served.await?;
    Ok((digest, read(&bytes, &content_type).map_err(Fault::Unfit)?))
}

/// Whether these are the bytes that were asked for.
fn checked(client: &Client, version: &Version, served: &Served, digest: &Digest) -> Result<(), Fault> {
    let asked = match version {
        Version::Digest(asked) => Some(asked.as_str()),
        Version::Tag(_) => served.digest.as_deref(),
    };
    match asked {
        Some(asked) if asked != digest.as_str() => {
            Err(Fault::Wrong(format!("{} served the manifest {digest} as {asked}", client.host())))
        }
        _ => Ok(()),
    }
}

fn named(bytes: &[u8]) -> Result<Digest, Fault> {
    sha256(bytes).ok_or_else(|| Fault::Wrong("it has no digest".to_owned()))
}
