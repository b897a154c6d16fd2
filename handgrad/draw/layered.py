"""Layered layout of a graph: layers by longest path, order by barycentres, heights by least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Layout", "Slot", "arrange"]

Key = tuple[
    int, ...
]  # (node,) for a node; (source, target, operand, layer) where an edge passes through a layer


@dataclass
class Slot:
    """A place in a layer: a node, or an edge on its way through. `up`, `down`: the room needed around its centre y."""

    key: Key
    layer: int
    up: float = 9
    down: float = 9
    y: float = 0.0
    before: list[tuple[Key, float]] = field(default_factory=list)
    after: list[tuple[Key, float]] = field(default_factory=list)


@dataclass
class Layout:
    """The slots by key, the keys of each layer from top to bottom, and the slots that each edge goes through."""

    slots: dict[Key, Slot]
    layers: list[list[Key]]
    routes: dict[tuple[int, int, int], list[Key]]


def arrange(
    nodes: Mapping[int, tuple[float, float]],
    edges: list[tuple[int, int, int]],
    ports: Mapping[tuple[int, int, int], float],
    gap: float = 10,
) -> Layout:
    """Place nodes (id -> room above and below its centre), given in an order in which edges go forwards.

    edges: (source, target, operand); ports: how far from the target's centre each edge arrives.
    """
    layer = _layers(list(nodes), edges)
    slots: dict[Key, Slot] = {(i,): Slot((i,), layer[i], *room) for i, room in nodes.items()}
    routes: dict[tuple[int, int, int], list[Key]] = {}
    for source, target, operand in edges:
        through: list[Key] = [(source, target, operand, at) for at in range(layer[source] + 1, layer[target])]
        for key in through:
            slots[key] = Slot(key, key[3])
        route: list[Key] = [(source,), *through, (target,)]
        for k in range(len(route) - 1):
            port = ports[source, target, operand] if k == len(route) - 2 else 0.0
            slots[route[k]].after.append((route[k + 1], port))
            slots[route[k + 1]].before.append((route[k], port))
        routes[source, target, operand] = route
    layers: list[list[Key]] = [[] for _ in range(1 + max(layer.values(), default=0))]
    for key in sorted(slots):
        layers[slots[key].layer].append(key)
    layers = _ordered(slots, layers)
    _heights(slots, layers, gap)
    return Layout(slots, layers, routes)


def _layers(nodes: list[int], edges: list[tuple[int, int, int]]) -> dict[int, int]:
    """Each node one layer after its last operand; a node without operands just before its first use."""
    layer: dict[int, int] = {}
    into: dict[int, list[int]] = {i: [] for i in nodes}
    out: dict[int, list[int]] = {i: [] for i in nodes}
    for source, target, _ in edges:
        into[target].append(source)
        out[source].append(target)
    for i in nodes:
        layer[i] = 1 + max((layer[s] for s in into[i]), default=-1)
    for i in nodes:
        if not into[i] and out[i]:
            layer[i] = min(layer[t] for t in out[i]) - 1
    return layer


def _ordered(slots: dict[Key, Slot], layers: list[list[Key]]) -> list[list[Key]]:
    """A few barycentre sweeps to and fro; the order with the fewest crossings is kept."""
    best, fewest = [list(keys) for keys in layers], _crossings(slots, layers)
    for sweep in range(8):
        backwards = sweep % 2 == 1
        for keys in reversed(layers) if backwards else layers:
            rank = {key: i for row in layers for i, key in enumerate(row)}
            centre = {}
            for key in keys:
                near = slots[key].after if backwards else slots[key].before
                centre[key] = (
                    sum(rank[k] + port / 1000 for k, port in near) / len(near) if near else rank[key]
                )
            keys.sort(key=lambda key: (centre[key], rank[key]))
        crossings = _crossings(slots, layers)
        if crossings < fewest:
            best, fewest = [list(keys) for keys in layers], crossings
    return best


def _crossings(slots: dict[Key, Slot], layers: list[list[Key]]) -> int:
    rank = {key: i for row in layers for i, key in enumerate(row)}
    count = 0
    for row in layers:
        lines = [(rank[key], rank[to] + port / 1000) for key in row for to, port in slots[key].after]
        for i, (a, b) in enumerate(lines):
            count += sum((a - c) * (b - d) < 0 for c, d in lines[:i])
    return count


def _heights(slots: dict[Key, Slot], layers: list[list[Key]], gap: float) -> None:
    """Pull every slot towards the middle of its neighbours, keeping the order and the room between slots."""
    for sweep in range(12):
        backwards = sweep % 2 == 1
        for keys in reversed(layers) if backwards else layers:
            wanted = []
            for key in keys:
                slot = slots[key]
                near = slot.after if backwards else slot.before
                sign = 1 if backwards else -1
                wanted.append(sum(slots[k].y + sign * p for k, p in near) / len(near) if near else slot.y)
            offset = 0.0
            offsets = []
            for i, key in enumerate(keys):
                if i:
                    offset += slots[keys[i - 1]].down + gap + slots[key].up
                offsets.append(offset)
            placed = _increasing([w - o for w, o in zip(wanted, offsets, strict=True)])
            for key, base, shift in zip(keys, placed, offsets, strict=True):
                slots[key].y = round(2 * (base + shift)) / 2


def _increasing(wanted: list[float]) -> list[float]:
    """The nearest list, by least squares, that never decreases (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            other, n = pools.pop()
            mean, count = (mean * count + other * n) / (count + n), count + n
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]
