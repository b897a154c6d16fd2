"""The picture of a traced computation: values above the edges, gradients below (sources 001.2 to 001.6)."""

from __future__ import annotations

import math
from itertools import pairwise

from handgrad.draw.fold import Columns, fold, lines_between, lower, mark, mark_width
from handgrad.draw.layered import Layout, arrange
from handgrad.draw.noise import noiseless
from handgrad.draw.svg import Canvas, Picture, cells, mono_width, number, sans_width, spoken
from handgrad.graph import OPS, Edge, Graph, Node

__all__ = ["graph"]

_LINE = 15  # one line of text
_BOX = 30
_BEND = 17  # the width of a curve between two layers
_NARROW = 340  # what a picture may take on a screen of 390 px
_SMALL = 10.5  # the size of a step's number


def graph(g: Graph, title: str = "", width: float = 545) -> Picture:
    """Draw a graph: one box an operation, its value above the edge that leaves it and its gradient below.

    Where a node is used several times, each edge shows at its end, with a plus, what that use contributes;
    the gradient at the node is their sum. Before `Graph.backward` only values are drawn. Entries are shown
    of arrays up to 4 by 4, shapes of all arrays; rounding noise is drawn as 0. The small number on a box is
    its step in order of evaluation; backward goes through the steps in reverse. A graph wider than `width`
    pixels is folded into rows: a line that is cut ends at a mark with the name or the step that it comes
    from, and goes on at the same mark in the next row.
    """
    g = noiseless(g)
    canvas = Canvas()
    sketch(canvas, g, width)
    steps = g.schedule().forward
    inputs = ", ".join(g.inputs)
    title = title or f"Computational graph of {_output(g)}"
    differentiated = g.output.gradient is not None
    below = ", and the gradient below it" if differentiated else ""
    many = f"{len(steps)} operation{'' if len(steps) == 1 else 's'}"
    desc = (
        f"{many} from {inputs} to {_output(g)}"
        + (f" = {number(g.output.value)}" if not g.output.shape else f" of shape {g.output.shape}")
        + f"; the value stands above each edge{below}."
    )
    return canvas.picture(title, desc, words(g))


def sketch(canvas: Canvas, g: Graph, width: float = math.inf, legend: bool = True) -> None:
    """Put a graph, and under it the legend, on a canvas. It is folded where it is wider than `width`."""
    folded = {n.id for n in g.nodes if n.op == "constant" and not n.shape}
    shown = [n for n in g.nodes if n.id not in folded]
    edges = [e for e in g.edges if e.source not in folded]
    shared = {n.id for n in shown if len(g.uses(n)) > 1 and n.gradient is not None}
    labels = {n.id: _labels(n) for n in shown}
    parts = {(e.source, e.target, e.index): _part(e) for e in edges if e.source in shared}

    ports: dict[tuple[int, int, int], float] = {}
    rooms: dict[int, tuple[float, float]] = {}
    for n in shown:
        arriving = [e for e in edges if e.target == n.id]
        pitch = 22 if any(parts.get((e.source, e.target, e.index)) for e in arriving) else 14
        for k, e in enumerate(arriving):
            ports[e.source, e.target, e.index] = (k - (len(arriving) - 1) / 2) * pitch
        half = max(_BOX / 2, (len(arriving) - 1) / 2 * pitch + 9)
        above, below = labels[n.id]
        rooms[n.id] = (max(half + 10, _LINE * len(above) + 6), max(half, _LINE * len(below) + 6))
    layout = arrange(rooms, [(e.source, e.target, e.index) for e in edges], ports)
    captions = {n.id: _caption(g, n) for n in shown}
    columns = _columns(layout, captions, labels, parts)
    tags = {n.id: n.name if n.name != f"v{n.step}" else str(n.step) for n in shown}
    ends = [
        max((mark_width(tags[key[0]]) for key in keys if layout.slots[key].after), default=0) + 14
        for keys in layout.layers
    ]
    row = fold(columns.widths(_BEND), lines_between(layout), ends, width)
    columns.restart(row, ends)
    lower(layout, row, 24)

    for e in edges:
        key = (e.source, e.target, e.index)
        _edge(canvas, layout, columns, row, key, ports[key], parts.get(key, ""), tags[e.source])
    for n in shown:
        slot = layout.slots[n.id,]
        left, box, end = columns.left[slot.layer], columns.box[slot.layer], columns.end[slot.layer]
        half = max([_BOX / 2, *(abs(p) + 9 for (_, t, _), p in ports.items() if t == n.id)])
        _box(canvas, n, captions[n.id], left, slot.y, box, half)
        out = end if n is not g.output else end + 14
        if n is g.output or any(e.source == n.id for e in edges):
            canvas.path([(left + box, slot.y), (out, slot.y)])
        if n is g.output:
            canvas.head(out, slot.y)
        above, below = labels[n.id]
        middle = (left + box + end) / 2
        for k, (line, ink, bold) in enumerate(above):
            canvas.text(middle, slot.y - 6 - _LINE * (len(above) - 1 - k), line, ink, bold=bold)
        for k, (line, ink, bold) in enumerate(below):
            canvas.text(middle, slot.y + 15 + _LINE * k, line, ink, bold=bold)
    if legend:
        _legend(canvas, g, bool(parts), max(row) > 0)


