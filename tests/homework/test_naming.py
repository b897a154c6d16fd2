"""Names that students chose, as file names and as text: harmless, and no two the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.homework import naming

HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@~ -]*[A-Za-z0-9_@~-]|[A-Za-z0-9_]")


@pytest.mark.parametrize(
    "name", ["ada", "ada-lovelace", "s1234567", "ada@uni.edu", "ada lovelace", "a", "v1.2"]
)
def test_a_plain_name_is_its_own_stem(name):
    assert naming.stem(name) == name


def test_capitals_are_marked_so_that_a_file_system_without_case_keeps_two_students_apart():
    assert naming.stem("Ada") == "Ada~1"
    assert naming.stem("AdaLovelace") == "AdaLovelace~9"
    assert naming.stem("aDA") == "aDA~6"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../../etc/passwd",
            "/etc/passwd",
            "C:\\temp\\x",
            "a/b",
            "a\\b",
            "..",
            ".",
            "",
            " ",
            " ada",
            "ada ",
            "ada.",
        ),
        *(
            "con",
            "NUL",
            "aux.txt",
            "com1",
            "Lpt9.old",
            "prn .x",
            "-rf",
            "=1+1",
            "@sum",
            "+1",
            "~",
            "~root",
            "a%2fb",
        ),
        *(
            "\x00",
            "a\nb",
            "\x1b[31mred",
            "x" * 65,
            "x" * 5000,
            "аda",
            "ad\u0430",
            "José",
            "Jose\u0301",
            "ＡＤＡ",
            "名前",
        ),
        *(
            "a\u202eipynb.exe",
            "a\u200bb",
            "ad\udce9",
            "<script>",
            "a:b",
            "a*b",
            "a?b",
            'a"b',
            "a|b",
            "a#b",
            "a&b",
            "ada~1",
        ),
    ],
)
def test_any_other_name_gives_a_harmless_stem_that_is_not_the_name(name):
    got = naming.stem(name)
    assert HARMLESS.fullmatch(got)
    assert got.lower() != name.lower()
    assert len(got) <= 90
    assert not naming.RESERVED.fullmatch(got.lower())
    assert got == naming.stem(name)


def test_names_that_look_alike_have_stems_that_do_not():
    names = [
        "ada",
        "Ada",
        "ADA",
        "аda",
        "ad\u0430",
        "ａda",
        "a\u200bda",
        "ada.",
        "ada ",
        "ada\u00a0",
        "José",
        "Jose\u0301",
    ]
    assert len({naming.stem(name).lower() for name in names}) == len(names)


NAMES = st.text(st.characters(codec=None), max_size=80) | st.text("aA~1.@- b", max_size=8)


@given(NAMES, NAMES)
def test_two_names_never_share_a_stem(one, other):
    assert (naming.stem(one).lower() == naming.stem(other).lower()) == (one == other)
    assert HARMLESS.fullmatch(naming.stem(one))


def test_what_is_shown_is_one_line_without_control_and_direction_characters():
    assert naming.shown("a\nb\x1b[2Jc\u202ed\u200be\udce9") == "a\\x0ab\\x1b[2Jc\\u202ed\\u200be\\udce9"
    assert naming.shown("Łukasz Żółć") == "Łukasz Żółć"
    assert len(naming.shown("x" * 1000)) == naming.SHOWN


def test_long_names_of_students_are_cut_and_stay_different():
    one, other = naming.student("x" * 500 + "1"), naming.student("x" * 500 + "2")
    assert one != other
    assert len(one) < 130
    assert naming.student("  ") == "(no name)"


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "ada"), ("José", "Jose\u0301"), ("ＡＤＡ", "ada"), ("STRASSE", "straße")]
)
def test_names_that_a_file_system_takes_for_one_share_a_key(one, other):
    assert naming.key(one) == naming.key(other)
    assert naming.key(one) != naming.key(other + "x")
