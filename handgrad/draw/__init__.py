"""Pictures of gradients: byte-stable, accessible SVG that follows the page's light or dark mode.

Every function gives a `Picture`: a notebook shows it, `.svg` is its source, `.text` says the same in words.
"""

from __future__ import annotations

from handgrad.draw.computation import graph
from handgrad.draw.heat import jacobian, matrix
from handgrad.draw.products import product
from handgrad.draw.svg import Picture
from handgrad.draw.uses import fanout

__all__ = ["Picture", "fanout", "graph", "jacobian", "matrix", "product"]
