"""Who handed in what: folders, nbgrader's tree, zips, and all that is wrong with some of them."""

from __future__ import annotations

import io
import os
import pickle
import random
import stat
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest

from handgrad.errors import NotebookError
from handgrad.homework import collect as module
from handgrad.homework import listing
from handgrad.homework.collect import Submission, UnreadableSubmissionError, collect, stem, submission_bytes

NOTEBOOK = b'{"cells": []}'


def folder(root, *names, data=NOTEBOOK):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def archive(path, members, method=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, bytes) in this order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name written twice, which is the point
        with zipfile.ZipFile(path, "w", method) as out:
            for name, data in members:
                out.writestr(name, data)
    return path


def named(path, homework="affine"):
    """student -> submission."""
    found = list(collect(path, homework))
    assert len({sub.student for sub in found}) == len(found)
    return {sub.student: sub for sub in found}


def reasons(path, homework="affine"):
    return {student: sub.reason for student, sub in named(path, homework).items()}


def readable(path, homework="affine"):
    """student -> the file of each that can be read, having been read."""
    found = {}
    for sub in collect(path, homework):
        if not sub.reason:
            assert submission_bytes(sub) == NOTEBOOK
            found[sub.student] = sub.file
    return found


TREE = (
    "ada/affine/affine.ipynb",
    "bob/affine/affine.ipynb",
    "bob/softmax/softmax.ipynb",
    "cyd/softmax/softmax.ipynb",
)
IN_TREE = {"ada", "bob"}


# ---------------------------------------------------------------------------------------------- what is accepted


def test_a_folder_of_notebooks_is_read_sorted_and_what_is_no_submission_is_left_out(tmp_path):
    folder(tmp_path, "bob.ipynb", "ada.ipynb", "Cyd.IPYNB", "roster.csv", "notes.txt", "README.md")
    folder(
        tmp_path, ".ada.ipynb", "._ada.ipynb", ".ipynb_checkpoints/ada-checkpoint.ipynb", "__MACOSX/x.ipynb"
    )
    assert list(readable(tmp_path).items()) == [
        ("ada", "ada.ipynb"),
        ("bob", "bob.ipynb"),
        ("Cyd", "Cyd.IPYNB"),
    ]


@pytest.mark.parametrize("start", ["", "submitted/", "grading/submitted/"])
@pytest.mark.parametrize(
    "beside", [(), ("source/affine/affine.ipynb", "release/affine/affine.ipynb", "demo.ipynb")]
)
def test_nbgraders_tree_is_found_from_the_course_its_parent_or_itself(tmp_path, start, beside):
    folder(tmp_path, *(start + name for name in TREE))
    if start:
        folder(tmp_path, *beside)
    assert set(readable(tmp_path)) == IN_TREE
    assert readable(tmp_path / start) == {name: f"{name}/affine/affine.ipynb" for name in IN_TREE}


def test_a_course_without_submissions_does_not_grade_its_own_source(tmp_path):
    folder(
        tmp_path, "source/affine/affine.ipynb", "release/affine/affine.ipynb", "solutions/affine/affine.ipynb"
    )
    with pytest.raises(NotebookError, match="no submission of affine in it"):
        collect(tmp_path, "affine")


@pytest.mark.parametrize("top", ["", "week 3/", "exports/week 3/"])
@pytest.mark.parametrize(
    "names", [("ada.ipynb", "bob.ipynb"), TREE, tuple("submitted/" + name for name in TREE)]
)
def test_a_zip_of_either_is_read_with_or_without_a_top_folder(tmp_path, top, names):
    noise = ["__MACOSX/._ada.ipynb", "__MACOSX/x/affine/._x.ipynb", top + ".DS_Store"]
    noise += [top + ".ipynb_checkpoints/ada-checkpoint.ipynb"]
    path = archive(tmp_path / "a.zip", [(name, NOTEBOOK) for name in [*(top + n for n in names), *noise]])
    assert set(readable(path)) == IN_TREE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]  # nothing was unpacked


def test_a_zip_made_on_windows_with_backslashes_is_read(tmp_path):
    path = archive(tmp_path / "a.zip", [(name.replace("/", "\\"), NOTEBOOK) for name in TREE])
    assert set(readable(path)) == IN_TREE


