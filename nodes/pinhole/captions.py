"""The words for a scene: one plain caption, and the many ways in which people would ask for the same.

Training reads every wording; the rare ones (synonyms, fragments, decoration, junk, typing errors) are what
makes an untidy prompt still give its object. The tokenizer lower-cases, so capital letters need no examples.
"""

import re
from random import Random

from nodes.pinhole.pictures import Backdrop, LandscapeScene, PairScene, Scene, SingleScene

SYNONYMS: dict[str, tuple[str, ...]] = {
    "circle": ("ball", "disc", "disk", "dot", "round circle"),
    "square": ("box", "block", "rectangle"),
    "triangle": ("pyramid",),
    "star": ("five pointed star",),
    "diamond": ("rhombus",),
    "cross": ("plus", "plus sign"),
    "ring": ("donut", "hoop"),
    "heart": ("love heart", "heart shape"),
    "gray": ("grey",),
    "purple": ("violet",),
    "cyan": ("turquoise", "light blue"),
    "small": ("tiny", "little"),
    "large": ("big", "huge"),
    "above": ("over", "on top of"),
    "below": ("under", "underneath"),
    "to the left of": ("left of",),
    "to the right of": ("right of",),
    "in the center": ("in the middle", "in the centre", "centered"),
    "on the left": ("on the left side", "to the left"),
    "on the right": ("on the right side", "to the right"),
    "in the top left corner": ("in the upper left corner", "top left"),
    "in the top right corner": ("in the upper right corner", "top right"),
    "in the bottom left corner": ("in the lower left corner", "bottom left"),
    "in the bottom right corner": ("in the lower right corner", "bottom right"),
    "green hills": ("hills", "rolling hills", "grassy hills"),
    "snowy mountains": ("mountains with snow", "snow covered mountains"),
    "brown mountains": ("mountains", "rocky mountains"),
    "the blue sea": ("the sea", "the ocean", "a calm sea", "water"),
    "a sandy desert": ("a desert", "the desert", "sand dunes"),
    "a green field": ("a field", "a meadow", "grass"),
    "a city": ("a city skyline", "the city", "houses of a city", "skyscrapers"),
    "a house": ("a small house", "a cottage"),
    "a boat": ("a sailing boat", "a ship", "a sailboat"),
}
_PREFIXES = (
    *("a picture of", "an image of", "a photo of", "a drawing of", "a painting of", "photo of"),
    *("picture of", "an illustration of", "a photograph of", "a rendering of", "an icon of"),
    *("a beautiful picture of", "draw"),
    *(
        "please draw",
        "i want",
        "show me",
        "masterpiece,",
        "masterpiece, best quality,",
        "high quality photo of",
    ),
)
_SUFFIXES = (
    *("highly detailed", "simple", "masterpiece", "digital art", "high quality", "flat colors", "4k"),
    *("8k", "best quality", "sharp focus", "vector art", "minimalist", "trending on artstation"),
    "cinematic lighting",
    *("beautiful", "oil painting", "studio light", "ultra realistic", "intricate", "hd", "professional"),
)
_FILLERS = (
    *("very", "really", "nice", "beautiful", "cute", "shiny", "pretty", "lovely", "great", "amazing", "like"),
    *("perfect", "bright", "solid", "plain", "geometric", "shape", "colored", "just", "some", "new", "cool"),
)


def article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plain_caption(scene: Scene) -> str:
    """The wording to show people: "a red circle above a blue square on a white background"."""
    if isinstance(scene, LandscapeScene):
        return _landscape(scene)
    return f"{_objects(scene)} on {article(_backdrop(scene.backdrop))} background"


def caption(scene: Scene, rng: Random) -> str:
    """One of the ways to ask for the scene; a third of them plain."""
    if rng.random() < 0.33:
        return plain_caption(scene)
    words = _landscape_variant(scene, rng) if isinstance(scene, LandscapeScene) else _variant(scene, rng)
    if rng.random() < 0.3:
        words = _with_synonym(words, rng)
    if rng.random() < 0.4:
        words = decorated(words, rng)
    if rng.random() < 0.2:
        words = cluttered(words, rng)
    return words


def decorated(words: str, rng: Random) -> str:
    """Before and after it, what people write around a prompt."""
    if rng.random() < 0.5:
        words = f"{rng.choice(_PREFIXES)} {words}"
    if rng.random() < 0.6:
        words = ", ".join((words, *rng.sample(_SUFFIXES, rng.choice((1, 1, 2, 3)))))
    return words + rng.choice(("", "", "", ".", "!"))


def cluttered(words: str, rng: Random) -> str:
    """A word too many, a word too few, or a typing error."""
    parts = words.split()
    match rng.randrange(4):
        case 0:
            for _ in range(rng.choice((1, 1, 2))):
                parts.insert(rng.randrange(len(parts) + 1), rng.choice(_FILLERS))
        case 1:
            for _ in range(rng.choice((1, 2, 3))):
                parts.insert(rng.randrange(len(parts) + 1), _junk(rng))
        case 2:
            del parts[rng.randrange(len(parts))]
        case _:
            k = rng.randrange(len(parts))
            parts[k] = _mistyped(parts[k], rng)
    return " ".join(parts)


