"""Axis tokens: how they are written, the shape they have, and what is wrong with a shape that does not fit.

A token is a name (`N`), an integer (`1`) or the unnamed rest `...`, which stands for zero or more axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

from handgrad.errors import ShapeError, UnknownNameError, layout, nearest

__all__ = ["REST", "Token", "Tokens", "broadcast", "classify", "explain", "letters", "product", "shape_of"]

Token = str | int
Tokens = tuple[Token, ...]
REST = "..."


def letters(tokens: Tokens) -> str:
    """Axis tokens as printed in messages.

    >>> letters(("D", "M")), letters(("M",)), letters(())
    ('(D, M)', '(M,)', '()')
    """
    return f"({', '.join(map(str, tokens))}{',' if len(tokens) == 1 else ''})"


def shape_of(tokens: Tokens, sizes: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape that axis tokens have at the given sizes.

    Raises UnknownNameError for an axis without a size.
    """
    shape: list[int] = []
    for token in tokens:
        if isinstance(token, int):
            shape.append(token)
        elif token not in sizes:
            raise UnknownNameError(
                layout("shapes", f"axis {token!r} has no size", step=nearest(token, sizes))
            )
        elif token == REST:
            shape.extend(sizes[token])
        else:
            shape.append(sizes[token])
    return tuple(shape)


def broadcast(left: Tokens, right: Tokens) -> Tokens:
    """The axes of an element-wise operation: NumPy's broadcasting, by names.

    >>> broadcast(("N", "C"), ("C",)), broadcast(("N", 1), ("N", "C"))
    (('N', 'C'), ('N', 'C'))

    Raises ShapeError, in one clause, where two axes of different names meet.
    """
    if left == right:
        return left
    out: list[Token] = []
    for i in range(1, max(len(left), len(right)) + 1):
        a = left[-i] if i <= len(left) else 1
        b = right[-i] if i <= len(right) else 1
        missing = i > min(len(left), len(right))
        if a != b and (1 not in (a, b) or (REST in (a, b) and not missing)):
            raise ShapeError(f"axis {a} cannot meet axis {b}")
        out.append(b if a == 1 else a)
    return tuple(out[::-1])


def product(left: Tokens, right: Tokens) -> Tokens:
    """The axes of a matrix product: NumPy's `@`, by names; axes before the last two broadcast.

    >>> product(("D", "N"), ("N", "C")), product(("N", "D"), ("D",))
    (('D', 'C'), ('N',))

    Raises ShapeError, in one clause, for a scalar and where the inner axes have different names.
    """
    if not left or not right:
        raise ShapeError("@ does not take a scalar, write *")
    inner, first = left[-1], right[-2 if len(right) > 1 else 0]
    if REST in left[-2:] + right[-2:]:
        raise ShapeError("@ cannot see which axes the unnamed rest ... has")
    if inner != first:
        raise ShapeError(f"@ sums over the inner axis, which is {inner} on the left and {first} on the right")
    return broadcast(left[:-2], right[:-2]) + left[-2:-1] + (right[-1:] if len(right) > 1 else ())


_MOST_AXES = 6
_Need = list[tuple[str, int | None]]
_Found = tuple[str, str | None] | None


def classify(expected: Tokens, got: Sequence[int], sizes: Mapping[str, Any]) -> str | None:
    """The slug of what is wrong with a shape, None if it is right.

    One of `transposed`, `kept-axis`, `flattened`, `unsummed-broadcast`, `summed-too-much`,
    `summed-over-wrong-axis`, `wrong-shape`.

    >>> classify(("M",), (7, 3), {"N": 7, "D": 5, "M": 3})
    'unsummed-broadcast'
    """
    found = _diagnose(expected, tuple(got), sizes)
    return found and found[0]


def explain(expected: Tokens, got: Sequence[int], sizes: Mapping[str, Any]) -> str | None:
    """Words for what is wrong with a shape; None if it is right, or if nothing known fits.

    An axis without a size stands for any size.

    >>> print(explain(("D", "M"), (3, 5), {"N": 7, "D": 5, "M": 3}))
    looks transposed: its axes are (M, D), expected (D, M) = (5, 3)
    """
    found = _diagnose(expected, tuple(got), sizes)
    return found and found[1]


def _diagnose(expected: Tokens, got: tuple[int, ...], sizes: Mapping[str, Any]) -> _Found:
    need: _Need = []
    for token in expected:
        if token != REST:
            need.append((str(token), token if isinstance(token, int) else sizes.get(token)))
        elif REST in sizes:
            need.extend((f"d{i}", size) for i, size in enumerate(sizes[REST], start=1))
        else:
            return "wrong-shape", None
    known = [size for _, size in need if size is not None]
    if len(got) == len(need) and all(size in (None, n) for n, (_, size) in zip(got, need, strict=True)):
        return None
    if max(len(got), len(need)) > _MOST_AXES:
        return "wrong-shape", None
    goal = letters(expected)
    if need and len(known) == len(need) and goal != str(tuple(known)):
        goal += f" = {tuple(known)}"
    for rule in (_transposed, _kept_axis, _flattened, _unsummed, _summed_too_much, _wrong_axis):
        found = rule(need, got, sizes, goal)
        if found is not None:
            return found
    return "wrong-shape", None