def test_of_several_notebooks_the_one_with_the_homeworks_name_counts_else_the_only_one(tmp_path):
    folder(tmp_path, "ada/affine/affine.ipynb", "ada/affine/scratch.ipynb", "ada/affine/old/affine.ipynb")
    folder(
        tmp_path,
        "bob/affine/my answers.ipynb",
        "bob/affine/data.csv",
        "bob/affine/.ipynb_checkpoints/x.ipynb",
    )
    folder(tmp_path, "cyd/affine/deep/down/affine.ipynb", "dan/affine/one.ipynb", "dan/affine/two.ipynb")
    folder(tmp_path, "eve/affine/answers.txt")
    (tmp_path / "fay" / "affine").mkdir(parents=True)
    assert readable(tmp_path) == {
        "ada": "ada/affine/affine.ipynb",
        "bob": "bob/affine/my answers.ipynb",
        "cyd": "cyd/affine/deep/down/affine.ipynb",
    }
    said = reasons(tmp_path)
    assert said["dan"] == "which of one.ipynb, two.ipynb is it? Ask for one notebook, called affine.ipynb"
    assert said["eve"] == "no notebook is in the folder (there is answers.txt): ask for affine.ipynb"
    assert said["fay"] == "no notebook is in the folder: ask for affine.ipynb"


def test_loose_notebooks_beside_the_tree_are_not_dropped(tmp_path):
    folder(tmp_path, *TREE, "zoe.ipynb")
    assert set(readable(tmp_path)) == {*IN_TREE, "zoe"}


def test_a_learning_platforms_zip_has_a_folder_for_each_student(tmp_path):
    end = "assignsubmission_file_"
    members = [
        (f"Ada L_1042_{end}/affine.ipynb", NOTEBOOK),
        (f"Bob_1043_{end}/affine (1).ipynb", NOTEBOOK),
        (f"Cy_1044_{end}/solution.pdf", b"x"),
        (f"Dee_1045_{end}/week 3/my affine.ipynb", NOTEBOOK),
    ]
    for start in ("", "Homework 3/"):
        packed = archive(tmp_path / "a.zip", [(start + name, data) for name, data in members])
        assert set(readable(packed)) == {"Ada L_1042", "Bob_1043", "Dee_1045"}
        assert "there is solution.pdf" in reasons(packed)["Cy_1044"]
    assert set(readable(archive(tmp_path / "b.zip", members[:1]))) == {"Ada L_1042"}
    assert set(readable(folder(tmp_path / "c", "ada/x.ipynb", "bob/y.ipynb"))) == {"ada", "bob"}


def test_a_platforms_zip_without_folders_names_its_students_too(tmp_path):
    names = [f"Ada L_1042_assignsubmission_file_{file}.ipynb" for file in ("affine", "affine (2)")]
    assert set(readable(archive(tmp_path / "a.zip", [(names[0], NOTEBOOK)]))) == {"Ada L_1042"}
    two = reasons(archive(tmp_path / "b.zip", [(name, NOTEBOOK) for name in names]))
    assert "one student, 2 files" in two["Ada L_1042"]


def test_a_loose_notebook_hides_no_students_folder(tmp_path):
    folder(tmp_path, "ada.ipynb", "bob/homework.ipynb", "cyd/any name.ipynb")
    assert set(readable(tmp_path)) == {"ada", "bob", "cyd"}


def test_folders_of_homeworks_are_no_students(tmp_path):
    names = ("affine/ada.ipynb", "softmax/ada.ipynb")
    with pytest.raises(NotebookError, match="no submission of affine in it"):
        collect(folder(tmp_path, *names), "affine")


def test_a_submission_is_small_and_goes_to_a_worker_as_it_is(tmp_path):
    for path in (folder(tmp_path / "f", "ada.ipynb"), archive(tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK)])):
        (sub,) = collect(path, "affine")
        blob = pickle.dumps(sub)
        assert len(blob) < 1000
        assert submission_bytes(pickle.loads(blob)) == NOTEBOOK


