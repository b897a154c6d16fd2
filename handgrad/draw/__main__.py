"""Write a picture of the project to standard output: `python -m handgrad.draw overview`."""

from __future__ import annotations

import sys

from handgrad.draw.overview import overview
from handgrad.errors import layout, nearest

PICTURES = {"overview": overview}


def main(arguments: list[str]) -> int:
    """Print the SVG of the picture that is named; the status is 2 where none is."""
    if len(arguments) != 1 or arguments[0] not in PICTURES:
        given = " ".join(arguments)
        sys.stderr.write(layout("draw", f"no picture {given!r}", step=nearest(given, PICTURES)) + "\n")
        return 2
    sys.stdout.buffer.write((PICTURES[arguments[0]]().svg + "\n").encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
