"""The command `handgrad`: check a file of functions, derive gradients, sync the homework, start something new.

Each sub-command imports what it needs when it runs, so that `handgrad check` asks for NumPy alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from handgrad.errors import HandgradError, layout

if TYPE_CHECKING:
    from handgrad.derive import Derivation, Proof
    from handgrad.layers import Layer

__all__ = ["main"]

_ROUTES = ("elements", "shapes", "vec", "graph", "all")
_LONGEST = 100_000  # bytes of a forward pass; derive itself stops sooner, with words


class _SizesError(HandgradError):
    """Sizes of axes that cannot be read."""


class _FileError(HandgradError):
    """A student's file that cannot be loaded, or that holds no function to check."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 if all is well, 1 if not.

    Prints errors of handgrad's own to stderr. Raises SystemExit(2) for a misspelt command, as argparse does.
    """
    _plain_output()
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except HandgradError as error:
        print(error, file=sys.stderr)
    except ModuleNotFoundError as error:
        if args.extra is None:
            raise
        step = f'pip install "handgrad[{args.extra}]", or make a copy ready with: make test'
        print(layout(f"handgrad {args.command}", f"needs {error.name}", step=step), file=sys.stderr)
    return 1


def _plain_output() -> None:
    """Let a console that lacks a character such as ✓ print a substitute instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _parser() -> argparse.ArgumentParser:
    from handgrad import __version__
    from handgrad.homework.command import add_arguments as add_grade_arguments

    parser = argparse.ArgumentParser(
        prog="handgrad", description="Derive neural-network gradients by hand, and prove each one right."
    )
    parser.add_argument("--version", action="version", version=f"handgrad {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")

    check = commands.add_parser(
        "check",
        help="check the functions in a Python file",
        description="Check SLUG_forward and SLUG_backward (or SLUG_loss) in FILE; plain forward, backward and "
        "loss are found too. The file is run. Exit code 0 if correct, 1 if not.",
    )
    check.add_argument("slug", nargs="?", metavar="SLUG", help="the layer, for example affine")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE.py", help="your file")
    check.add_argument("--list", action="store_true", help="list the layers and their signatures")
    check.set_defaults(run=_check, parser=check, extra=None)

    derive = commands.add_parser(
        "derive",
        help="derive the gradients of a forward pass, every line proved",
        description="Read a forward pass from FILE, or from standard input if FILE is -, and print its derivation. "
        "Exit code 1 if it cannot be read, or if a line fails its proof.",
    )
    derive.add_argument(
        "file", metavar="FILE", help="the forward pass, declarations first; - for standard input"
    )
    derive.add_argument("--format", choices=tuple(_FORMATS), default="text", help="default: text")
    derive.add_argument(
        "--dout",
        metavar="AXES",
        help='the axes of the upstream gradient, for example "N C"; they are checked',
    )
    derive.add_argument("--no-symbolic", action="store_true", help="prove by numbers alone, without SymPy")
    derive.add_argument(
        "--route",
        choices=_ROUTES,
        help="write the backward pass by one route, or all of them and what each costs, as text or JSON",
    )
    derive.add_argument("--sizes", metavar="SIZES", help='of the costs of a route, for example "N=32 D=64"')
    derive.set_defaults(run=_derive, parser=derive, extra=None)

    sync = commands.add_parser(
        "sync",
        help="make exercises/ from solutions/",
        description="Write and execute exercises/SLUG/SLUG.ipynb from solutions/SLUG/SLUG.ipynb, for each SLUG or "
        "for all. Exit code 1 if an error, or with --check a difference, was found.",
    )
    sync.add_argument("slugs", nargs="*", metavar="SLUG")
    sync.add_argument("--check", action="store_true", help="write nothing; say what differs")
    sync.set_defaults(run=_sync, extra="homework")

    grade = commands.add_parser(
        "grade",
        help="grade a class's notebooks in a sandbox",
        description="Grade SUBMISSIONS of a homework, from a copy of the repository with its solutions/. Writes a page "
        "of feedback for each student, a page for the teacher, grades.csv, grades.json and nbgrader's gradebook.",
    )
    add_grade_arguments(grade)
    grade.set_defaults(run=_grade, parser=grade, extra="homework")

    new = commands.add_parser(
        "new",
        help="write the template of a layer, a chapter or a homework",
        description="Write a template into this copy of the repository, and say what to fill in.",
    )
    new.add_argument("kind", choices=("layer", "chapter", "homework"))
    new.add_argument("slug", metavar="SLUG", help="lower case, for example leaky_relu")
    new.set_defaults(run=_new, extra="homework")
    return parser


