"""Pinhole, the embedded model: a tiny latent-diffusion model of Stable Diffusion's own architecture.

`weights/` is an ordinary diffusers folder. The other modules are its making: pictures and the words for
them, the training, and the checker that reads what a generated picture shows. MODEL_CARD.md has the figures.
"""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