Lines = list[tuple[str, str, bool]]


def _labels(n: Node) -> tuple[Lines, Lines]:
    """What stands above and below the edge that leaves a node."""
    above: Lines = []
    if n.inputs and n.name != f"v{n.step}":
        above.append((n.name, "text", True))
    if n.shape:
        above.append((str(n.shape), "quiet", False))
    above += [(row, "value", False) for row in cells(n.value)]
    below: Lines = []
    if n.gradient is not None:
        below = [(row, "gradient", False) for row in cells(n.gradient) or [str(n.shape)]]
    return above, below


def _part(e: Edge) -> str:
    """What stands at the end of one of several edges that leave a node."""
    if e.contribution is None:
        return ""
    rows = cells(e.contribution)
    text = rows[0] if len(rows) == 1 else str(e.contribution.shape)
    return text if text.startswith("−") and not e.contribution.shape else f"+{text}"


def _caption(g: Graph, n: Node) -> str:
    """The text in a node's box: its operation, with constants that are numbers."""
    operands = [g.nodes[i] for i in n.inputs]
    numbers = [number(m.value) if m.op == "constant" and not m.shape else "" for m in operands]
    if len(operands) == 2 and any(numbers):
        symbol = OPS[n.op].symbol
        if n.op in ("add", "multiply") or (numbers[1] and not symbol.isalpha()):
            return f"{symbol}{numbers[1] or numbers[0]}"
        if n.op in ("maximum", "minimum"):
            return f"{symbol} {numbers[0] or numbers[1]}"
        return f"{numbers[0]} {symbol} ·"
    if n.op == "getitem":
        index = n.options["index"]
        plain = isinstance(index, int) or (
            isinstance(index, tuple) and all(isinstance(i, int) for i in index)
        )
        return f"[{str(index).strip('()')}]" if plain else "[…]"
    return {"negative": "×−1", "transpose": ".T", "power": "^", "square": "( )²"}.get(n.op, n.label)


def _columns(
    layout: Layout,
    captions: dict[int, str],
    labels: dict[int, tuple[Lines, Lines]],
    parts: dict[tuple[int, int, int], str],
) -> Columns:
    columns = Columns([], [], [], [])
    x = 0.0
    for keys in layout.layers:
        nodes = [key[0] for key in keys if len(key) == 1]
        ends = [mono_width(text, 12) + 14 for (_, t, _), text in parts.items() if text and t in nodes]
        arrive = x
        x += max(ends, default=0)
        box = max((mono_width(captions[i]) + 10 for i in nodes), default=0)
        box = max(box, 30)
        stub = max((mono_width(line) for i in nodes for side in labels[i] for line, _, _ in side), default=0)
        columns.arrive.append(arrive)
        columns.left.append(x)
        columns.box.append(box)
        columns.end.append(x + box + stub + 5)
        x += box + stub + 5 + _BEND
    return columns


def _edge(
    canvas: Canvas,
    layout: Layout,
    columns: Columns,
    row: list[int],
    key: tuple[int, int, int],
    port: float,
    part: str,
    tag: str,
) -> None:
    """The way of one edge: a curve between layers, straight through them, an arrow head at the target.

    Between two rows it is cut, with the tag at both ends.
    """
    route = layout.routes[key]
    for here, there in pairwise(route):
        a, b = layout.slots[here], layout.slots[there]
        last = len(there) == 1
        if len(here) > 1:
            canvas.path([(columns.arrive[a.layer], a.y), (columns.end[a.layer], a.y)])
        y = b.y + (port if last else 0)
        out, into = columns.end[a.layer], columns.arrive[b.layer]
        if row[a.layer] == row[b.layer]:
            canvas.curve(out, a.y, into, y)
        else:
            if a.after[0] == (there, port if last else 0.0):  # the first of all that leave from here
                canvas.path([(out, a.y), (out + 12, a.y)])
                mark(canvas, out + 12, a.y, tag)
            mark(canvas, into - 12 - mark_width(tag), y, tag)
            canvas.path([(into - 12, y), (into, y)])
        if last:
            tip = columns.left[b.layer]
            canvas.path([(columns.arrive[b.layer], y), (tip - 1, y)])
            canvas.head(tip, y)
            if part:
                canvas.text(tip - 10, y + 13, part, "gradient", "end", 12)


