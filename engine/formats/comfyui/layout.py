"""Where nodes stand that nobody has placed: in columns, each to the right of what feeds it."""

from collections.abc import Mapping, Sequence
from typing import Final

from engine.graph import in_order

COLUMN: Final = 360.0
GAP: Final = 40.0


def arrange(
    sources: Mapping[str, Sequence[str]], sizes: Mapping[str, tuple[float, float]], top: float = 0.0
) -> dict[str, tuple[float, float]]:
    """A place for each node; `sources` are the nodes that feed it."""
    known = {node: [each for each in feeding if each in sources] for node, feeding in sources.items()}
    order, _ = in_order(known)
    ranks = dict.fromkeys(sources, 0)
    for node in order:
        ranks[node] = max((ranks[each] + 1 for each in known[node]), default=0)
    below: dict[int, float] = {}
    places = {}
    for node in sources:
        rank = ranks[node]
        y = below.get(rank, top)
        places[node] = (rank * COLUMN, y)
        below[rank] = y + sizes[node][1] + GAP
    return places
