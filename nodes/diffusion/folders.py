"""Models in diffusers' layout: a folder with a sub-folder per component, each with its config.json."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from nodes.diffusion.components import Checkpoint, Component, Part, TextStyle, component
from nodes.diffusion.errors import ModelError
from nodes.diffusion.families import sd1, sd2
from nodes.diffusion.headers import CONVERT, Header, read_header
from nodes.diffusion.identity import weights_identity
from nodes.diffusion.layouts import autoencoder, clip
from nodes.diffusion.layouts.tensors import Source, Tensors
from nodes.diffusion.layouts.unet import check_channels
from nodes.diffusion.model_sampling import BetaSchedule, LatentFormat, ModelSampling, Prediction

PIPELINES = {
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
}
PREDICTIONS: Mapping[str, Prediction] = {"epsilon": "eps", "v_prediction": "v"}
CONFIG_LIMIT = 1_000_000  # bytes
STEPS_LIMIT = 100_000


def identify_folder(path: Path) -> Checkpoint:
    """The model in a diffusers folder. Components it does not have are left out."""
    pipeline = read_json(path / "model_index.json").get("_class_name")
    if pipeline not in PIPELINES:
        raise ModelError(path, f"is a {pipeline}, which is not supported; supported are {sorted(PIPELINES)}")
    unet = read_json(path / "unet" / "config.json")
    vae = read_json(path / "vae" / "config.json") if (path / "vae").is_dir() else {}
    channels = int(number(path, unet, "out_channels", 4))
    check_channels(path, int(number(path, unet, "in_channels", 4)), channels)
    family = sd2.FAMILY if unet.get("use_linear_projection") else sd1.FAMILY
    components: dict[Part, Component] = {"denoiser": identify_unet(path / "unet")}
    if (path / "text_encoder").is_dir():
        components["text_encoder"] = identify_text_encoder(path / "text_encoder")
    if (path / "vae").is_dir():
        components["autoencoder"] = identify_vae_folder(path / "vae")
    has_tokenizer = (path / "tokenizer").is_dir()
    return Checkpoint(
        path=path,
        layout="diffusers",
        family=family.name,
        identity=weights_identity(path),
        sampling=_sampling(path, read_json(path / "scheduler" / "scheduler_config.json")),
        latent_format=LatentFormat(
            channels,
            number(path, vae, "scaling_factor", 0.18215),
            number(path, vae, "shift_factor", 0.0),
        ),
        text=TextStyle(
            family.text_layer,
            # Here a layer that is never read is not stored either.
            dropped_layers=-1 - family.text_layer,
            pad=None if has_tokenizer else family.pad,
            tokenizer=path / "tokenizer" if has_tokenizer else None,
        ),
        components=components,
    )


def identify_unet(folder: Path) -> Component:
    config = read_json(folder / "config.json")
    for extra in ("class_embed_type", "addition_embed_type", "encoder_hid_dim", "time_cond_proj_dim"):
        if config.get(extra) is not None:
            raise ModelError(folder, f"has a UNet with {extra} = {config[extra]!r}, which is not supported")
    header = weights(folder, "diffusion_pytorch_model")
    return component(header, config, {name: Source(name) for name in header})


def identify_vae_folder(folder: Path) -> Component:
    header = weights(folder, "diffusion_pytorch_model")
    return component(
        header, read_json(folder / "config.json"), autoencoder.diffusers_sources(Tensors(header))
    )


def identify_text_encoder(folder: Path) -> Component:
    said = read_json(folder / "config.json")
    tensors = Tensors(weights(folder, "model"))
    config = clip.config(tensors) | {
        "heads": int(number(folder, said, "num_attention_heads", 8)),
        "activation": str(said.get("hidden_act", "quick_gelu")),
        "epsilon": number(folder, said, "layer_norm_eps", 1e-5),
    }
    return component(tensors.header, config, clip.sources(tensors))


def weights(folder: Path, stem: str) -> Header:
    """All tensors of a component: of its one file, its half-precision variant, or its shards."""
    for pattern in (f"{stem}.safetensors", f"{stem}.fp16.safetensors", f"{stem}-*-of-*.safetensors"):
        if files := sorted(folder.glob(pattern)):
            tensors = {name: info for file in files for name, info in read_header(file).items()}
            return Header(folder, tensors)
    if any(folder.glob("*.bin")):
        raise ModelError(folder, f"has pickled weights only, which can run code when read. {CONVERT}")
    raise ModelError(folder, f"has no weights (looked for {stem}.safetensors)")


def read_json(path: Path) -> dict[str, Any]:
    """A configuration file: a JSON object of reasonable size."""
    try:
        if path.stat().st_size > CONFIG_LIMIT:
            raise ModelError(path, f"is larger than {CONFIG_LIMIT} bytes, too large for a configuration")
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        problem = f"there is no {path.name} in it, so it is not a model in diffusers' layout"
        raise ModelError(path.parent, problem) from error
    except OSError as error:
        raise ModelError(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(path, "is not a JSON file") from error
    if not isinstance(content, dict):
        raise ModelError(path, "is not a JSON object")
    return content


def number(path: Path, config: Mapping[str, Any], name: str, default: float) -> float:
    """A number of a configuration; `null` stands for the default there."""
    value = config.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ModelError(path, f"has {name} = {value!r} in its configuration: expected a number")
    return value


def _sampling(path: Path, config: Mapping[str, Any]) -> ModelSampling:
    """How the model was trained; the defaults are those of diffusers' schedulers."""
    named = config.get("beta_schedule", "linear")
    kind: BetaSchedule | None = next((kind for kind in get_args(BetaSchedule) if kind == named), None)
    prediction = str(config.get("prediction_type", "epsilon"))
    steps = int(number(path, config, "num_train_timesteps", 1000))
    if prediction not in PREDICTIONS:
        raise ModelError(
            path, f"predicts {prediction!r}, which is not supported; supported: {list(PREDICTIONS)}"
        )
    if kind is None or config.get("trained_betas") or not 2 <= steps <= STEPS_LIMIT:
        said = f"{steps} steps, {named!r}"
        raise ModelError(path, f"was trained with a noise schedule that is not supported ({said})")
    start, end = number(path, config, "beta_start", 0.0001), number(path, config, "beta_end", 0.02)
    if not 0 < start < end < 1:
        raise ModelError(path, f"has an impossible noise schedule: beta from {start} to {end}")
    return ModelSampling.from_betas(
        kind,
        start=start,
        end=end,
        steps=steps,
        prediction=PREDICTIONS[prediction],
        zsnr=bool(config.get("rescale_betas_zero_snr")),
    )