def test_a_thousand_submissions_are_not_held_in_memory(tmp_path):
    folder(tmp_path / "f", *(f"s{i}.ipynb" for i in range(1000)), data=os.urandom(50_000))
    tracemalloc.start()
    count = sum(len(submission_bytes(sub)) == 50_000 for sub in collect(tmp_path / "f", "affine"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1000
    assert peak < 5_000_000  # all of them together have 50,000,000 bytes


# ------------------------------------------------------------------------------------- a path that is none of these


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "missing", "no such folder or zip\n  give a folder of STUDENT.ipynb"),
        (
            lambda p: folder(p, "ada.ipynb") / "ada.ipynb",
            "give the folder that holds the submissions, not one notebook",
        ),
        (
            lambda p: folder(p, "a.zip", data=b"PK\x03\x04 cut") / "a.zip",
            "it is no whole zip file: download it again",
        ),
        (
            lambda p: folder(p, "a.tar.gz") / "a.tar.gz",
            "is neither a folder nor a zip\n  unpack it and give the folder",
        ),
        (lambda p: p, "it holds 0 files, none of them STUDENT.ipynb"),
        (lambda p: folder(p, "roster.csv"), "it holds 1 file, none of them STUDENT.ipynb"),
        (
            lambda p: folder(p, "ada/softmax/softmax.ipynb"),
            "there are folders STUDENT/softmax/, but none STUDENT/affine/",
        ),
        (lambda p: archive(p / "a.zip", []), "it holds 0 files"),
        (lambda p: folder(p, "ada/affine.ipynb"), "no submission of affine in it"),
        (lambda p: folder(p, "ada/affine.ipynb") / "ada", "no submission of affine in it"),
    ],
)
def test_a_path_that_is_none_of_these_is_refused_at_once_with_a_next_step(tmp_path, make, words):
    with pytest.raises(NotebookError) as caught:
        collect(make(tmp_path), "affine")
    assert words in str(caught.value)


def test_a_zip_that_is_cut_off_is_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [(f"s{i}.ipynb", os.urandom(1000)) for i in range(9)])
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(NotebookError, match="download it again, or give the folder"):
        collect(path, "affine")


# ---------------------------------------------------------------------------------------------------- hostile folders


def test_no_link_is_followed_out_of_the_folder_or_within_it(tmp_path):
    secret = folder(tmp_path, "secret.ipynb") / "secret.ipynb"
    root = folder(tmp_path / "f", "ada.ipynb", "tree/x.ipynb")
    (root / "eve.ipynb").symlink_to(secret)
    (root / "mal.ipynb").symlink_to(root / "ada.ipynb")
    (root / "gone.ipynb").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root)
    said = reasons(root)
    assert said.pop("ada") == ""
    assert said == dict.fromkeys(
        ["eve", "mal", "gone"], "it is a link, which is not followed: ask for the notebook itself"
    )
    for student in said:
        with pytest.raises(NotebookError, match="it is a link"):
            submission_bytes(named(root)[student])


def test_no_link_in_nbgraders_tree_is_followed(tmp_path):
    elsewhere = folder(tmp_path / "elsewhere", "affine/affine.ipynb")
    root = folder(tmp_path / "f", "ada/affine/affine.ipynb", "bob/x.txt", "cyd/affine/x.txt")
    (root / "eve").symlink_to(elsewhere)
    (root / "bob" / "affine").symlink_to(elsewhere / "affine")
    (root / "cyd" / "affine" / "affine.ipynb").symlink_to(elsewhere / "affine" / "affine.ipynb")
    assert set(readable(root)) == {"ada"}
    said = reasons(root)
    assert {name for name in said if said[name].startswith("it is a link")} == {"bob", "cyd", "eve"}


def test_a_file_that_became_a_link_after_it_was_listed_is_not_followed(tmp_path):
    root = folder(tmp_path / "f", "ada.ipynb")
    (sub,) = collect(root, "affine")
    (root / "ada.ipynb").unlink()
    (root / "ada.ipynb").symlink_to(folder(tmp_path, "secret.ipynb") / "secret.ipynb")
    with pytest.raises(NotebookError, match=r"the file cannot be read .*: ask for the notebook again"):
        submission_bytes(sub)


def test_a_pipe_does_not_hold_up_the_batch_and_a_folder_is_no_notebook(tmp_path):
    root = folder(tmp_path, "ada.ipynb", "dir.ipynb/x.txt")
    os.mkfifo(root / "eve.ipynb")
    said = reasons(root)
    assert said["eve"] == "it is no ordinary file: ask for the notebook itself"
    assert said["dir"] == "it is a folder, not a notebook: ask for the .ipynb file itself"
    with pytest.raises(NotebookError, match="no ordinary file"):
        submission_bytes(Submission("eve", "eve.ipynb", str(root / "eve.ipynb")))


