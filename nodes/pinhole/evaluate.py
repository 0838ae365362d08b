"""How well pictures follow their captions, on combinations that training never saw.

    python -m nodes.pinhole.evaluate --count 160 --seeds 0 77

The table has one line per kind, in per cent; `ceiling` is what the autoencoder alone would leave of perfect
latents, and a grid shows what the numbers cannot.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random

import torch
from PIL import Image

from nodes.pinhole import WEIGHTS
from nodes.pinhole.captions import plain_caption
from nodes.pinhole.checker import Pair, Thing, read_pair, read_single
from nodes.pinhole.drawing import COLORS, SHAPES
from nodes.pinhole.networks import Networks, to_pictures, to_pixels
from nodes.pinhole.parallel import quicken
from nodes.pinhole.pictures import (
    POSITIONS,
    RELATIONS,
    Backdrop,
    PairScene,
    Scene,
    SingleScene,
    held_out,
    render,
)
from nodes.pinhole.sampler import sample

LANDSCAPES = (
    "a night sky with a yellow moon over green hills",
    "a sunset sky with an orange sun over the blue sea",
    "a blue sky with white clouds over a green field with a house",
    "a blue sky with a yellow sun over snowy mountains",
    "a night sky with stars over a city",
    "a cloudy sky over a sandy desert",
    "a sunset over brown mountains",
    "a blue sky with a yellow sun over green hills with a tree",
    "a night sky with a crescent moon over the blue sea",
    "a cloudy sky with clouds over a city",
    "a blue sky over the blue sea with a boat",
    "snowy mountains at night",
)
UNTIDY = (
    "a photo of a big red ball-like circle, masterpiece",
    "a red circle",
    "red circle on blue",
    "RED CIRCLE",
    "a gren triangel on a whit background",
    "yellow star!!!",
    "cute pink heart, trending on artstation, 8k, best quality",
    "blue box on grey",
    "an orange donut on black",
    "a small green star in the top left corner, please",
    "beautiful painting of a purple diamond, oil on canvas, by a famous artist",
    "a red circle and a blue square",
)


def held_out_singles(count: int, rng: Random, *, placed: bool = False) -> list[SingleScene]:
    """Held-out combinations in random order, and again from the start if there are fewer than `count`."""
    kept = [c for c in product(SHAPES, COLORS, COLORS) if c[1] != c[2] and held_out(*c)]
    scenes: list[SingleScene] = []
    while len(scenes) < count:
        scenes += [SingleScene(s, c, Backdrop(b)) for s, c, b in rng.sample(kept, len(kept))]
    return [replace(s, position=rng.choice(list(POSITIONS)) if placed else "") for s in scenes[:count]]


def held_out_pairs(count: int, rng: Random) -> list[PairScene]:
    """Pairs of which each object is held out on that background."""
    scenes: list[PairScene] = []
    while len(scenes) < count:
        background = Backdrop(rng.choice(list(COLORS)))
        color = background.color
        things = [t for t in product(SHAPES, COLORS) if t[1] != color and held_out(*t, color)]
        one, two = rng.choices(things, k=2)
        if one[1] != two[1]:
            scenes.append(PairScene(*one, rng.choice(list(RELATIONS)), *two, background))
    return scenes


Verdict = dict[str, bool]


def judge(scene: Scene, picture: Image.Image) -> Verdict:
    """What of the caption the picture shows."""
    if isinstance(scene, SingleScene):
        seen = read_single(picture)
        return {
            "background": seen.background == scene.backdrop.color and not seen.gradient_to,
            "color": seen.color == scene.color,
            "shape": seen.shape == scene.shape,
            "position": seen.position == (scene.position or "in the center"),
        }
    assert isinstance(scene, PairScene)
    pair, wanted = read_pair(picture), _reading(scene)
    return {
        "background": pair.background == wanted.background,
        "color": pair.first.color == wanted.first.color,
        "second color": pair.second.color == wanted.second.color,
        "shape": pair.first.shape == wanted.first.shape,
        "second shape": pair.second.shape == wanted.second.shape,
        "relation": pair.relation == wanted.relation,
    }


def _reading(scene: PairScene) -> Pair:
    """The reading that a right picture of the pair would give."""
    one, two = Thing(scene.shape, scene.color), Thing(scene.second_shape, scene.second_color)
    turned = {"below": "above", "to the right of": "to the left of"}
    if scene.relation in turned:
        return Pair(two, one, turned[scene.relation], scene.backdrop.color)
    return Pair(one, two, scene.relation, scene.backdrop.color)


def table_line(verdicts: Sequence[Verdict]) -> str:
    shares = {key: sum(v[key] for v in verdicts) / len(verdicts) for key in verdicts[0]}
    shares["all"] = sum(all(v.values()) for v in verdicts) / len(verdicts)
    return "  ".join(f"{key} {100 * share:5.1f}" for key, share in shares.items())


@dataclass(frozen=True)
class Kind:
    name: str
    scenes: Sequence[SingleScene | PairScene]


def kinds(count: int, seed: int = 11) -> list[Kind]:
    return [
        Kind("single", held_out_singles(count, Random(seed))),
        Kind("placed", held_out_singles(count, Random(seed + 1), placed=True)),
        Kind("pair", held_out_pairs(count, Random(seed + 2))),
    ]


Sampler = Callable[[Sequence[str], int], list[Image.Image]]


def evaluate(sampler: Sampler, kind: Kind, seeds: Sequence[int]) -> tuple[str, list[Image.Image]]:
    """One line of the table over all noise seeds, and the first seed's pictures."""
    captions = [plain_caption(scene) for scene in kind.scenes]
    rounds = [sampler(captions, seed) for seed in seeds]
    verdicts = [judge(s, p) for pictures in rounds for s, p in zip(kind.scenes, pictures, strict=True)]
    return f"{kind.name:8s} {table_line(verdicts)}  (n = {len(verdicts)})", rounds[0]