def _check(args: argparse.Namespace) -> int:
    from handgrad import check, layers

    if args.list:
        if args.slug is not None:
            args.parser.error("--list takes no SLUG")
        for slug in layers.names():
            print(_describe(layers.get(slug)))
        return 0
    if args.slug is None or args.file is None:
        args.parser.error("write: handgrad check SLUG FILE.py (or --list)")
    roles = find_functions(layers.get(args.slug), args.file)
    report = check(args.slug, **roles)
    print(report)
    return 0 if report.ok else 1


def _describe(layer: Layer) -> str:
    roles = ("loss",) if layer.is_loss else ("forward", "backward")
    lines = [f"{layer.slug}: {layer.doc.splitlines()[0] if layer.doc else ''}".rstrip(": ")]
    for role in roles:
        gives = {
            "forward": "out, cache",
            "backward": ", ".join(layer.grad_names),
            "loss": ", ".join(("loss", *layer.grad_names)),
        }[role]
        lines.append(f"  {layer.slug}_{role}{_signature(layer, role)} -> {gives}")
    return "\n".join(lines)


def _signature(layer: Layer, role: str) -> str:
    import inspect

    function = getattr(layer, role)
    return "(" + ", ".join(inspect.signature(function).parameters) + ")"


def find_functions(layer: Layer, path: Path) -> dict[str, Any]:
    """The functions of a student's file by role: `affine_forward` before `forward`, and so on.

    Runs the file. Raises HandgradError if it cannot be read or run, or holds none of the functions.
    """
    module = _load(path)
    wanted = ("loss",) if layer.is_loss else ("forward", "backward")
    found: dict[str, Any] = {}
    for role in wanted:
        for name in (f"{layer.slug}_{role}", role):
            if callable(getattr(module, name, None)):
                found[role] = getattr(module, name)
                break
    if not found:
        there = sorted(
            n
            for n, v in vars(module).items()
            if callable(v) and getattr(v, "__module__", "") == module.__name__
        )
        raise _FileError(
            layout(
                str(path),
                f"holds no function for {layer.slug}",
                [f"functions found: {', '.join(there) or 'none'}"],
                step="define " + " and ".join(f"{layer.slug}_{r}{_signature(layer, r)}" for r in wanted),
            )
        )
    return found


def _load(path: Path) -> ModuleType:
    try:
        text = path.read_bytes()
    except OSError as error:
        what = "is a folder" if path.is_dir() else "no such file" if not path.exists() else "cannot be read"
        raise _FileError(layout(str(path), what, step="give the path of a Python file")) from error
    if path.suffix == ".ipynb":
        step = "run the check in the notebook itself, or save the functions to a .py file"
        raise _FileError(layout(str(path), "is a notebook, not a Python file", step=step))
    try:
        code = compile(text, str(path), "exec")
    except (SyntaxError, ValueError) as error:
        raise _FileError(_syntax(path, error)) from None
    module = ModuleType("handgrad_checked_file")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _FileError(_raised(path, error)) from None
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _syntax(path: Path, error: Exception) -> str:
    if not isinstance(error, SyntaxError):
        return layout(str(path), "cannot be read as Python", [str(error)])
    line, column = error.lineno or 1, error.offset or 1
    text = (error.text or "").rstrip()
    details = [text, " " * (column - 1) + "^"] if text else []
    return layout(
        f"{path}, line {line}",
        f"{type(error).__name__}: {error.msg}",
        details,
        step="mend it and check again",
    )


def _raised(path: Path, error: BaseException) -> str:
    import traceback

    inside = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    where = f"{path}, line {inside[-1].lineno}" if inside else str(path)
    details = [inside[-1].line or ""] if inside else []
    try:
        said = f"{type(error).__name__}: {error}"
    except Exception:
        said = type(error).__name__
    return layout(
        where, f"the file stops with {said}", details, step="the file must run from top to bottom on its own"
    )


def _derive(args: argparse.Namespace) -> int:
    from handgrad.derive import derive, read

    if args.route is None and args.sizes is not None:
        args.parser.error("--sizes goes with --route")
    if args.route is not None and args.format not in ("text", "json"):
        args.parser.error("--route is written as text or json")
    text = _forward_pass(args.file)
    if args.dout is not None:
        text += f"\nd{read(text).out}: {args.dout}\n"
    derivation = derive(text)
    if args.route is not None:
        return _route(derivation, args)
    proof = derivation.prove(symbolic=not args.no_symbolic)
    print(_FORMATS[args.format](derivation, proof).rstrip("\n"))
    for line in proof.failing if args.format == "python" else ():
        print(f"# WRONG: {line.formula}", file=sys.stderr)
    return 0 if proof.ok else 1


