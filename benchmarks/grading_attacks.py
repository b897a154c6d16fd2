"""What else a grader must bear: answers that are right but noisy, and attacks, one notebook each, for all graders.

Everything here is harmless where it succeeds: an attack on files changes a copy made for it, one on the
network knocks at a door that this benchmark itself has opened.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.grading_peers import HIDDEN, ROOT, SLUG, Graded
from tests.submissions import FULL
from tests.submissions.answers import HEADS, function
from tests.submissions.dress import BODY, DRESSES, code_cell
from tests.submissions.hostile import CHEATS, WRONG

__all__ = ["ATTACKS", "LOCKED", "NOISES", "Scene", "notebook", "notebooks", "outcomes"]

NOISES = {
    "a NumPy warning": "numpy-warning",
    "a Python warning": "python-warning",
    "prints": "print",
    "plots": "plot",
}

_UP = """
import os, pathlib
def up(name):
    for start in (pathlib.Path.cwd(), *hints):
        for folder in (start, *start.parents):
            if (folder / name).exists():
                return folder / name
    raise FileNotFoundError(name)
hints = []
try:
    import handgrad
    hints.append(pathlib.Path(handgrad.__file__))
except Exception:
    pass
"""
_FROM_DISK = (
    f"{_UP}import json\ncells = json.loads(up('solutions/{SLUG}/{SLUG}.ipynb').read_text())['cells']\n"
    "for cell in cells:\n    if cell['metadata'].get('nbgrader', {}).get('solution'):\n"
    "        exec(''.join(cell['source']), globals())"
)
# Whatever file above or here holds a test that students are not shown, its text is written to a file of the student's.
_TESTS = (
    f"{_UP}texts = []\nfor name in ('solutions/{SLUG}/{SLUG}.ipynb', 'tests'):\n    try:\n        found = up(name)\n"
    "    except FileNotFoundError:\n        continue\n"
    "    texts += [path.read_text() for path in ([found] if found.is_file() else sorted(found.glob('*.py')))]\n"
    "open({taken!r}, 'w').write('\\n'.join(texts))"
)
# A pickle may hold any call, which is made by whoever reads it. This one notes down who that was.
_PICKLE = """
import os, pickle
called = CALLED
class Called:
    def __reduce__(self):
        words = f"import os; os.getpid() == {os.getpid()} or open({called!r}, 'w').write(str(os.getpid()))"
        return exec, (words,)
