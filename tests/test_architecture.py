"""The package's shape: which way imports go, what the core depends on, how long a module may be."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# What stands further right may import what stands left of it, directly or through helpers; never the other way.
# A helper module needs no place here: what it imports counts as imported by whoever imports it.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("shapes",),
    ("formula", "numeric", "layers"),
    ("report",),
    ("diagnose",),
    ("checking",),
    ("derive", "graph"),
    ("draw",),
    ("widgets", "homework"),
    ("cli",),
)
CORE = ("errors", "shapes", "formula", "numeric", "layers", "report", "diagnose", "checking")
LONGEST = 320  # lines of code, "about 300"; blank lines, comments and docstrings are not counted


def unit(path: Path, package: Path) -> str:
    """The part that a file belongs to: its folder or its module, directly below the package."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def modules(node: ast.AST, path: Path, package: Path) -> Iterator[str]:
    """The dotted names that an import statement may bring in; `from a import b` may mean the module a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        folder = path.parent.relative_to(package.parent).parts
        base = ".".join(folder[: len(folder) - node.level + 1]) if node.level else ""
        name = ".".join(filter(None, (base, node.module)))
        yield from (f"{name}.{alias.name}" for alias in node.names)


def imports(path: Path, package: Path) -> tuple[set[str], set[str]]:
    """The parts of the package that a file imports ("" for the package itself), and the other packages.

    Imports inside functions and under TYPE_CHECKING count too.
    """
    own: set[str] = set()
    other: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for name in modules(node, path, package):
            first, _, rest = name.partition(".")
            if first != package.name:
                other.add(first)
                continue
            part = rest.split(".")[0]
            exists = (package / part).is_dir() or (package / f"{part}.py").is_file()
            own.add(part if part and exists else "")
    return own - {unit(path, package)}, other


def graph(package: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """For each part of the package: the parts it imports, and the other packages it imports."""
    own: dict[str, set[str]] = {}
    other: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        if path.parent == package and path.name in ("__init__.py", "__main__.py"):
            continue
        if "templates" in path.relative_to(package).parts:
            continue
        inside, outside = imports(path, package)
        own.setdefault(unit(path, package), set()).update(inside)
        other.setdefault(unit(path, package), set()).update(outside)
    return own, other


def reached(start: str, own: dict[str, set[str]]) -> dict[str, list[str]]:
    """Each part that `start` imports, directly or not, with a chain of imports that leads to it."""
    chains = {start: [start]}
    queue = [start]
    while queue:
        part = queue.pop(0)
        for following in sorted(own.get(part, ())):
            if following not in chains:
                chains[following] = [*chains[part], following]
                queue.append(following)
    return {part: chain for part, chain in chains.items() if part != start}


def wrong_way(package: Path) -> list[str]:
    own, _ = graph(package)
    rank = {name: place for place, names in enumerate(ORDER) for name in names}
    found = [
        " -> ".join(chain)
        for part in sorted(rank.keys() & own.keys())
        for target, chain in reached(part, own).items()
        if target in rank and rank[target] >= rank[part]
    ]
    found += [
        f"{part} -> {package.name} (the package itself)" for part in own if "" in own[part] and part != "cli"
    ]
    found += [
        " -> ".join([*chain, part])
        for part in sorted(own)
        for target, chain in reached(part, own).items()
        if part in own.get(target, ()) and target != part
    ]
    return found


def core_strangers(package: Path) -> list[str]:
    own, other = graph(package)
    found = []
    for part in CORE:
        for used in (part, *reached(part, own)):
            strangers = other.get(used, set()) - {"numpy"} - sys.stdlib_module_names
            found += [f"{part}: {used} imports {name}" for name in sorted(strangers)]
    return found


def code_lines(source: str) -> int:
    """Lines that hold code: blank lines, comments and docstrings are not counted."""
    lines: set[int] = set()
    quiet = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in quiet:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for item in body if isinstance(body, list) else []:
            if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and item.end_lineno:
                lines.difference_update(range(item.lineno, item.end_lineno + 1))
    return len(lines)


def too_long(package: Path) -> list[str]:
    counts = {path: code_lines(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    return [
        f"{p.relative_to(package)}: {n} lines of code, {LONGEST} at most"
        for p, n in counts.items()
        if n > LONGEST
    ]


def test_imports_go_one_way() -> None:
    assert wrong_way(ROOT / "handgrad") == []


def test_the_core_depends_on_numpy_alone() -> None:
    assert core_strangers(ROOT / "handgrad") == []


def test_no_module_is_too_long_to_read_at_once() -> None:
    assert too_long(ROOT / "handgrad") == []


def test_notebooks_are_never_imported_and_nothing_imports_the_tests() -> None:
    _, other = graph(ROOT / "handgrad")
    assert not set().union(*other.values()) & {
        "book",
        "exercises",
        "solutions",
        "tests",
        "benchmarks",
        "conftest",
    }


# ---- each check says no --------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package in order: checking -> helper -> numeric -> errors."""
    folder = tmp_path / "handgrad"
    files = {
        "__init__.py": "from handgrad.checking import check\n",
        "errors.py": "import ast\n",
        "numeric.py": "import numpy as np\nfrom handgrad.errors import HandgradError\n",
        "layers/__init__.py": "from . import relu\n",
        "layers/relu.py": "from handgrad import errors\n",
        "helper.py": "from . import numeric\n",
        "checking.py": "from handgrad import helper, layers\n",
        "draw/__init__.py": "import matplotlib\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_package_in_order_passes(package: Path) -> None:
    assert wrong_way(package) == []
    assert core_strangers(package) == []
    assert too_long(package) == []


@pytest.mark.parametrize(
    ("name", "text", "chain"),
    [
        ("errors.py", "from handgrad.numeric import f\n", "errors -> numeric"),
        ("numeric.py", "from handgrad import layers\n", "numeric -> layers"),
        ("layers/relu.py", "from ..checking import check\n", "layers -> checking"),
        ("layers/relu.py", "from handgrad import check\n", "layers -> handgrad (the package itself)"),
        ("numeric.py", "def f():\n    import handgrad.checking\n", "numeric -> checking"),
        ("errors.py", "from handgrad.helper import f\n", "errors -> helper -> numeric"),
        ("helper.py", "from handgrad import other\n", "helper -> other -> helper"),
    ],
)
def test_an_import_the_wrong_way_is_found(package: Path, name: str, text: str, chain: str) -> None:
    (package / "other.py").write_text("from handgrad import helper\n")
    (package / name).write_text(text)
    assert chain in wrong_way(package)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("numeric.py", "def f():\n    from scipy import stats\n", "numeric: numeric imports scipy"),
        ("helper.py", "import sympy.core\n", "checking: helper imports sympy"),
        ("layers/relu.py", "from . import draw\nfrom .. import draw\n", "layers: draw imports matplotlib"),
    ],
)
def test_a_strange_import_in_the_core_is_found(package: Path, name: str, text: str, message: str) -> None:
    (package / name).write_text(text)
    assert message in core_strangers(package)


def test_a_long_module_is_found_and_its_docstrings_do_not_count(package: Path) -> None:
    (package / "errors.py").write_text('"""' + "a\n" * 400 + '"""\n' + "# why\n\n" + "x = 1\n" * LONGEST)
    assert too_long(package) == []
    (package / "errors.py").write_text("x = 1\n" * (LONGEST + 1))
    assert too_long(package) == ["errors.py: 321 lines of code, 320 at most"]
