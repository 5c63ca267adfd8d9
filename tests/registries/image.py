#!/usr/bin/env python3
"""Makes a container image on the spot, as an OCI layout: image.py <folder> <layers> <bytes per layer> [<seed>].

Further words are NAME=VALUE: `revision`, `architecture`, `layer` (the media type of a layer), `index` (any
value: the image stands in an index beside one for arm64 and an attestation).
"""
import gzip
import hashlib
import io
import json
import os
import random
import sys
import tarfile

OCI = "application/vnd.oci.image."


def main(folder, layers, size, *words):
    options = dict(word.split("=", 1) for word in words if "=" in word)
    seed = next((word for word in words if "=" not in word), "0")
    os.makedirs(f"{folder}/blobs/sha256", exist_ok=True)

    def put(data, media_type, **more):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{folder}/blobs/sha256/{digest}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    described, diffs = [], []
    for n in range(int(layers)):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            entry = tarfile.TarInfo(f"layer-{n}")
            entry.size = int(size)
            archive.addfile(entry, io.BytesIO(random.Random(f"{seed}/{n}").randbytes(entry.size)))
        diffs.append("sha256:" + hashlib.sha256(tar.getvalue()).hexdigest())
        packed = gzip.compress(tar.getvalue(), 0, mtime=0)
        described.append(put(packed, options.get("layer", OCI + "layer.v1.tar+gzip")))

    architecture = options.get("architecture", "amd64")
    config = {
        "created": "2026-03-01T03:00:00Z",
        "os": "linux",
        "architecture": architecture,
        "config": {"Labels": {"org.opencontainers.image.revision": options.get("revision", "0" * 40)}},
        "rootfs": {"type": "layers", "diff_ids": diffs},
        "history": [{"created_by": f"layer {n}"} for n in range(int(layers))],
    }
    config = put(json.dumps(config).encode(), OCI + "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": described}
    top = put(json.dumps(manifest).encode(), manifest["mediaType"])
    if "index" in options:
        here = {**top, "platform": {"os": "linux", "architecture": architecture}}
        none = {"os": "unknown", "architecture": "unknown"}
        note = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": top["digest"]}
        proof = put(json.dumps({**manifest, "annotations": {"kind": "proof"}}).encode(), manifest["mediaType"])
        index = {
            "schemaVersion": 2,
            "mediaType": OCI + "index.v1+json",
            "manifests": [{**proof, "platform": none, "annotations": note}, here],
        }
        top = put(json.dumps(index).encode(), index["mediaType"])
    with open(f"{folder}/oci-layout", "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(f"{folder}/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [top]}, file)


main(*sys.argv[1:])