def _junk(rng: Random) -> str:
    if rng.random() < 0.2:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=rng.randint(1, 7)))
    return "".join(rng.choice("bcdfghklmnprstvwz") + rng.choice("aeiou") for _ in range(rng.randint(1, 3)))


def _mistyped(word: str, rng: Random) -> str:
    if len(word) < 4:
        return word
    k = rng.randrange(1, len(word) - 1)
    swapped = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return rng.choice((swapped, word[:k] + word[k + 1 :], word[:k] + word[k] + word[k:]))


def _with_synonym(words: str, rng: Random) -> str:
    known = [name for name in SYNONYMS if re.search(rf"\b{name}\b", words)]
    if known:
        name = rng.choice(known)
        words = re.sub(rf"\b{name}\b", rng.choice(SYNONYMS[name]), words, count=1)
    return words


def _backdrop(backdrop: Backdrop) -> str:
    return f"{backdrop.color} to {backdrop.to} gradient" if backdrop.to else backdrop.color


def _objects(scene: SingleScene | PairScene) -> str:
    if isinstance(scene, PairScene):
        first, second = f"{scene.color} {scene.shape}", f"{scene.second_color} {scene.second_shape}"
        return f"{article(first)} {scene.relation} {article(second)}"
    return " ".join(filter(None, (article(" ".join(filter(None, _thing(scene)))), scene.position)))


def _thing(scene: SingleScene) -> tuple[str, str, str]:
    return scene.size, scene.color, scene.shape


def _variant(scene: SingleScene | PairScene, rng: Random) -> str:
    objects = _single_variant(scene, rng) if isinstance(scene, SingleScene) else _pair_variant(scene, rng)
    name = _backdrop(scene.backdrop)
    if scene.backdrop.to and rng.random() < 0.3:
        name = f"{scene.backdrop.color} and {scene.backdrop.to} gradient"
    # Without a word about it, a background is mostly white: what a prompt that leaves it out will get.
    if not scene.backdrop.to and rng.random() < {"white": 0.45, "black": 0.05}.get(
        scene.backdrop.color, 0.02
    ):
        return objects
    patterns = (
        *("{o} on {a} background", "{o} on {a} background", "{o} with {a} background", "{o}, {n} background"),
        *("{o} on {n}", "{o} on {n} background", "{n} background, {o}", "{a} background with {o}"),
        *("{o}, background is {n}", "{o} in front of {a} background"),
    )
    return rng.choice(patterns).format(o=objects, a=article(name), n=name)


def _single_variant(scene: SingleScene, rng: Random) -> str:
    thing = " ".join(filter(None, _thing(scene)))
    kind = rng.random()
    if kind < 0.15:
        size = f"{scene.size} " if scene.size else ""
        words = f"{article(size + scene.shape)} that is {scene.color}"
    elif kind < 0.22:
        words = ", ".join(filter(None, (scene.shape, scene.color, scene.size)))
    elif kind < 0.55:
        words = thing
    else:
        words = rng.choice((article(thing), article(thing), f"one {thing}", f"the {thing}"))
    if not scene.position:
        return words
    return f"{scene.position}, {words}" if rng.random() < 0.15 else f"{words} {scene.position}"


def _pair_variant(scene: PairScene, rng: Random) -> str:
    first, second = f"{scene.color} {scene.shape}", f"{scene.second_color} {scene.second_shape}"
    bare = rng.random() < 0.3
    one, two = (first, second) if bare else (article(first), article(second))
    kind = rng.random()
    if kind < 0.65:
        return f"{one} {scene.relation} {two}"
    if kind < 0.75:
        sides = {
            "above": ("at the top", "at the bottom"),
            "below": ("at the bottom", "at the top"),
            "to the left of": ("on the left", "on the right"),
            "to the right of": ("on the right", "on the left"),
        }[scene.relation]
        return f"{one} {sides[0]} and {two} {sides[1]}"
    # Named side by side without a relation: read from left to right.
    if scene.relation == "to the left of":
        return f"{one} {rng.choice(('and', 'and', 'next to', 'beside'))} {two}"
    if scene.relation == "to the right of":
        return f"{two} {rng.choice(('and', 'and', 'next to', 'beside'))} {one}"
    return f"{one} {scene.relation} {two}"


def _landscape(scene: LandscapeScene) -> str:
    body = f" with {_body(scene.body)}" if scene.body else ""
    extra = f" with {scene.extra}" if scene.extra else ""
    return f"{article(scene.sky)}{body} over {scene.ground}{extra}"


def _body(body: str) -> str:
    return body if body in {"stars", "clouds", "white clouds"} else article(body)


def _landscape_variant(scene: LandscapeScene, rng: Random) -> str:
    extra = f" with {scene.extra}" if scene.extra else ""
    body = f" with {_body(scene.body)}" if scene.body else ""
    if scene.sky == "sunset sky" and rng.random() < 0.5:
        return rng.choice((f"a sunset over {scene.ground}{extra}", f"{scene.ground}{extra} at sunset"))
    if scene.sky == "night sky" and rng.random() < 0.3:
        return f"{scene.ground}{extra} at night{body}"
    patterns = (
        *("{g} under {s}", "a landscape with {g} under {s}", "landscape, {s} over {g}"),
        *("{s} and {g}", "{g} and {s}", "{s}, {g}", "{g}, {s}"),
    )
    return rng.choice(patterns).format(g=scene.ground + extra, s=article(scene.sky) + body)
