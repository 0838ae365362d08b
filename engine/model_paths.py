"""Where models are found: the folders of a home, of other programs, and models that packs bring along.

A model is asked for by folder and name (`checkpoints`, `sd15/dream.safetensors`).  The folder names are
the ecosystem's; a models folder of ComfyUI or A1111 is taken as it is, and `extra_model_paths.yaml` is
read.  Inside a models folder symbolic links are followed: their owner put them there to save space.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from engine.errors import PathError, UserError

#: Folder -> the names it goes by on disk, ours and ComfyUI's first, then A1111's.
FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkpoints": ("checkpoints", "Stable-diffusion"),
    "vae": ("vae", "VAE"),
    "loras": ("loras", "Lora", "LyCORIS"),
    "text_encoders": ("text_encoders", "clip"),
    "diffusion_models": ("diffusion_models", "unet"),
    "clip_vision": ("clip_vision",),
    "controlnet": ("controlnet", "ControlNet", "t2i_adapter"),
    "upscale_models": ("upscale_models", "ESRGAN", "RealESRGAN", "SwinIR"),
    "embeddings": ("embeddings",),
    "style_models": ("style_models",),
    "gligen": ("gligen",),
    "hypernetworks": ("hypernetworks",),
    "vae_approx": ("vae_approx", "VAE-approx"),
    "diffusers": ("diffusers",),
}
_ALIASES: Final = {alias.lower(): folder for folder, names in FOLDERS.items() for alias in (folder, *names)}

#: Weights that are read, and weights that are listed only to say why they are not.
SAFE: Final = frozenset({".safetensors", ".sft"})
PICKLES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin"})

EXTRA_PATHS: Final = "extra_model_paths.yaml"


@dataclass
class ModelPaths:
    """Every place that models are looked for, in order; the first that has a name wins."""

    places: dict[str, list[Path]] = field(default_factory=lambda: {folder: [] for folder in FOLDERS})
    builtin: dict[str, dict[str, Path]] = field(default_factory=dict)

    def add_root(self, root: Path) -> None:
        """Take a models folder, or a program's folder that has one, as it is."""
        if not root.is_dir():
            raise PathError(f"models folder {root}: no such folder")
        nested = (root / "models").is_dir() and not (root / "checkpoints").is_dir()
        models = root / "models" if nested else root
        for folder, names in FOLDERS.items():
            for name in names:
                self.add(folder, models / name)
        if models != root:  # A1111 keeps embeddings beside its models
            self.add("embeddings", root / "embeddings")
        for candidate in {root / EXTRA_PATHS, root.parent / EXTRA_PATHS}:
            if candidate.is_file():
                self.read_extra_paths(candidate)

    def add(self, folder: str, place: Path, *, first: bool = False) -> None:
        places = self.places.setdefault(folder, [])
        if place not in places:
            places.insert(0 if first else len(places), place)

    def contribute(self, folder: str, name: str, path: Path) -> None:
        """A model that a pack brings along; it is listed first."""
        self.builtin.setdefault(folder, {})[name] = path

    def read_extra_paths(self, file: Path) -> None:
        """Read ComfyUI's `extra_model_paths.yaml`: sections of a base path and folders below it."""
        try:
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UserError(f"{file}: cannot be read as YAML: {error}") from error
        if document is None:
            return
        if not isinstance(document, dict):
            raise UserError(f"{file}: expected sections such as `comfyui:`, each with folders")
        for section, entries in document.items():
            if entries is None:
                continue
            if not isinstance(entries, dict):
                raise UserError(f"{file}: section `{section}` must hold `folder: path` lines")
            base = file.parent / _expanded(str(entries.get("base_path") or ""))
            first = bool(entries.get("is_default", False))
            for key, value in entries.items():
                folder = _ALIASES.get(str(key).lower())
                if folder is None or value is None:
                    continue
                lines = value.splitlines() if isinstance(value, str) else value
                if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
                    raise UserError(f"{file}: `{section}: {key}` must be a path, or several, one a line")
                for line in lines:
                    if line.strip():
                        self.add(folder, base / _expanded(line.strip()), first=first)

    def names(self, folder: str) -> list[str]:
        """What can be asked for in a folder, contributed models first, each once, `/` between parts."""
        found = dict.fromkeys(self.builtin.get(folder, {}))
        for place in self.places.get(folder, []):
            found |= dict.fromkeys(sorted(_models_below(place), key=str.lower))
        return list(found)

    def find(self, folder: str, name: str) -> Path:
        """The file or folder that a name stands for.

        Raises:
            PathError: the name leaves its folder, or nothing there has it.
        """
        if (path := self.builtin.get(folder, {}).get(name)) is not None:
            return path
        parts = Path(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or not parts.parts:
            raise PathError(f"{name[:200]!r} leaves the {folder} folder; name a model inside it")
        for place in self.places.get(folder, []):
            if exists(path := place / parts):
                return path
        looked = ", ".join(map(str, self.places.get(folder, []))) or "nowhere"
        raise PathError(f"no model {name[:200]!r} in {folder} (looked in {looked})")


def exists(path: Path) -> bool:
    """Whether a path is there; one that no file system could hold (too long, a NUL) is not."""
    return os.path.exists(path)  # noqa: PTH110  # `Path.exists` raises for some of these


def _expanded(text: str) -> str:
    return os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111  # `Path.expanduser` raises for strangers


def _models_below(place: Path) -> Iterator[str]:
    """Weight files and diffusers folders under `place`, as names relative to it."""
    seen: set[str] = set()
    for directory, folders, files in os.walk(place, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        here = Path(directory)
        if "model_index.json" in files:
            folders.clear()
            if here != place:
                yield here.relative_to(place).as_posix()
            continue
        folders[:] = [each for each in folders if not each.startswith(".")]
        for file in files:
            known = Path(file).suffix.lower() in SAFE | PICKLES and not file.startswith(".")
            if known and (here / file).exists():  # a link may lead nowhere
                yield (here / file).relative_to(place).as_posix()
