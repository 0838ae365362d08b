"""The torch-free commands: what they say, and that they say it without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Safelight

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_is_sound_and_names_its_inputs_and_outputs(safelight: Safelight, path: Path) -> None:
    said = safelight("check", path, "--json")
    assert said.code == 0
    assert said.json == {"sound": True, "problems": []}
    about = json.loads(path.read_text())["_workflow"]
    assert about["title"]
    assert {"prompt", "prompts", "left"} & set(about["inputs"])
    assert about["outputs"]


def test_a_workflow_is_found_by_its_name_from_anywhere(
    safelight: Safelight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert safelight("check", "workflows/text_to_image.json").code == 0
    assert safelight("check", "text_to_image").code == 0


def test_nodes_lists_every_class_by_category(safelight: Safelight) -> None:
    said = safelight("nodes")
    assert said.code == 0
    for name in ("KSampler", "CheckpointLoaderSimple", "SaveImage", "ComfySwitchNode"):
        assert name in said.out
    assert "not loaded" not in said.out


def test_nodes_describes_a_class(safelight: Safelight) -> None:
    described = safelight("nodes", "KSampler", "--json").json
    assert list(described["inputs"]) == [
        "model", "seed", "steps", "cfg", "sampler_name", "scheduler", "positive", "negative", "latent_image",
        "denoise",
    ]  # fmt: skip
    assert described["inputs"]["seed"]["max"] == 2**64 - 1
    assert described["outputs"] == [{"name": "LATENT", "type": "LATENT", "is_list": False}]
    assert "steps: INT = 20  [1..10000]" in safelight("nodes", "KSampler").out


def test_an_unknown_class_is_told_with_the_nearest(safelight: Safelight) -> None:
    said = safelight("nodes", "ksampler")
    assert said.code == 2
    assert "did you mean 'KSampler'?" in said.err


def test_models_lists_what_is_there_and_says_which_are_not_read(safelight: Safelight, tmp_path: Path) -> None:
    folder = tmp_path / "comfy" / "models" / "checkpoints" / "sd15"
    folder.mkdir(parents=True)
    (folder / "dream.safetensors").write_bytes(b"")
    (folder / "old.ckpt").write_bytes(b"")
    said = safelight("models", "--models", tmp_path / "comfy")
    assert "pinhole" in said.out
    assert "sd15/dream.safetensors" in said.out
    assert "pickle" in next(line for line in said.out.splitlines() if "old.ckpt" in line)


def test_plan_says_what_would_run_and_why(safelight: Safelight) -> None:
    said = safelight("plan", "workflows/text_to_image.json", "--json")
    rows = {row["class_type"]: row for row in said.json["nodes"]}
    assert set(rows) >= {"KSampler", "VAEDecode", "SaveImage"}
    assert {row["state"] for row in said.json["nodes"]} == {"run"}
    assert all(row["why"] for row in said.json["nodes"])


def test_a_disk_cache_that_is_empty_is_said_to_be(safelight: Safelight) -> None:
    assert safelight("cache", "--json").json["entries"] == 0
    assert safelight("cache", "list").out == ""
    assert safelight("cache", "clear", "--json").json == {"freed": 0}


def test_a_link_that_leads_nowhere_does_not_hide_the_other_models(
    safelight: Safelight, tmp_path: Path
) -> None:
    folder = tmp_path / "comfy" / "models" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "broken.safetensors").symlink_to(tmp_path / "nowhere")
    (folder / "sound.safetensors").write_bytes(b"")
    said = safelight("models", "checkpoints", "--models", tmp_path / "comfy", "--json")
    assert [model["name"] for model in said.json["checkpoints"]] == ["pinhole", "sound.safetensors"]


def test_an_unknown_models_folder_is_told(safelight: Safelight) -> None:
    said = safelight("models", "checkpoint")
    assert said.code == 2
    assert "did you mean 'checkpoints'?" in said.err


def test_with_json_a_refusal_is_an_object_too(safelight: Safelight) -> None:
    said = safelight("check", "none.json", "--json")
    assert said.code == 2
    assert said.json["status"] == "refused"
    assert "no such file" in said.json["error"]


def test_a_pack_that_does_not_load_is_told_where_it_is_missed(
    safelight: Safelight, home: Path, tmp_path: Path
) -> None:
    (home / "packs").mkdir(parents=True)
    (home / "packs" / "boom.py").write_text("raise RuntimeError('boom')")
    file = tmp_path / "graph.json"
    file.write_text(json.dumps({"1": {"class_type": "Boomy", "inputs": {}}}))
    said = safelight("check", file)
    assert "warning: pack boom.py: RuntimeError: boom" in said.err
    assert "these packs did not load: boom.py (RuntimeError: boom)" in said.err


HEAVY = ("torch", "diffusers", "transformers", "aiohttp")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["check", "workflows/text_to_image.json"], ["nodes"], ["nodes", "KSampler"],
     ["plan", "workflows/inpainting.json"], ["models"], ["cache"]],
    ids=" ".join,
)  # fmt: skip
def test_commands_that_do_not_run_a_graph_never_load_torch(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from server.cli import main\n"
        "try:\n"
        f"    code = main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
        "sys.exit(code)\n"
    )
    environment = {**os.environ, "SAFELIGHT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
