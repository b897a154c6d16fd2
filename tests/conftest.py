"""What several test files share: a quiet hypothesis, the built book, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# The same examples in every run, and no deadline: how busy the machine is must not change a verdict.
settings.register_profile(
    "handgrad", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("handgrad")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests say they tried, also from parallel workers, whose output pytest keeps to itself."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "tried":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


def book_sources() -> list[Path]:
    """Every file and folder that a change in the book would touch."""
    inside = [p for p in (ROOT / "book").rglob("*") if not {"__pycache__", ".ipynb_checkpoints"} & {*p.parts}]
    return [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "requirements.txt", ROOT / "book", *inside]


def build_book(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build the book at `source` into `out`/_build/html as `make book` does: clean, warnings are errors."""
    command = [Path(sys.executable).parent / "jupyter-book", "build", source, "--path-output", out]
    return subprocess.run([*command, "-W", "-n", "--keep-going", "-q"], capture_output=True, text=True)


@pytest.fixture(scope="session")
def build() -> Any:
    """The function that builds a book."""
    return build_book


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built book: the one that make built if it is up to date, else a fresh one."""
    stamp = ROOT / "_build" / ".complete"
    if stamp.is_file() and all(p.stat().st_mtime <= stamp.stat().st_mtime for p in book_sources()):
        return ROOT / "_build" / "html"
    out = tmp_path_factory.mktemp("book")
    done = build_book(ROOT, out)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return out / "_build" / "html"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture(scope="session")
def serve() -> Iterator[Any]:
    """A function that serves a folder on a free local port and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium of the machine's own, with an empty profile."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail("no Chromium found: run `make chromium`, or name one with CHROMIUM=/path/to/chrome")
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=found, headless=True, args=FLAGS)
        yield program
        program.close()