@torch.no_grad()
def ceiling(networks: Networks, kind: Kind, noise: float = 0.0) -> str:
    """The table's line for renderings that went through the autoencoder."""
    rng, generator = Random(5), torch.Generator().manual_seed(5)
    verdicts: list[Verdict] = []
    for first in range(0, len(kind.scenes), 32):
        scenes = kind.scenes[first : first + 32]
        latents = networks.encode_pictures(to_pixels([render(scene, rng) for scene in scenes]))
        latents += noise * torch.randn(latents.shape, generator=generator)
        pictures = to_pictures(networks.decode_latents(latents))
        verdicts += [judge(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)]
    return f"{kind.name:8s} {table_line(verdicts)}  (n = {len(verdicts)}, ceiling, latent noise {noise})"


def grid(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + 2), rows * (height + 2)), (90, 90, 90))
    for k, picture in enumerate(pictures):
        sheet.paste(picture, (k % columns * (width + 2), k // columns * (height + 2)))
    return sheet


def main() -> None:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("--model", type=Path, default=WEIGHTS, help="a diffusers folder")
    parser.add_argument("--count", type=int, default=160, help="captions of each kind")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 77], help="noise seeds")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=2.0)
    parser.add_argument("--scheduler", default="normal", help="normal, simple, sgm_uniform or karras")
    parser.add_argument("--kinds", nargs="*", default=["single", "placed", "pair"])
    parser.add_argument("--ceiling", action="store_true", help="also what the autoencoder loses")
    parser.add_argument("--grid", type=Path, help="write a sheet of samples here")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    quicken()
    networks = Networks.load(options.model)

    def sampler(captions: Sequence[str], seed: int) -> list[Image.Image]:
        settings = {"steps": options.steps, "cfg": options.cfg, "scheduler": options.scheduler}
        return sample(networks, captions, seed=seed, **settings)

    sheet: list[Image.Image] = []
    for kind in kinds(options.count):
        if options.ceiling:
            print(ceiling(networks, kind), flush=True)
            print(ceiling(networks, kind, 0.2), flush=True)
        if kind.name in options.kinds:
            line, pictures = evaluate(sampler, kind, options.seeds)
            print(line, flush=True)
            sheet += pictures[:24]
    if options.grid:
        sheet += sampler(LANDSCAPES, 9) + sampler(UNTIDY, 40)
        grid(sheet, 12).save(options.grid)


if __name__ == "__main__":
    main()