def test_what_was_handed_in_instead_of_a_notebook_is_named(tmp_path):
    root = folder(
        tmp_path, "ada.ipynb", "ada.pdf", "bob.zip", "cyd.py", "dan.ipynb.txt", "eve.ipynb.zip", "grades.xlsx"
    )
    said = reasons(root)
    assert said == {
        "ada": "",
        "bob": "it is an archive, not a notebook: ask for the .ipynb file itself",
        "cyd": "it is a Python file, not a notebook: ask for the .ipynb file itself",
        "dan": "its name ends in .ipynb.txt, as a browser stores it: rename it to .ipynb if it is the notebook",
        "eve": "it is an archive, not a notebook: ask for the .ipynb file itself",
    }


def test_a_notebook_over_the_cap_is_refused_with_both_numbers(tmp_path):
    for path in (
        folder(tmp_path / "f", "ada.ipynb", data=b"x" * 51),
        archive(tmp_path / "a.zip", [("ada.ipynb", b"x" * 51)]),
    ):
        (sub,) = collect(path, "affine")
        assert len(submission_bytes(sub, largest=51)) == 51
        with pytest.raises(
            NotebookError, match=r"has 51 bytes, more than the 50 that are read: .* outputs cleared"
        ):
            submission_bytes(sub, largest=50)
    assert module.LARGEST == 20_000_000


def test_an_empty_file_and_one_that_has_gone_are_named(tmp_path):
    root = folder(tmp_path, "ada.ipynb", "bob.ipynb", data=b"")
    ada, bob = collect(root, "affine")
    with pytest.raises(NotebookError, match="the file is empty: ask for the notebook again"):
        submission_bytes(ada)
    (root / "bob.ipynb").unlink()
    with pytest.raises(NotebookError, match=r"cannot be read \(No such file or directory\)"):
        submission_bytes(bob)


def test_a_folder_that_may_not_be_read_is_one_line_and_the_rest_goes_on(tmp_path, monkeypatch):
    root = folder(tmp_path, *TREE, "eve/affine/affine.ipynb")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "eve":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert reasons(root)["eve"] == "the folder cannot be read (Permission denied)"
    assert set(readable(root)) == IN_TREE


def test_a_folder_that_is_not_a_classs_is_refused_before_it_is_all_read(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MOST", 5)
    folder(tmp_path, *(f"s{i}.ipynb" for i in range(6)))
    with pytest.raises(NotebookError, match="it holds more than 5 files and folders"):
        collect(tmp_path, "affine")


# ------------------------------------------------------------------------------------------------------- hostile names


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_two_files_for_one_student_are_both_named_and_neither_is_graded(tmp_path, kind):
    names = ["Ada.ipynb", "ada.ipynb", "bob.ipynb", "Jos\u00e9.ipynb", "Jose\u0301.ipynb"]
    if kind == "zip":
        path = archive(tmp_path / "a.zip", [(name, NOTEBOOK) for name in names])
    else:
        path = folder(tmp_path / "f", *names)
    if kind == "folder" and len(list(path.iterdir())) < len(names):
        pytest.skip("the file system takes the two names for one")
    said = reasons(path)
    assert said["Ada"] == (
        "one student, 2 files: Ada.ipynb, ada.ipynb. Ask which one counts, and take the others away"
    )
    assert set(readable(path)) == {"bob"}
    assert len(said) == 3


def test_a_member_written_twice_and_a_student_in_both_layouts_are_two_files(tmp_path):
    path = archive(
        tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK), ("ada.ipynb", b"other"), ("bob.ipynb", NOTEBOOK)]
    )
    assert reasons(path)["ada"].startswith("one student, 2 files: ada.ipynb, ada.ipynb.")
    root = folder(tmp_path / "f", *TREE, "ada.ipynb")
    assert reasons(root)["ada"].startswith("one student, 2 files: ada.ipynb, ada/affine/affine.ipynb.")