def _fits(need: _Need, got: Sequence[int], evidence: bool = True) -> bool:
    """Whether a shape fits; with evidence, some known size must be met unless all are known."""
    if len(need) != len(got) or any(size not in (None, n) for n, (_, size) in zip(got, need, strict=True)):
        return False
    known = sum(size is not None for _, size in need)
    return not evidence or known > 0 or not need


def _transposed(need: _Need, got: tuple[int, ...], sizes: Mapping[str, Any], goal: str) -> _Found:
    if len(got) != len(need):
        return None
    backwards = tuple(range(len(need)))[::-1]
    for order in (backwards, *permutations(backwards)):
        if _fits([need[i] for i in order], got):
            axes = letters(tuple(need[i][0] for i in order))
            return "transposed", f"looks transposed: its axes are {axes}, expected {goal}"
    return None


def _kept_axis(need: _Need, got: tuple[int, ...], sizes: Mapping[str, Any], goal: str) -> _Found:
    ones = [i for i, n in enumerate(got) if n == 1]
    for drop in combinations(ones, max(0, len(got) - len(need))):
        if drop and _fits(need, [n for i, n in enumerate(got) if i not in drop], evidence=False):
            where = " and ".join(map(str, drop))
            many = f"axes {where}, of size 1, were" if len(drop) > 1 else f"axis {where}, of size 1, was"
            pronoun = "them" if len(drop) > 1 else "it"
            return "kept-axis", f"looks as if {many} kept: expected {goal}, without {pronoun}"
    return None


def _flattened(need: _Need, got: tuple[int, ...], sizes: Mapping[str, Any], goal: str) -> _Found:
    left = [size for _, size in need]
    row = got
    if len(got) == len(left):  # a row or a column of all the entries: (1, 15) or (15, 1) for (5, 3)
        row = tuple(n for n in got if n != 1)
    if len(row) >= len(left) or None in left:
        return None
    for n in row:
        product = left.pop(0) if left else None
        while product is not None and product < n and left:
            product *= left.pop(0) or 1
        if product != n:
            return None
    if any(size != 1 for size in left):
        return None
    if list(got) == [size for _, size in need if size != 1]:
        return "flattened", f"looks as if an axis of size 1 was dropped: expected {goal}, with it"
    return "flattened", f"looks flattened: the entries are as many, but not reshaped to {goal}"


def _wrong_axis(need: _Need, got: tuple[int, ...], sizes: Mapping[str, Any], goal: str) -> _Found:
    """One axis that is not 1, and it has the size of another one: what a sum over the wrong axis leaves."""
    if len(got) != len(need) or any((n == 1) != (size == 1) for n, (_, size) in zip(got, need, strict=True)):
        return None
    long = [i for i, n in enumerate(got) if n != 1]
    if len(long) != 1 or need[long[0]][1] is None:
        return None
    size = got[long[0]]
    others = [axis for axis, n in sizes.items() if n == size]
    if not others:
        return None
    what = f"its axis is {' or '.join(others)}={size}, expected {goal}"
    return "summed-over-wrong-axis", f"looks summed over the wrong axis, or of the wrong array: {what}"


def _unsummed(need: _Need, got: tuple[int, ...], sizes: Mapping[str, Any], goal: str) -> _Found:
    labels: dict[int, list[str]] = {}
    for axis, size in sizes.items():
        for n in size if isinstance(size, tuple) else (size,):
            labels.setdefault(n, []).append(axis)
    if len(got) == len(need):  # an axis of size 1 in the specification is a sum that keeps its axis
        extra: tuple[int, ...] = tuple(i for i, n in enumerate(got) if need[i][1] == 1 and n != 1)
        choices = [extra] if _fits(need, [1 if i in extra else n for i, n in enumerate(got)]) else []
    else:
        drops = combinations(range(len(got)), max(0, len(got) - len(need)))
        choices = [d for d in drops if d and _fits(need, [n for i, n in enumerate(got) if i not in d])]
    for drop in choices:
        if drop and all(got[i] in labels for i in drop):
            over = " and ".join(f"{' or '.join(dict.fromkeys(labels[got[i]]))}={got[i]}" for i in drop)
            return "unsummed-broadcast", f"looks not summed over {over}: it has shape {got}, expected {goal}"
    return None


def _summed_too_much(need: _Need, got: tuple[int, ...], sizes: Mapping[str, Any], goal: str) -> _Found:
    for count in range(1, len(need) + 1):
        ways = []
        for drop in combinations(range(len(need)), count):
            if all(need[i][1] == 1 for i in drop):
                continue
            rest = [axis for i, axis in enumerate(need) if i not in drop]
            kept = [("1", 1) if i in drop else axis for i, axis in enumerate(need)]
            unsure = any(need[i][1] is None for i in drop) and not any(size is not None for _, size in rest)
            if not unsure and (_fits(rest, got) or _fits(kept, got)):
                ways.append(" and ".join(need[i][0] for i in drop if need[i][1] != 1))
        if ways:
            over = " or ".join(dict.fromkeys(ways))
            return "summed-too-much", f"looks summed over {over}, which must stay: expected {goal}"
    return None