def _box(canvas: Canvas, n: Node, caption: str, x: float, y: float, width: float, half: float) -> None:
    if n.inputs:
        canvas.rect(x, y - half, width, 2 * half, fill="quiet", alpha=0.14, rx=8)
        canvas.text(x + width / 2, y + 4.5, caption)
        canvas.text(x + 2, y - half - 4, str(n.step), "quiet", "start", _SMALL)
    else:
        canvas.rect(x, y - half, width, 2 * half, rx=2, line="value")
        canvas.text(x + width / 2, y + 4.5, caption, bold=True)


def _legend(canvas: Canvas, g: Graph, shared: bool, folded: bool) -> None:
    x, y = canvas.box[0] + 2, canvas.box[3] + 30
    differentiated = g.output.gradient is not None
    canvas.path([(x, y), (x + 66, y)])
    canvas.head(x + 74, y)
    canvas.text(x + 33, y - 6, "value", "value")
    lines = ["above the edge: value", "small number: order of evaluation"]
    if differentiated:
        canvas.text(x + 33, y + 15, "gradient", "gradient")
        of = _output(g) if not g.output.shape else "the loss"
        lines.insert(1, f"below: gradient of {of} with respect to that value")
    if shared:
        lines.append("+ at an arrow: what this use adds to the gradient")
    if folded:
        lines.append("a cut line goes on at the same mark in the next row")
    room = max(canvas.box[2] - x, _NARROW) - 86
    wrapped = [part for line in lines for part in _wrap(line, room)]
    for k, line in enumerate(wrapped):
        canvas.text(x + 86, y - 4 + 17 * k, line, anchor="start", size=12, sans=True)


def _wrap(text: str, room: float) -> list[str]:
    """The text in lines of at most that width, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and sans_width(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _output(g: Graph) -> str:
    """What to call the output: its name, if the user gave it one."""
    return "the output" if g.output.name == f"v{g.output.step}" else g.output.name


def words(g: Graph) -> str:
    """The graph in words: every node's value and gradient, and what each use contributes."""
    lines = ["Inputs"]
    for n in g.inputs.values():
        lines.append(f"  {n.name} = {spoken(n.value)}" + _gradient_words(n))
    constants = [n for n in g.nodes if n.op == "constant" and n.shape]
    lines += [f"  constant = {spoken(n.value)}" for n in constants]
    lines.append("Steps, in order of evaluation")
    for n in g.schedule().forward:
        lines.append(f"  {n.step}. {n.name} = {_formula(g, n)} = {spoken(n.value)}" + _gradient_words(n))
        for e in (e for e in g.edges if e.target == n.id and e.contribution is not None):
            assert e.contribution is not None
            local = f", local derivative {number(e.local)}" if e.local is not None else ""
            lines.append(f"     gives {g.nodes[e.source].name} the gradient {spoken(e.contribution)}{local}")
    for n in g.nodes:
        uses = [e for e in g.uses(n) if e.contribution is not None]
        if n.gradient is not None and len(uses) > 1:
            lines.append(
                f"{n.name} is used {len(uses)} times: its gradient is the sum of {len(uses)} contributions"
            )
    lines.append(f"Output: {g.output.name}")
    return "\n".join(lines)


def _gradient_words(n: Node) -> str:
    return "" if n.gradient is None else f"; gradient {spoken(n.gradient)}"


def _formula(g: Graph, n: Node) -> str:
    names = [
        number(m.value) if m.op == "constant" and not m.shape else m.name
        for m in (g.nodes[i] for i in n.inputs)
    ]
    if len(names) == 2 and not OPS[n.op].symbol.isalpha():
        return f"{names[0]} {OPS[n.op].symbol} {names[1]}"
    if n.op == "getitem":
        return f"{names[0]}{_caption(g, n)}"
    if n.op == "negative":
        return f"−{names[0]}"
    return f"{n.label}({', '.join(names)})"
