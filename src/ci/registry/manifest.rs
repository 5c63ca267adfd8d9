//! Manifests: what an image consists of, and how Heroku wants it said.
//!
//! Owns reading Docker schema 2 and OCI manifests and indexes, the choice of linux/amd64, and the rewriting of
//! OCI to Docker schema 2. Pure: bytes in, values or a sentence out. Blobs are never changed, so an image
//! keeps its configuration's digest.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::Blob;

pub(super) const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const DOCKER_LAYER_PLAIN: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// What is asked for: everything that can be made into Docker schema 2.
pub(super) const ACCEPT: [&str; 4] = [DOCKER, DOCKER_LIST, OCI, OCI_INDEX];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    urls: Vec<String>,
}

impl Descriptor {
    fn blob(&self) -> Result<Blob, String> {
        Ok(Blob { digest: self.digest.parse()?, size: self.size })
    }
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

/// What a name in a registry stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// One image.
    Image(Image),
    /// A choice; this is the one for linux/amd64.
    Index(Blob),
}

/// One image, as Docker schema 2 says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// The manifest: the very bytes of the source where they are Docker's already.
    pub(super) bytes: Vec<u8>,
    pub(super) config: Blob,
    pub(super) layers: Vec<Blob>,
}

/// Reads what a registry served under `content_type`.
pub(super) fn read(bytes: &[u8], content_type: &str) -> Result<Found, String> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| format!("the manifest cannot be read: {error}"))?;
    if document.schema_version != 2 {
        return Err("it is an image of the old schema 1; build it with a current builder".to_owned());
    }
    // The document's own word counts: a type that a proxy made up must not change what it is.
    let media_type = document.media_type.as_deref().unwrap_or(content_type);
    match (&document.manifests, &document.config) {
        (Some(manifests), None) => amd64(manifests).map(Found::Index),
        (None, Some(config)) => image(bytes, media_type, config, &document.layers).map(Found::Image),
        _ => Err(format!("it is no image ({media_type})")),
    }
}

/// The image for linux/amd64, which is all that Heroku runs. Attestations have no platform of this world.
fn amd64(manifests: &[Descriptor]) -> Result<Blob, String> {
    let images = || {
        manifests.iter().filter(|one| {
            let kind = one.annotations.get("vnd.docker.reference.type");
            kind.is_none_or(|kind| kind != "attestation-manifest")
        })
    };
    let names = |one: &Descriptor| one.platform.as_ref().map(|it| format!("{}/{}", it.os, it.architecture));
    let suits = |one: &&Descriptor| names(one).as_deref() == Some("linux/amd64");
    match images().find(suits) {
        Some(one) => one.blob(),
        None => {
            let others: Vec<String> = images().filter_map(names).collect();
            Err(format!("it has no image for linux/amd64, only for {}", others.join(", ")))
        }
    }
}

fn image(
    bytes: &[u8],
    media_type: &str,
    config: &Descriptor,
    layers: &[Descriptor],
) -> Result<Image, String> {
    if !matches!(config.media_type.as_str(), DOCKER_CONFIG | OCI_CONFIG) {
        return Err(format!("it is no container image but {}", config.media_type));
    }
    let types = layers.iter().map(layer_type).collect::<Result<Vec<_>, _>>()?;
    let blobs = layers.iter().map(Descriptor::blob).collect::<Result<Vec<_>, _>>()?;
    let unchanged = media_type == DOCKER
        && config.media_type == DOCKER_CONFIG
        && layers.iter().zip(&types).all(|(layer, docker)| layer.media_type == *docker);
    let rewritten = || {
        let told = |blob: &Blob, media_type: &str| json!({ "mediaType": media_type, "size": blob.size, "digest": blob.digest.as_str() });
        let layers: Vec<_> = blobs.iter().zip(&types).map(|(blob, docker)| told(blob, docker)).collect();
        let config = json!({
            "mediaType": DOCKER_CONFIG, "size": config.size, "digest": config.digest,
        });
        let manifest = json!({ "schemaVersion": 2, "mediaType": DOCKER, "config": config, "layers": layers });
        manifest.to_string().into_bytes()
    };
    Ok(Image {
        bytes: if unchanged { bytes.to_vec() } else { rewritten() },
        config: config.blob()?,
        layers: blobs,
    })
}

/// Docker's word for this layer, or why it has none.
fn layer_type(layer: &Descriptor) -> Result<&'static str, String> {
    let media_type = layer.media_type.as_str();
    if media_type.contains("foreign") || media_type.contains("nondistributable") || !layer.urls.is_empty() {
        return Err(format!("its layer {} lies outside the registry (a Windows base image?)", layer.digest));
    }
    match media_type {
        DOCKER_LAYER | "application/vnd.oci.image.layer.v1.tar+gzip" => Ok(DOCKER_LAYER),
        DOCKER_LAYER_PLAIN | "application/vnd.oci.image.layer.v1.tar" => Ok(DOCKER_LAYER_PLAIN),
        zstd if zstd.ends_with("zstd") => {
            Err("its layers are compressed with zstd, which Docker schema 2 cannot say".to_owned())
        }
        other => Err(format!("its layer {} is of the unknown type {other}", layer.digest)),
    }
}

/// What an image's configuration tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) labels: BTreeMap<String, String>,
}

