"""The embedded model, opened for tests of nodes."""

from dataclasses import dataclass
from typing import Any

from nodes import recognition
from nodes.diffusion.model_sampling import LatentFormat
from nodes.loaders import checkpoint_loader_simple
from nodes.sockets import Clip, Model, Vae
from nodes.text import clip_text_encode


@dataclass
class Loaded:
    home: Any
    model: Model
    clip: Clip
    vae: Vae
    positive: Any
    other: Any
    negative: Any

    @property
    def form(self) -> LatentFormat:
        return recognition.denoiser(self.model.path).latent_format


def loaded(home: Any) -> Loaded:
    model, clip, vae = home.call(checkpoint_loader_simple, ckpt_name="pinhole")
    texts = ("a red circle on a white background", "a blue square on a black background", "")
    positive, other, negative = (home.call(clip_text_encode, text=text, clip=clip) for text in texts)
    return Loaded(home, model, clip, vae, positive, other, negative)
