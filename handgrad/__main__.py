"""`python -m handgrad`: the command line without the installed script."""

from __future__ import annotations

import sys

from handgrad.cli import main

if __name__ == "__main__":
    sys.exit(main())