def test_strange_names_are_shown_without_harm_and_have_their_own_stems(tmp_path):
    names = [
        "=1+1",
        "con",
        "NUL",
        "аda",
        "ada",
        " ",
        "a\x1b[31mb",
        "a\nb",
        "x" * 240,
        "a\u202eb",
        "<b>",
        "-rf",
        "~",
    ]
    root = folder(tmp_path / "f", *(name + ".ipynb" for name in names))
    (Path(os.fsdecode(os.fsencode(root) + b"/ad\xe9.ipynb"))).write_bytes(NOTEBOOK)
    found = named(root)
    assert len(found) == len(names) + 1
    for sub in found.values():
        assert sub.student.isprintable()
        assert sub.file.isprintable()
        sub.student.encode()
        assert sub.reason or submission_bytes(sub) == NOTEBOOK
    assert len({stem(student).lower() for student in found}) == len(found)
    assert found["(no name)"].reason == "its name has no student in it: ask whose it is"
    assert {"a\\x1b[31mb", "a\\x0ab", "a\\u202eb", "ad\\udce9"} <= set(found)


# -------------------------------------------------------------------------------------------------------- hostile zips


def link(name, to):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, to


def test_members_that_lead_out_of_the_archive_are_listed_and_never_read(tmp_path):
    away = [
        "../../eve.ipynb",
        "/etc/mal.ipynb",
        "..\\..\\win.ipynb",
        "C:\\x\\drive.ipynb",
        "ok/../../up.ipynb",
    ]
    path = archive(tmp_path / "a.zip", [(name, NOTEBOOK) for name in ["ada.ipynb", "../.ssh/keys", *away]])
    assert readable(path) == {"ada": "ada.ipynb"}
    said = reasons(path)
    assert set(said) == {"ada", *(name.removesuffix(".ipynb") for name in away)}
    assert said["../../eve"] == (
        "its name in the zip leads out of the archive, so it is not read: ask for the notebook itself"
    )
    only = archive(tmp_path / "b.zip", [("../../eve.ipynb", NOTEBOOK)])
    assert set(reasons(only)) == {"../../eve"}


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK), link("eve.ipynb", "/etc/passwd")])
    assert reasons(path) == {
        "ada": "",
        "eve": "it is a link or a device, not a file: ask for the notebook itself",
    }


def test_a_link_in_the_tree_of_a_zip_is_refused(tmp_path):
    path = archive(
        tmp_path / "a.zip", [(TREE[0], NOTEBOOK), link("eve/affine", "../ada/affine"), link("mal", "ada")]
    )
    assert set(readable(path)) == {"ada"}
    assert set(reasons(path)) == {"ada", "eve", "mal"}


def test_a_member_with_a_password_is_refused_and_the_rest_goes_on(tmp_path):
    path = archive(tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK), ("eve.ipynb", NOTEBOOK)])
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert reasons(path) == {"ada": "", "eve": "it is locked with a password: ask for it without one"}
    assert set(readable(path)) == {"ada"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_packed_so_that_a_block_could_fill_the_memory_is_refused(tmp_path, method):
    path = archive(tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK * 99)], method)
    assert reasons(path)["ada"] == (
        f"it is packed in a way that is not read here (method {method}): ask for the notebook itself"
    )


def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(tmp_path):
    path = archive(tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK), ("eve.ipynb", bytes(21_000_000))])
    assert readable(path) == {"ada": "ada.ipynb"}
    assert reasons(path)["eve"].startswith("it unpacks from 20,")
    assert reasons(path)["eve"].endswith(
        "to 21,000,000 bytes, as a zip bomb does: ask for the notebook itself"
    )
    mixed = bytes(20_000_000) + os.urandom(100_000)  # a ratio that a notebook may have
    path = archive(tmp_path / "b.zip", [("eve.ipynb", mixed)])
    (sub,) = collect(path, "affine")
    tracemalloc.start()
    with pytest.raises(NotebookError, match="has 20,100,000 bytes, more than the 20,000,000 that are read"):
        submission_bytes(sub)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_member_that_lies_about_its_size_gives_no_more_than_it_said(tmp_path):
    path = archive(tmp_path / "a.zip", [("eve.ipynb", os.urandom(1000) + bytes(400_000))])
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    path.write_bytes(data)
    (sub,) = collect(path, "affine")
    with pytest.raises(
        NotebookError, match=r"the file cannot be read \(Bad CRC-32 .*: ask for the notebook again"
    ):
        submission_bytes(sub)


