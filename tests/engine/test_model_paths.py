"""Where models are found, and how other programs' folders are taken as they are."""

from pathlib import Path

import pytest

from engine.errors import PathError, UserError
from engine.files import Files
from engine.model_paths import ModelPaths


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def taken(root: Path) -> ModelPaths:
    paths = ModelPaths()
    paths.add_root(root)
    return paths


def test_a_home_has_folders_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path / "models" / "checkpoints" / "sd15" / "dream.safetensors")
    models = Files(tmp_path).models
    assert models.names("checkpoints") == ["sd15/dream.safetensors"]
    assert models.find("checkpoints", "sd15\\dream.safetensors").is_file()


@pytest.mark.parametrize("inside", ["", "models"])
def test_a_comfyui_folder_is_taken_as_it_is(tmp_path: Path, inside: str) -> None:
    models = tmp_path / "models"
    touch(
        models / "checkpoints" / "a.safetensors",
        models / "clip" / "b.safetensors",
        models / "text_encoders" / "c.safetensors",
        models / "unet" / "d.safetensors",
    )
    paths = taken(tmp_path / inside)
    assert paths.names("checkpoints") == ["a.safetensors"]
    assert paths.names("text_encoders") == ["c.safetensors", "b.safetensors"]
    assert paths.names("diffusion_models") == ["d.safetensors"]


def test_an_a1111_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    models = tmp_path / "models"
    touch(
        models / "Stable-diffusion" / "a.safetensors",
        models / "VAE" / "b.safetensors",
        models / "Lora" / "c.safetensors",
        models / "ESRGAN" / "d.pth",
        tmp_path / "embeddings" / "e.safetensors",
    )
    paths = taken(tmp_path)
    names = {folder: paths.names(folder) for folder in paths.places if paths.names(folder)}
    assert names == {
        "checkpoints": ["a.safetensors"],
        "vae": ["b.safetensors"],
        "loras": ["c.safetensors"],
        "upscale_models": ["d.pth"],
        "embeddings": ["e.safetensors"],
    }


def test_a_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="no such folder"):
        taken(tmp_path / "nowhere")


def test_what_is_no_weights_is_not_listed(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    touch(*(folder / name for name in ("a.safetensors", "b.txt", ".c.safetensors", "d.CKPT", "e.yaml")))
    touch(folder / ".hidden" / "f.safetensors")
    assert taken(tmp_path).names("checkpoints") == ["a.safetensors", "d.CKPT"]


def test_a_diffusers_folder_is_one_model(tmp_path: Path) -> None:
    folder = tmp_path / "diffusers"
    touch(folder / "sd" / "model_index.json", folder / "sd" / "unet" / "model.safetensors")
    paths = taken(tmp_path)
    assert paths.names("diffusers") == ["sd"]
    assert paths.find("diffusers", "sd").is_dir()


def test_links_inside_a_models_folder_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.safetensors")
    folder = tmp_path / "root" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "big").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    assert taken(tmp_path / "root").names("checkpoints") == ["big/a.safetensors"]


def test_the_first_place_that_has_a_name_wins_and_it_is_listed_once(tmp_path: Path) -> None:
    touch(tmp_path / "one" / "a.safetensors", tmp_path / "two" / "a.safetensors")
    paths = ModelPaths()
    paths.add("checkpoints", tmp_path / "one")
    paths.add("checkpoints", tmp_path / "two")
    assert paths.names("checkpoints") == ["a.safetensors"]
    assert paths.find("checkpoints", "a.safetensors").parent.name == "one"


def test_contributed_models_come_first(tmp_path: Path) -> None:
    touch(tmp_path / "checkpoints" / "a.safetensors", tmp_path / "pack" / "weights.safetensors")
    paths = taken(tmp_path)
    paths.contribute("checkpoints", "pinhole", tmp_path / "pack" / "weights.safetensors")
    assert paths.names("checkpoints") == ["pinhole", "a.safetensors"]
    assert paths.find("checkpoints", "pinhole").name == "weights.safetensors"


def test_a_model_that_is_not_there_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    paths = taken(tmp_path)
    with pytest.raises(PathError, match=r"no model 'x' in vae \(looked in .*vae"):
        paths.find("vae", "x")
    with pytest.raises(PathError, match="nowhere"):
        paths.find("unheard_of", "x")


# extra_model_paths.yaml

EXTRA = """
comfyui:
    base_path: {base}
    checkpoints: models/checkpoints/
    clip: |
        models/text_encoders/
        models/clip/
    custom_nodes: custom_nodes/
    unheard_of: something

a111:
    base_path: {base}/a1111
    checkpoints: models/Stable-diffusion
    loras: |
         models/Lora
         models/LyCORIS
empty:
"""


def extra(tmp_path: Path, text: str) -> ModelPaths:
    file = tmp_path / "extra_model_paths.yaml"
    file.write_text(text, encoding="utf-8")
    return Files(tmp_path).models


def below(tmp_path: Path, models: ModelPaths, folder: str) -> list[str]:
    return [place.relative_to(tmp_path).as_posix() for place in models.places[folder]]


def test_sections_lines_and_aliases_are_read(tmp_path: Path) -> None:
    models = extra(tmp_path, EXTRA.format(base=tmp_path / "other"))
    assert below(tmp_path, models, "checkpoints") == [
        "models/checkpoints", "other/models/checkpoints", "other/a1111/models/Stable-diffusion",
    ]  # fmt: skip
    assert below(tmp_path, models, "text_encoders")[1:] == ["other/models/text_encoders", "other/models/clip"]
    assert below(tmp_path, models, "loras")[1:] == ["other/a1111/models/Lora", "other/a1111/models/LyCORIS"]


def test_a_default_section_is_looked_at_first(tmp_path: Path) -> None:
    models = extra(tmp_path, "x:\n  base_path: fast\n  is_default: true\n  vae: vae\n")
    assert below(tmp_path, models, "vae") == ["fast/vae", "models/vae"]


def test_a_base_path_may_be_relative_absent_empty_or_name_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("FAST", str(tmp_path / "fast"))
    models = extra(
        tmp_path,
        "a:\n  base_path: near\n  vae: v\nb:\n  vae: w\nc:\n  base_path:\n  vae: x\n"
        "d:\n  base_path: ~/models\n  vae: y\ne:\n  base_path: $FAST\n  vae: z\nf:\n  vae: ~stranger/v\n",
    )
    assert below(tmp_path, models, "vae")[1:] == [
        "near/v", "w", "x", "user/models/y", "fast/z", "~stranger/v",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "a: [unclosed",
        "- a\n- b\n",
        "just text",
        "a: text\n",
        "a:\n - b\n",
        "\tx: 1",
        "? [a]\n: b\n",
        "5",
        "a:\n  vae: 5\n",
    ],
)
def test_a_broken_file_is_told_with_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"extra_model_paths\.yaml"):
        extra(tmp_path, text)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "extra_model_paths.yaml").write_bytes(b"a:\n  vae: \xff\xfe\n")
    with pytest.raises(UserError, match=r"extra_model_paths\.yaml"):
        Files(tmp_path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "a:\n", "a:\n  other: 5\n  checkpoints:\n"])
def test_a_file_that_says_nothing_changes_nothing(tmp_path: Path, text: str) -> None:
    models = extra(tmp_path, text)
    assert below(tmp_path, models, "vae") == ["models/vae"]


def test_several_paths_may_be_a_list_too(tmp_path: Path) -> None:
    models = extra(tmp_path, "a:\n  vae: [one, two]\n")
    assert below(tmp_path, models, "vae") == ["models/vae", "one", "two"]