def _route(derivation: Derivation, args: argparse.Namespace) -> int:
    """Print the routes asked for, each run on numbers; 1 if one does not apply, or gives other numbers."""
    import json

    from handgrad.derive.concordances import concordance

    table = concordance(derivation, _sizes(args.sizes))
    if args.route == "all":
        print(table.to_json() if args.format == "json" else table)
        return 0 if table.ok else 1
    entries = [entry for entry in table.entries if entry.route.route == args.route]
    found = [entry.route for entry in entries] or [r for r in table.missing if r.route == args.route]
    same = bool(entries) and all(entry.same for entry in entries)
    if args.format == "json":
        print(json.dumps({**found[0].to_data(), "same_numbers": same}, indent=1, ensure_ascii=False))
    else:
        print(found[0])
        if entries:
            print("The numbers are " + ("those" if same else "NOT those") + " of complex steps.")
    return 0 if same else 1


def _sizes(text: str | None) -> dict[str, int] | None:
    """The sizes of axes, from "N=32 D=64". Raises _SizesError for anything else."""
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.replace(",", " ").split()]
    for axis, sign, size in pairs:
        if not (axis and sign and size.isascii() and size.isdigit() and len(size) < 10):
            what = f"{axis}{sign}{size} is not an axis and its size"
            raise _SizesError(layout("--sizes", what, step='write --sizes "N=32 D=64"'))
    return {axis: int(size) for axis, _, size in pairs}


def _forward_pass(name: str) -> str:
    """The text of FILE, or of standard input. Raises _FileError if it cannot be read."""
    step = "give the path of a text file, or - for standard input"
    where = "standard input" if name == "-" else name
    try:
        if name == "-":
            return sys.stdin.buffer.read(_LONGEST).decode("utf-8-sig")
        with open(name, "rb") as file:
            return file.read(_LONGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _FileError(layout(where, "is not text in UTF-8", step=step)) from None
    except (OSError, ValueError) as error:
        path = Path(name)
        what = "is a folder" if path.is_dir() else "cannot be read" if path.exists() else "no such file"
        raise _FileError(layout(where, what, step=step)) from error


def _as_text(derivation: Derivation, proof: Proof) -> str:
    from handgrad.derive import render

    return render(derivation, proof)


def _as_markdown(derivation: Derivation, proof: Proof) -> str:
    from handgrad.derive.markdown import as_markdown

    return as_markdown(derivation, proof)


def _as_latex(derivation: Derivation, proof: Proof) -> str:
    from handgrad.derive.paper import as_latex

    return as_latex(derivation, proof)


def _as_html(derivation: Derivation, proof: Proof) -> str:
    from handgrad.derive.html import as_html

    return as_html(derivation, proof)


def _as_python(derivation: Derivation, proof: Proof) -> str:
    from handgrad.derive import emit

    return emit(derivation)


def _as_json(derivation: Derivation, proof: Proof) -> str:
    from handgrad.derive import to_json

    return to_json(derivation, proof)


_FORMATS: dict[str, Callable[[Derivation, Proof], str]] = {
    "text": _as_text,
    "markdown": _as_markdown,
    "latex": _as_latex,
    "html": _as_html,
    "python": _as_python,
    "json": _as_json,
}


def _sync(args: argparse.Namespace) -> int:
    from handgrad.homework.sync import find_root, homeworks, sync

    root = find_root(Path.cwd())
    found = sync(root, args.slugs, check=args.check)
    for difference in found:
        print(difference)
    if not found:
        count = len(args.slugs or homeworks(root))
        print(f"exercises/ is up to date ({count} homework{'' if count == 1 else 's'})")
    elif args.check:
        print("run: handgrad sync")
    return 1 if any(not difference.written for difference in found) else 0


def _grade(args: argparse.Namespace) -> int:
    from handgrad.homework.command import run

    return run(args)


def _new(args: argparse.Namespace) -> int:
    from handgrad.homework.scaffold import new
    from handgrad.homework.sync import find_root

    for line in new(find_root(Path.cwd()), args.kind, args.slug):
        print(line)
    return 0