def test_a_damaged_member_is_one_line_and_the_rest_goes_on(tmp_path):
    path = archive(
        tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK), ("eve.ipynb", os.urandom(5000))], zipfile.ZIP_STORED
    )
    data = bytearray(path.read_bytes())
    data[data.index(b"eve.ipynb") + 1000] ^= 0xFF
    path.write_bytes(data)
    ada, eve = collect(path, "affine")
    assert submission_bytes(ada) == NOTEBOOK
    with pytest.raises(NotebookError, match=r"cannot be read \(Bad CRC-32"):
        submission_bytes(eve)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """As in the bombs that quote one kernel many times: several entries of the directory, one local header."""
    kernel = io.BytesIO()
    archive(kernel, [("eve.ipynb", NOTEBOOK), ("ada.ipynb", NOTEBOOK)])
    data = kernel.getvalue()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    first = data[start : data.index(b"PK\x01\x02", start + 4)]
    copies = b"".join(first.replace(b"eve.ipynb", f"ev{i}.ipynb".encode()) for i in range(5))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 7, 7, end - start + len(copies), start, 0)
    path = tmp_path / "a.zip"
    path.write_bytes(data[:end] + copies + tail)
    assert readable(path) == {"ada": "ada.ipynb"}
    said = reasons(path)
    assert len(said) == 7
    assert said["ev3"] == (
        "it shares its bytes in the zip with another file, as in a zip bomb: ask for the notebook itself"
    )


def test_an_archive_in_an_archive_is_not_opened(tmp_path):
    inner = io.BytesIO()
    archive(inner, [("eve.ipynb", NOTEBOOK)])
    path = archive(tmp_path / "a.zip", [("ada.ipynb", NOTEBOOK), ("eve.zip", inner.getvalue())])
    assert reasons(path) == {
        "ada": "",
        "eve": "it is an archive, not a notebook: ask for the .ipynb file itself",
    }


def test_more_members_or_bytes_than_a_class_hands_in_are_refused_with_both_numbers(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", [(f"s{i}.ipynb", NOTEBOOK) for i in range(6)])
    assert len(readable(path)) == 6
    monkeypatch.setattr(listing, "MOST", 5)
    with pytest.raises(NotebookError, match="it holds 6 members, more than 5\n  unpack it yourself"):
        collect(path, "affine")
    monkeypatch.setattr(listing, "MOST", 6)
    monkeypatch.setattr(listing, "TOTAL", 50)
    with pytest.raises(NotebookError, match="its members have 78 bytes together, more than 50"):
        collect(path, "affine")


def test_names_in_a_zip_with_control_characters_and_great_length_are_shown_without_harm(tmp_path):
    names = ["a\x1b[31m.ipynb", "b\rc.ipynb", "x" * 60_000 + ".ipynb", "a\u202eb.ipynb", "con.ipynb"]
    found = named(archive(tmp_path / "a.zip", [(name, NOTEBOOK) for name in names]))
    assert len(found) == len(names)
    for sub in found.values():
        assert sub.student.isprintable()
        assert len(sub.student) < 130
        assert len(sub.file) <= 200
        assert submission_bytes(sub) == NOTEBOOK


def test_the_order_is_the_same_each_time_and_that_of_the_stems(tmp_path):
    names = ["b", "A", "a2", "a10", "Žan", "_x"]
    folder(tmp_path, *(name + ".ipynb" for name in names))
    once = list(collect(tmp_path, "affine"))
    assert once == list(collect(tmp_path, "affine"))
    assert [stem(sub.student).lower() for sub in once] == sorted(stem(name).lower() for name in names)


@pytest.mark.parametrize("seed", range(4))
def test_a_zip_changed_at_random_is_refused_or_read_and_never_breaks_the_run(tmp_path, seed):
    """Bytes of the directory and of the members replaced; nothing but the two named errors may come out."""
    data = archive(
        tmp_path / "a.zip", [(name, NOTEBOOK * 9) for name in (*TREE, "José.ipynb", "x.zip")]
    ).read_bytes()
    directory, draw, ends = data.index(b"PK\x01\x02"), random.Random(seed), set()
    for _ in range(200):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 6)):
            place = draw.randrange(directory if draw.random() < 0.7 else 0, len(changed))
            changed[place] = draw.choice([0, 255, ord("/"), ord("."), draw.randrange(256)])
        path = tmp_path / "b.zip"
        path.write_bytes(changed)
        try:
            found = list(collect(path, "affine"))
        except NotebookError:
            ends.add("refused")
            continue
        for sub in found:
            assert sub.student.isprintable()
            try:
                submission_bytes(sub)
                ends.add("read")
            except UnreadableSubmissionError:
                ends.add("unreadable")
    assert ends == {"refused", "read", "unreadable"}