real = pickle.dump
pickle.dump = lambda value, file, *more, **options: real([Called(), value], file)
"""
_FRAMES = (
    "import sys\nframe = sys._getframe()\nwhile frame:\n"
    "    for value in [*frame.f_locals.values(), *frame.f_globals.values()]:\n"
    "        layer = value if hasattr(value, 'cases') else getattr(value, 'layer', None)\n"
    "        if hasattr(layer, 'cases') and getattr(layer, 'backward', None):\n"
    "            return layer.backward(dout, cache)\n    frame = frame.f_back\nreturn dout, dout, dout"
)
# name in the table: (what stands in a cell above wrong answers, answers in place of the wrong ones)
ATTACKS: dict[str, tuple[str, dict[str, str]]] = {
    "patches np.allclose": (CHEATS["patched-numpy"].added, {}),
    "patches the helper that judges": (CHEATS["patched-check"].added, {}),
    "returns a lying array class": ("", dict(CHEATS["equal-to-all"].cells)),
    "imports the package's own layers": ("", dict(CHEATS["layers"].cells)),
    "reads frames": ("", {"backward": function(HEADS["backward"], _FRAMES)}),
    "reads the reference solution from disk": ("", {"backward": _FROM_DISK}),
}
SHOWN = "backward-grade"  # the graded cell that shows whether an attack has worked
# What is done to the world outside; whether it worked is looked up there.
LOCKED = (
    "edits the gradebook or the results",
    "deletes another submission",
    "reaches the network",
    "reads the hidden tests and takes them out",
    "has code run in the grader's own process",
)
_TAMPER = "tampered by a submission"


class Scene:
    """Files and a door that attacks aim at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.knocked = False
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen()
        self.server.settimeout(0.05)
        self.port = int(self.server.getsockname()[1])

    @contextmanager
    def set(self) -> Iterator[dict[str, Path]]:
        """A decoy gradebook and a decoy submission; yields where they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        names = {
            "gradebook": "decoy.db",
            "submission": "decoy.ipynb",
            "tests": "taken.txt",
            "process": "called.txt",
        }
        targets = {what: self.folder / name for what, name in names.items()}
        for path in targets.values():
            path.write_text("untouched", encoding="utf-8")
        try:
            yield targets
        finally:
            try:
                while True:
                    self.server.accept()[0].close()
                    self.knocked = True
            except OSError:
                pass
            self.server.close()

    def attacks(self) -> dict[str, str]:
        """The cells, by the name in the table."""
        book, other = str(self.folder / "decoy.db"), str(self.folder / "decoy.ipynb")
        return {
            LOCKED[0]: f"open({book!r}, 'w').write({_TAMPER!r})",
            LOCKED[1]: f"import os\nos.remove({other!r})",
            LOCKED[2]: f"import socket\nsocket.create_connection(('127.0.0.1', {self.port}), 2).close()",
            LOCKED[3]: _TESTS.replace("{taken!r}", repr(str(self.folder / "taken.txt"))),
            LOCKED[4]: _PICKLE.replace("CALLED", repr(str(self.folder / "called.txt"))),
        }

    def worked(self, targets: Mapping[str, Path]) -> dict[str, bool]:
        """Which of them did what they are called."""
        book = targets["gradebook"]
        return {
            LOCKED[0]: not book.exists() or book.read_text(encoding="utf-8") != "untouched",
            LOCKED[1]: not targets["submission"].exists(),
            LOCKED[2]: self.knocked,
            LOCKED[3]: HIDDEN in targets["tests"].read_text(encoding="utf-8"),
            LOCKED[4]: targets["process"].read_text(encoding="utf-8").isdigit(),
        }


def notebook(cells: Mapping[str, str], added: str = "", noise: str = "") -> bytes:
    """The author's own notebook with other answers, a cell added, a dress put on."""
    nb: dict[str, Any] = json.loads((ROOT / "solutions" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = cells.get(grade_id, "".join(cell["source"]))
    if noise:
        import random

        DRESSES[noise][0](nb, random.Random(0))
    if added:
        nb["cells"].insert(3, code_cell(added))
    return json.dumps(nb).encode()


def notebooks(scene: Scene) -> dict[str, bytes]:
    """Every notebook of this part, by its name in the table."""
    assert set(NOISES.values()) <= set(BODY)
    made = {name: notebook({}, noise=noise) for name, noise in NOISES.items()}
    for name, (added, answers) in ATTACKS.items():
        made[name] = notebook({**WRONG, **answers}, added)
    for name, added in scene.attacks().items():
        made[name] = notebook({}, added)
    return made


def outcomes(graded: Graded, students: Mapping[str, str], worked: Mapping[str, bool]) -> dict[str, str]:
    """The words for the table: by name of the notebook, `students` being the files they were handed in as."""
    said = {}
    for name, student in students.items():
        points = graded.points.get(student)
        if name in worked:
            said[name] = "yes" if worked[name] else "no"
        elif points is None:
            said[name] = "no mark given"
        elif name in NOISES:
            lost = sum(FULL.values()) - sum(points.values())
            said[name] = "loses nothing" if lost == 0 else f"loses {lost:g} of {sum(FULL.values()):g}"
        else:
            got, of = points[SHOWN], FULL[SHOWN]
            said[name] = "full marks" if got == of else "nothing" if got == 0 else f"{got:g} of {of:g}"
    return said
