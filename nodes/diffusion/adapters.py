"""Networks that stand beside a denoiser and steer it: recognised by their tensors, not loaded here.

Each function gives the name of the family that the file was made for, or says what the file is instead.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from nodes.diffusion.errors import ModelError
from nodes.diffusion.families import BY_TEXT_WIDTH, FAMILIES, sd1, sd2
from nodes.diffusion.headers import Header, read_header

Kind = Literal["control net", "style model", "gligen"]

#: By the width of the text that cross-attention reads.
WIDTHS = {768: sd1.FAMILY.name, 1024: sd2.FAMILY.name}
UNSHUFFLED = {3 * 8 * 8: 768, 8 * 8: 768, 3 * 16 * 16: 2048, 16 * 16: 2048}
"""What a T2I adapter reads (colours or one channel, blocks of 8 or 16 pixels) -> its family's text width."""

IMAGE_ENCODERS = (
    "conditioner.embedders.0.open_clip.model.visual.conv1.weight",
    "embedder.model.visual.conv1.weight",
    "embedder.model.visual.class_embedding",
)


def identify_adapter(kind: Kind, path: Path) -> str:
    """The family that a file of some kind was made for.

    Raises:
        ModelError: it is of another kind, or of a family that cannot be run.
    """
    return IDENTIFY[kind](read_header(path))


def _control_net(header: Header) -> str:
    """A ControlNet (arXiv 2302.05543) in either layout, or a T2I adapter (arXiv 2302.08453)."""
    path = header.path
    if "lora_controlnet" in header:
        raise ModelError(path, "is a Control-LoRA, which is not supported yet")
    if _has(header, "input_hint_block.0.weight") or _has(header, "controlnet_cond_embedding.conv_in.weight"):
        return _family(path, "a ControlNet", _text_width(header))
    if _has(header, "controlnet_blocks.0.weight") or _has(header, "controlnet_x_embedder.weight"):
        raise ModelError(path, "is a ControlNet for Flux, SD3 or another transformer" + NOT_YET)
    for name in ("conv_in.weight", "adapter.conv_in.weight"):
        if name in header and any("body.0." in other for other in header):
            shape = header[name].shape
            return _family(path, "a T2I adapter", UNSHUFFLED.get(shape[1], 0) if len(shape) == 4 else 0)
    raise ModelError(path, "is no ControlNet (looked for input_hint_block.0.weight and its like)")


def _style_model(header: Header) -> str:
    if "redux_up.weight" in header:
        raise ModelError(header.path, "is a Redux style model for Flux" + NOT_YET)
    if "style_embedding" in header:
        return sd1.FAMILY.name
    raise ModelError(header.path, "is no style model (looked for style_embedding and redux_up.weight)")


def _gligen(header: Header) -> str:
    """Attention over boxes with phrases (arXiv 2301.07093)."""
    fused = any(".fuser." in name for name in header)
    if not fused or not _has(header, "position_net.linears.0.weight"):
        raise ModelError(header.path, "is no GLIGEN model (looked for position_net.linears.0.weight)")
    return _family(header.path, "a GLIGEN model", _text_width(header, "fuser.linear.weight"))


IDENTIFY: Mapping[Kind, Callable[[Header], str]] = {
    "control net": _control_net,
    "style model": _style_model,
    "gligen": _gligen,
}
NOT_YET = ", which cannot be run yet; supported are " + ", ".join(family.title for family in FAMILIES)


def has_image_encoder(path: Path) -> bool:
    """Whether a checkpoint brings an encoder for pictures along (CLIP vision).

    Raises:
        ModelError: it is a video model.
    """
    if path.is_dir():
        return (path / "image_encoder").is_dir()
    header = read_header(path)
    if any(".time_stack." in name for name in header):
        raise ModelError(path, "is a Stable Video Diffusion model" + NOT_YET)
    return any(name in header for name in IMAGE_ENCODERS)


def _has(header: Header, end: str) -> bool:
    return any(name == end or name.endswith("." + end) for name in header)


def _text_width(header: Header, end: str = "attn2.to_k.weight") -> int:
    """The text that is read where a name ends so; 0 if there is none."""
    shape = next((header[name].shape for name in header if name.endswith(end)), ())
    return shape[1] if len(shape) == 2 else 0


def _family(path: Path, what: str, width: int) -> str:
    if width not in WIDTHS:
        unknown = f"a family that reads text of width {width}" if width else "an unknown family"
        family = BY_TEXT_WIDTH.get(width, unknown)
        raise ModelError(path, f"is {what} for {family}" + NOT_YET)
    return WIDTHS[width]
