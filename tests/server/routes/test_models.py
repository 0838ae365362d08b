"""/models, /experiment/models, /view_metadata and /embeddings: what is there, and nothing of where."""

import base64
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import NASTY, Request, Site
from PIL import Image

Draw = Callable[..., bytes]

DREAM = "models/checkpoints/sd15/dream.safetensors"


def weights(**metadata: Any) -> bytes:
    """A safetensors file of no tensors."""
    header = json.dumps({"__metadata__": metadata} if metadata else {}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_models_are_listed_by_folder(site: Site, prefix: str) -> None:
    site.put(DREAM)
    site.put("models/unet/flow.safetensors")
    folders, checkpoints, absent = site.ask(
        *(Request("GET", f"{prefix}/models{each}") for each in ("", "/checkpoints", "/absent"))
    )
    assert {"checkpoints", "loras", "vae", "embeddings"} <= set(folders.json)
    assert checkpoints.json == ["sd15/dream.safetensors"]
    assert (absent.status, absent.json["error"]["code"]) == (404, "not_found")


def test_older_names_of_folders_are_known(site: Site) -> None:
    site.put("models/diffusion_models/flow.safetensors")
    assert site.get("/models/unet").json == ["flow.safetensors"]


def test_embeddings_are_named_as_prompts_name_them(site: Site) -> None:
    site.put("models/embeddings/sub/easy.negative.safetensors")
    assert site.get("/api/embeddings").json == ["sub/easy.negative"]


def test_places_are_told_without_where_they_are(site: Site, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    site.put("extra_model_paths.yaml", f"x:\n  base_path: {tmp_path}/elsewhere\n  checkpoints: .\n")
    answer = site.get("/api/experiment/models")
    folders = {each["name"]: each["folders"] for each in answer.json}
    assert folders["checkpoints"] == ["models/checkpoints"]
    assert str(tmp_path) not in answer.text
    answer = site.get("/internal/folder_paths")
    assert answer.json["checkpoints"] == ["models/checkpoints"]
    assert answer.json["output"] == ["output"]
    assert str(tmp_path) not in answer.text


def test_entries_have_place_size_and_times(site: Site) -> None:
    site.put(DREAM, b"12345")
    (entry,) = site.get("/experiment/models/checkpoints").json
    assert (entry["name"], entry["pathIndex"], entry["size"]) == ("sd15/dream.safetensors", 0, 5)
    assert entry["modified"] > 1_600_000_000_000
    assert site.get("/experiment/models/absent").status == 404


@pytest.mark.parametrize("name", ["dream.png", "dream.preview.png", "dream.webp", "dream.jpeg"])
def test_a_picture_beside_a_model_is_its_preview(site: Site, draw: Draw, name: str) -> None:
    site.put(DREAM)
    site.put(f"models/checkpoints/sd15/{name}", draw())
    for slash in ("/", "%2F"):
        answer = site.get(f"/experiment/models/preview/checkpoints/0/sd15{slash}dream.safetensors")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
        assert Image.open(io.BytesIO(answer.body)).size == (4, 3)


def test_a_picture_inside_a_model_is_its_preview(site: Site, draw: Draw) -> None:
    encoded = base64.b64encode(draw("JPEG")).decode()
    site.put(DREAM, weights(**{"modelspec.thumbnail": f"data:image/jpeg;base64,{encoded}"}))
    site.put("models/checkpoints/torn.safetensors", weights(**{"modelspec.thumbnail": "data:image/jpeg;x"}))
    site.put("models/checkpoints/none.safetensors", weights(a="b"))
    found, torn, none = site.ask(
        *(
            Request("GET", f"/api/experiment/models/preview/checkpoints/0/{each}.safetensors")
            for each in ("sd15/dream", "torn", "none")
        )
    )
    assert Image.open(io.BytesIO(found.body)).format == "WEBP"
    assert (torn.status, none.status) == (404, 404)


def test_metadata_is_what_a_file_says_of_itself(site: Site) -> None:
    site.put(DREAM, weights(**{"modelspec.title": "Dream"}))
    for name in ("sd15/dream.safetensors", "sd15%5Cdream.safetensors"):
        answer = site.get(f"/api/view_metadata/checkpoints?filename={name}")
        assert answer.json == {"modelspec.title": "Dream"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        weights(),
        weights(a="b")[:-4],
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 50_000) + b"[" * 50_000,
        struct.pack("<Q", 20) + b'{"__metadata__":null}',
    ],
)
def test_files_that_say_nothing_have_no_metadata(site: Site, content: bytes) -> None:
    site.put(DREAM, content)
    answer = site.get("/view_metadata/checkpoints?filename=sd15/dream.safetensors")
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


def test_pickles_are_not_opened(site: Site) -> None:
    site.put("models/checkpoints/x.ckpt", weights(a="b"))
    assert site.get("/view_metadata/checkpoints?filename=x.ckpt").status == 404


def test_no_name_leads_out_of_a_folder(site: Site, draw: Draw, trapped: Callable[[str], None]) -> None:
    trapped("models/checkpoints")
    (site.home.parent / "other.png").write_bytes(draw())
    (site.home.parent / "secret.safetensors").write_bytes(weights(a="the secret"))
    names = [*NASTY, "..%2F..%2F..%2Fsecret.safetensors", "..%2F..%2F..%2Fother.png"]
    paths = [f"/models/{name}" for name in names]
    paths += [f"/experiment/models/{name}" for name in names]
    paths += [f"/view_metadata/checkpoints?filename={name}" for name in names]
    paths += [f"/view_metadata/{name}?filename=x.safetensors" for name in names]
    paths += [f"/experiment/models/preview/checkpoints/0/{name}" for name in names]
    paths += [f"/experiment/models/preview/{name}/0/x.safetensors" for name in names]
    paths += [
        f"/experiment/models/preview/checkpoints/{name}/x.safetensors"
        for name in (*names, "-1", "9", "%C2%B2")
    ]
    for path, answer in zip(paths, site.ask(*(Request("GET", path) for path in paths)), strict=True):
        assert answer.status in {400, 403, 404}, path
        assert answer.json["error"]
        assert b"the secret" not in answer.body
        assert str(site.home.parent) not in answer.text