/// Reads a configuration; one for another machine than Heroku's is refused.
pub(super) fn read_config(bytes: &[u8]) -> Result<Config, String> {
    #[derive(Deserialize)]
    struct Document {
        os: String,
        architecture: String,
        #[serde(default)]
        config: Option<Inner>,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(default, rename = "Labels")]
        labels: Option<BTreeMap<String, String>>,
    }
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| format!("its configuration cannot be read: {error}"))?;
    let platform = format!("{}/{}", document.os, document.architecture);
    if platform != "linux/amd64" {
        return Err(format!("it is built for {platform}; Heroku runs linux/amd64 only"));
    }
    Ok(Config { labels: document.config.and_then(|inner| inner.labels).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn digest(n: u8) -> String {
        format!("sha256:{}", format!("{n:02x}").repeat(32))
    }

    fn told(media_type: &str, n: u8) -> Value {
        json!({ "mediaType": media_type, "digest": digest(n), "size": u64::from(n) })
    }

    fn manifest(media_type: &str, config: &str, layers: &[&str]) -> Vec<u8> {
        let layers: Vec<Value> = layers.iter().zip(2..).map(|(layer, n)| told(layer, n)).collect();
        json!({ "schemaVersion": 2, "mediaType": media_type, "config": told(config, 1), "layers": layers })
            .to_string()
            .into_bytes()
    }

    fn image(bytes: &[u8]) -> Image {
        match read(bytes, "").unwrap() {
            Found::Image(image) => image,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dockers_own_manifest_stays_byte_for_byte() {
        let mut bytes = manifest(DOCKER, DOCKER_CONFIG, &[DOCKER_LAYER, DOCKER_LAYER]);
        bytes.extend_from_slice(b"\n ");
        let image = image(&bytes);
        assert_eq!(image.bytes, bytes);
        assert_eq!(image.config.digest.as_str(), digest(1));
        assert_eq!(image.layers.iter().map(|layer| layer.size).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn oci_is_said_in_dockers_words_about_the_same_blobs() {
        let oci = manifest(
            OCI,
            OCI_CONFIG,
            &["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar"],
        );
        let docker = manifest(DOCKER, DOCKER_CONFIG, &[DOCKER_LAYER, DOCKER_LAYER_PLAIN]);
        let (from_oci, from_docker) = (image(&oci), image(&docker));
        let value = |image: &Image| serde_json::from_slice::<Value>(&image.bytes).unwrap();
        assert_eq!(value(&from_oci), value(&from_docker));
        assert_eq!((&from_oci.config, &from_oci.layers), (&from_docker.config, &from_docker.layers));
        // Docker's manifest over OCI's blobs, as some builders write it, is put right as well.
        let mixed = manifest(
            DOCKER,
            OCI_CONFIG,
            &["application/vnd.oci.image.layer.v1.tar+gzip", DOCKER_LAYER_PLAIN],
        );
        assert_eq!(value(&image(&mixed)), value(&from_docker));
    }

    #[test]
    fn an_index_gives_its_linux_image_and_no_attestation() {
        let one = |os: &str, architecture: &str, n: u8| {
            let mut one = told(OCI, n);
            one["platform"] = json!({ "os": os, "architecture": architecture });
            one
        };
        let mut attestation = one("linux", "amd64", 9);
        attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
        let index = |manifests: &[&Value]| {
            json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }).to_string()
        };
        let (arm, amd) = (one("linux", "arm64", 3), one("linux", "amd64", 4));
        let unknown = one("unknown", "unknown", 8);
        let all = index(&[&attestation, &unknown, &arm, &amd]);
        let Found::Index(chosen) = read(all.as_bytes(), "").unwrap() else { panic!("no index") };
        assert_eq!((chosen.digest.as_str(), chosen.size), (digest(4).as_str(), 4));
        let none = read(index(&[&attestation, &arm]).as_bytes(), "").unwrap_err();
        assert_eq!(none, "it has no image for linux/amd64, only for linux/arm64");
    }

    #[test]
    fn what_heroku_cannot_take_is_refused_with_its_reason() {
        let layer = |media_type: &str| read(&manifest(OCI, OCI_CONFIG, &[media_type]), "").unwrap_err();
        assert!(layer("application/vnd.oci.image.layer.v1.tar+zstd").contains("compressed with zstd"));
        assert!(
            layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
                .contains("outside the registry")
        );
        assert!(layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted").contains("unknown type"));
        let helm = manifest(OCI, "application/vnd.cncf.helm.config.v1+json", &[]);
        assert_eq!(
            read(&helm, "").unwrap_err(),
            "it is no container image but application/vnd.cncf.helm.config.v1+json"
        );
        assert!(read(br#"{"schemaVersion":1}"#, "").unwrap_err().contains("schema 1"));
        assert!(read(br#"{"schemaVersion":2}"#, "text/x").unwrap_err().contains("no image (text/x)"));
        assert!(read(b"<html>", "text/html").unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_configuration_tells_labels_and_the_machine() {
        let config = |os: &str, labels: Value| {
            json!({ "os": os, "architecture": "amd64", "config": { "Labels": labels } }).to_string()
        };
        let labels = json!({ super::super::REVISION: "9f3c1a7e" });
        let read = read_config(config("linux", labels).as_bytes()).unwrap();
        assert_eq!(read.labels[super::super::REVISION], "9f3c1a7e");
        assert!(read_config(config("linux", Value::Null).as_bytes()).unwrap().labels.is_empty());
        let windows = read_config(config("windows", Value::Null).as_bytes()).unwrap_err();
        assert_eq!(windows, "it is built for windows/amd64; Heroku runs linux/amd64 only");
    }
}
