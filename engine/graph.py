"""A graph that is known to be sound: calls of known node classes, bound literals, links, an order."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import networkx as nx

from engine.prompt import Link
from engine.spec import NodeSpec


class Call(NamedTuple):
    """One node of a graph: what is called, with which literals, and which links."""

    id: str
    spec: NodeSpec
    literals: Mapping[str, Any]
    links: Mapping[str, Link]
    title: str = ""

    @property
    def eager_links(self) -> Iterable[Link]:
        """The links that must have values before the call."""
        if not self.spec.lazy_inputs:
            return self.links.values()
        return [link for name, link in self.links.items() if name not in self.spec.lazy_inputs]


@dataclass(frozen=True)
class Graph:
    """Calls in an order in which every source comes before its consumers."""

    calls: Mapping[str, Call]
    order: Sequence[str]

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The output nodes, in the order of the graph."""
        return tuple(node for node in self.order if self.calls[node].spec.output_node)


def reachable(start: Iterable[str], sources: Mapping[str, Iterable[str]]) -> set[str]:
    """`start` and all its ancestors; linear, and no deeper on the stack for a longer chain."""
    found = set(start)
    stack = list(found)
    while stack:
        for source in sources[stack.pop()]:
            if source not in found:
                found.add(source)
                stack.append(source)
    return found


def in_order(sources: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """Nodes with sources first, and the cycles that make an order impossible for the rest.

    Each cycle is a list of nodes in the direction of its links; nodes that only hang on a cycle are in
    neither list.
    """
    consumers: dict[str, list[str]] = {node: [] for node in sources}
    waiting: dict[str, int] = {}
    ready: deque[str] = deque()
    for node, its_sources in sources.items():
        number = 0
        for source in its_sources:
            consumers[source].append(node)
            number += 1
        if number:
            waiting[node] = number
        else:
            ready.append(node)
    order: list[str] = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for consumer in consumers[node]:
            waiting[consumer] -= 1
            if not waiting[consumer]:
                del waiting[consumer]
                ready.append(consumer)
    return order, _cycles({node: sources[node] for node in waiting}) if waiting else []


def _cycles(sources: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """One cycle of each knot, beginning with the node that stands first in the graph."""
    position = {node: number for number, node in enumerate(sources)}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(
        (source, node) for node, each in sources.items() for source in each if source in sources
    )
    cycles = []
    for component in nx.strongly_connected_components(graph):
        inner = graph.subgraph(component)
        if inner.number_of_edges():
            first = min(component, key=position.__getitem__)
            nodes = [edge[0] for edge in nx.find_cycle(inner, first)]
            begin = nodes.index(min(nodes, key=position.__getitem__))
            cycles.append(nodes[begin:] + nodes[:begin])
    return sorted(cycles, key=lambda cycle: position[cycle[0]])
