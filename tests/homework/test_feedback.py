"""A student's page: what it says, what it never says, and that nothing of a submission comes alive in it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from handgrad import check, check_gradient, check_shape, layers
from handgrad.homework.feedback import book_address, page, published
from handgrad.homework.pages import MOST_LINES, highlight
from handgrad.homework.pages.words import heading, take_apart, without_answer
from handgrad.homework.results import CellFailure, PartResult, Result
from tests.homework import page_samples as samples

TITLE = "Homework: the affine layer"


def read(result: Result, **more) -> samples.Reader:
    return samples.Reader(page(result, TITLE, **more))


def one(*reports, points=0.0, most=2.0, **more) -> Result:
    """A result of one part."""
    part = samples.part("only-grade", "Part 1. Only (2 points)", points, most, *reports, **more)
    return Result("Ada", "affine", "ada.ipynb", "0" * 64, "graded", parts=(part,))


# ---------------------------------------------------------------- what it says


def test_the_points_stand_first_then_every_part_with_its_own():
    text = read(samples.full_result()).text
    assert text.index("9 of 27 points") < text.index("Part 1. Forward")
    assert "Part 2. Backward partly right 4 of 5" in text
    assert "Part 3. On paper: samples as columns partly right 1 of 4" in text
    assert "Part 7. One weight, two uses stopped 0 of 4" in text


def test_what_is_right_is_said_before_what_is_wrong():
    text = read(one(samples.affine(), points=1)).text
    assert text.index("✓ Right: out, dx and dw.") < text.index(
        "db has shape (7, 5), expected shape (M,) = (5,)"
    )


def test_a_finding_has_the_words_of_the_diagnosis_and_its_next_step():
    text = read(one(samples.mistaken("batchnorm", "missing-path:mean"))).text
    assert "the path through the mean is missing from dx: each x moves the mean" in text
    assert "Next step: draw the graph; the gradient is the sum over every path" in text


def test_the_opening_names_the_part_to_go_on_with():
    opening = "One part is completely right. A good place to go on: Part 2. Backward."
    assert opening in read(samples.full_result()).text


def test_full_points_are_praised_and_nothing_is_asked():
    layer = layers.get("affine")
    text = read(one(check("affine", forward=layer.forward), points=2, see="05_affine")).text
    assert "Everything is right. Well done." in text
    assert "Next step" not in text
    assert "Read again" not in text


def test_a_gradient_of_a_wrong_forward_is_said_to_be_right_for_it():
    layer = layers.get("affine")

    def forward(x, w, b):
        out, cache = layer.forward(x, w, b)
        return 2 * out, cache

    def backward(dout, cache):
        return layer.backward(2 * dout, cache)

    text = read(one(check("affine", forward=forward, backward=backward), points=1)).text
    assert "dx, dw and db: the right gradient of your own forward." in text


def test_a_part_that_is_not_attempted_is_said_kindly_and_once():
    text = read(one(check("affine", forward=lambda x, w, b: None))).text
    assert "You have not attempted this part yet." in text
    assert text.count("not attempted") == 2  # here and in the table


def test_the_rest_of_a_part_that_is_unfinished_is_listed():
    text = read(
        one(check("softmax", loss=lambda x, y: (layers.get("softmax").loss(x, y)[0], None)), points=1)
    ).text
    assert "✓ Right: loss." in text
    assert "– Not attempted yet: dx." in text


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (
            "twin: it ran out of instructions: a loop that does not end",
            "Look for a loop that never ends, or one",
        ),
        ("it ran out of time: it waited for something", "an input() that waits for you"),
        ("it ran out of memory", "an array that grows with every step"),
        ("it printed more than is kept", "Take out the prints inside loops"),
        ("it ended the whole program", "Take out exit()"),
        ("something new", "Run the notebook from the top"),
    ],
)
def test_a_limit_is_named_with_what_to_do(words, advice):
    part = PartResult("a", "Part 1", 0, 2, "stopped", stopped=words)
    text = read(replace(one(), parts=(part,))).text
    assert words in text
    assert advice in text


def test_every_way_to_be_stopped_has_advice_of_its_own():
    from handgrad.homework.sandbox import ENDINGS

    said = set()
    for words in ENDINGS.values():
        part = PartResult("a", "Part 1", 0, 2, "stopped", stopped=words)
        said.add(re.search(r"Next step: (.*?\.)", read(replace(one(), parts=(part,))).text)[1])
    assert len(said) == len(ENDINGS)
    assert not any(step.startswith("Run the notebook") for step in said)


def test_a_part_whose_own_cell_failed_says_so_there_and_others_stand_aside():
    text = read(samples.full_result()).text
    part, aside = (
        text.index("Part 8. A cell that cannot run 0 of 2"),
        text.index("Cells that stopped with an error"),
    )
    assert (
        part < text.index("Cell 9 stopped with an error.") < text.index("SyntaxError: expected ':'") < aside
    )
    assert aside < text.index("Cell 12: NameError: name 'plt' is not defined")
    assert "These cost no points by themselves" in text


def test_notes_are_shown():
    assert "The notebook was made with handgrad 0.0.9." in read(samples.full_result()).text


def test_a_warning_says_that_it_costs_nothing():
    def backward(dout, cache):
        result = layers.get("affine").backward(dout, cache)
        dout *= 2
        return result

    report = check("affine", forward=layers.get("affine").forward, backward=backward)
    text = read(one(report, points=2)).text
    assert "Take care: affine.backward: dout was changed in place" in text
    assert "This costs no points here." in text


def test_what_is_wrong_elsewhere_costs_nothing_in_a_part_with_full_points():
    forward = next(m.wrong for m in layers.get("affine").mistakes if m.name == "missing-bias")
    report = check("affine", forward=forward, backward=layers.get("affine").backward)
    text = read(one(report, points=2)).text
    assert "Take care: affine.forward: out is wrong" in text
    assert "This costs no points here." in text
    assert "✗" not in text


def test_nothing_attempted_is_told_where_to_start():
    report = check("affine", forward=lambda x, w, b: None)
    text = read(one(report, see="05_affine#sec-affine-batch")).text
    assert "Nothing is attempted yet. A good place to start: Part 1. Only." in text
    assert "Start with: chapter 5 of the book, section “affine batch”." in text


def test_several_questions_in_a_part_say_which_one_a_finding_is_about():
    html = page(samples.full_result(), TITLE)
    assert "<code>dX = W @ dY</code>" in html
    assert html.index("<code>dX = W @ dY</code>") < html.index("the shapes do not fit in W @ dY")


def test_a_caret_stays_under_the_code_that_it_points_at():
    found = take_apart(
        "formula, line 1: cannot be read\n  X.T @ (dS\n        ^\n  the ( is never closed", "call"
    )
    assert found.marked == "X.T @ (dS\n      ^"
    assert found.sentences == ("the ( is never closed",)


# ---------------------------------------------------------------- their own code


def test_their_own_code_is_shown_in_colours():
    html = page(samples.full_result(), TITLE)
    assert '<span class="k">def</span>' in html
    assert '<span class="c1"># still one row a sample</span>' in html
    assert '<span class="mf">1.0</span>' in html


def test_long_code_is_cut_and_says_by_how_much():
    html, cut = highlight("x = 1\n" * (MOST_LINES + 50))
    assert html.count("\n") == MOST_LINES
    assert cut == "51 more lines are not shown."
    html, _ = highlight("#" * 10**6)
    assert len(html) < 1000


def test_a_page_stays_small_whatever_a_submission_holds():
    part = samples.full_result().parts[1]
    finding = {**part.reports[0]["findings"][0], "message": "wrong " * 10**5}
    flood = replace(
        part,
        reports=({**part.reports[0], "findings": [finding] * 1000},),
        code={str(i): "print(1)\n" * 10**4 for i in range(100)},
    )
    failures = tuple(CellFailure(i, "", "x" * 10**5) for i in range(1000))
    result = replace(samples.full_result(), parts=(flood,), failures=failures, notes=("n" * 10**6,) * 1000)
    assert len(page(result, TITLE)) < 400_000


# ---------------------------------------------------------------- what it never says


def test_a_suspicion_and_the_seed_are_not_shown():
    html = page(samples.full_result(), TITLE)
    assert "84 times" not in html
    assert "5eed" not in html


def test_where_the_teacher_keeps_the_files_is_not_shown():
    for result in (samples.full_result(), samples.unreadable_result()):
        assert "/home" not in page(result, TITLE)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (
            "worst [3, 1]: yours 9.444, expected 2.125, tolerance 1e-09",
            "worst [3, 1]: yours 9.444, tolerance 1e-09",
        ),
        ("worst [3]: yours 9.444, expected -2.1e-05", "worst [3]: yours 9.444"),
        ("yours 3, truth 1.61", "yours 3"),
        ("yours 3, right value: 1.61, tolerance 1e-09 of its size", "yours 3, tolerance 1e-09 of its size"),
        ("worst [0]: yours 1, tolerance 1e-09 of the largest entry", "same"),
    ],
)
def test_a_true_number_is_taken_out_and_yours_is_kept(line, kept):
    got = without_answer(f"affine.backward: db is wrong\n  {line}\n  next: look")
    assert got == f"affine.backward: db is wrong\n  {line if kept == 'same' else kept}\n  next: look"


def test_no_entry_of_the_true_gradient_is_on_the_page():
    x = np.array([1.2345, -0.7531, 2.4689])
    report = check_gradient(lambda x: (x**3).sum(), {"x": x}, lambda: {"x": 3 * x})
    html = page(one(report), TITLE)
    assert any(f"yours {3 * value:.4g}" in html for value in x)
    assert not any(f"{3 * value**2:.4g}" in html for value in x)


def test_a_shape_that_was_asked_for_is_not_given_away():
    for answer in ((3, 5), (5,), (5, 1, 3)):
        report = check_shape(answer, "D M", sizes={"D": 5, "M": 3, "N": 7}, part="shape of dW")
        text = read(one(report)).text
        assert "(5, 3)" not in text
        assert "(D, M)" not in text
        assert f"shape of dW: {answer} is not the shape" in text


def test_the_expected_shape_of_a_gradient_stays():
    assert "expected shape (M,) = (5,)" in read(one(samples.affine())).text


# ---------------------------------------------------------------- links to the book


def test_a_part_that_lost_points_links_to_its_section():
    reader = read(samples.full_result(), book="https://example.org/site/")
    assert "https://example.org/site/book/08_batchnorm.html#the-mean-path" in reader.links


def test_without_an_address_the_section_is_named_in_words():
    reader = read(samples.full_result())
    assert "Read again: chapter 8 of the book, section “the mean path”." in reader.text
    assert all(link.startswith("#part-") for link in reader.links)


@pytest.mark.parametrize(
    "book", ["https://a.org", "http://localhost:8000/x", "../site", "site", "/site", "./"]
)
def test_an_address_may_be_on_the_web_or_relative(book):
    assert book_address(book, "05_affine#a-b") == f"{book.rstrip('/')}/book/05_affine.html#a-b"


@pytest.mark.parametrize(
    "book",
    ["", "javascript:alert(1)", " javascript:alert(1)//", "JaVaScRiPt:x/", "data:text/html,x", "//evil.example", "file:///etc",
     "java\nscript:x", "\\\\host\\share", "https://", "http://[", "https://a.org/?q", "https://a.org/#x", "vbscript:x"],
)  # fmt: skip
def test_no_other_address_becomes_a_link(book):
    assert book_address(book, "05_affine#a-b") == ""


@pytest.mark.parametrize(
    "see", ["", "../../etc", "05_affine#a b", 'x"onclick=', "a/b", "05_affine#<x>", "05_affine#"]
)
def test_a_section_with_an_odd_name_becomes_no_link(see):
    assert book_address("https://a.org", see) == ""


# ---------------------------------------------------------------- unreadable


def test_an_unreadable_submission_gets_the_reason_and_what_to_do():
    text = read(samples.unreadable_result()).text
    assert "Your notebook could not be read." in text
    assert "eve.ipynb: is not JSON: it ends in the middle of cell 3" in text
    assert "Restart Kernel and Run All Cells" in text
    assert "points" not in text


# ---------------------------------------------------------------- nothing comes alive


@pytest.mark.parametrize(
    "result", [samples.full_result(), samples.unreadable_result()], ids=["graded", "unreadable"]
)
def test_hostile_text_in_every_field_is_inert(result):
    bad = samples.poisoned(result)
    html = page(bad, samples.HOSTILE, book=samples.HOSTILE)
    html.encode("utf-8")  # a half of a surrogate pair would end it here
    reader = samples.Reader(html)
    assert reader.strange() == []
    assert all(link.startswith("#part-") for link in reader.links)
    assert "alert(1)" in reader.text  # it is there, as text
    assert "55433" not in reader.text
    assert not re.search("[\u202e\x00]", html)


def test_hostile_text_round_a_true_book_leaves_only_its_links():
    reader = read(samples.poisoned(samples.full_result()), book="https://example.org")
    assert all(link.startswith(("#part-", "https://example.org/book/")) for link in reader.links)


def test_the_page_allows_its_own_style_and_nothing_else():
    reader = read(samples.full_result(), book="https://example.org")
    policy = next(a["content"] for _, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'", policy
    )
    assert reader.strange() == []
    assert not any(a.keys() & {"src", "style", "srcset", "action"} for _, a in reader.tags)


def test_a_result_read_back_from_json_gives_the_same_page():
    result = samples.full_result()
    assert page(Result.from_json(result.to_json(), "r.json"), TITLE) == page(result, TITLE)


def test_a_title_loses_the_points_that_stand_beside_it():
    assert heading("Part 2. Backward (5 points)") == "Part 2. Backward"
    assert heading("Part 2. Backward (1 point)") == "Part 2. Backward"
    assert heading("Part 2. Points (in the plane)") == "Part 2. Points (in the plane)"


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve):
    folder = tmp_path_factory.mktemp("feedback")
    pages = {
        "full": page(samples.full_result(), TITLE, book="https://example.org"),
        "unreadable": page(samples.unreadable_result(), TITLE),
        "hostile": page(samples.poisoned(samples.full_result()), samples.HOSTILE),
        "long": page(samples.full_result("x" * 300), "Homework" * 30),
    }
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return serve(folder)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["full", "unreadable", "hostile", "long"])
def test_a_page_fits_reads_well_and_asks_for_nothing(browser, address, name, width, theme):
    wrong, facts = samples.look(browser, f"{address}/{name}.html", width, theme)
    assert wrong == []
    assert facts["page"] == ("rgb(20, 23, 26)" if theme == "dark" else "rgb(255, 255, 255)")


# ---------------------------------------------------------------- what a student would stumble over


def test_a_cell_that_did_not_run_is_said_to_be_that_though_another_part_is_right():
    layer = layers.get("affine")
    result = one(check("affine", forward=layer.forward), state="missing", code={"backward": "def f("})
    text = read(replace(result, failures=(CellFailure(7, "backward", "SyntaxError: never closed"),))).text
    assert "did not run 0 of 2" in text
    assert "✗ Cell 7 stopped with an error" in text
    assert "Right: out" not in text


def test_an_error_after_the_answer_costs_nothing_and_is_no_red_cross():
    layer = layers.get("affine")
    result = one(check("affine", forward=layer.forward), points=2, code={"forward": "…"})
    text = read(replace(result, failures=(CellFailure(7, "forward", "NameError: y"),))).text
    assert "Take care: cell 7 stopped with an error" in text
    assert "This costs no points here." in text
    assert "✗" not in text


def test_a_student_is_not_told_what_the_teacher_should_ask_for():
    result = Result(
        "Ada",
        "affine",
        "ada.pdf",
        "",
        "unreadable",
        "it is a PDF, not a notebook: ask for the .ipynb file itself",
    )
    text = read(result).text
    assert "It is a PDF, not a notebook" in text
    assert "ask for" not in text
    which = "one student, 2 files: a, b. Ask which one counts, and take the others away"
    assert "One student, 2 files: a, b " in read(replace(result, reason=which)).text


def test_the_name_of_the_judge_is_not_taken_for_a_function_of_theirs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2))
    text = read(one(check_gradient(lambda x: (x**2).sum(), {"x": x}, {"x": x}))).text
    assert "check_gradient" not in text
    assert "x is wrong in 6 of 6 entries" in text


def test_the_address_of_the_book_is_the_one_in_its_settings(tmp_path):
    assert published(tmp_path) == ""
    (tmp_path / "_config.yml").write_text("title: x\nhtml:\n  use_issues_button: false\n", encoding="utf-8")
    assert published(tmp_path) == ""
    text = 'html:\n  baseurl: "https://example.org/book"  # where it is read\n'
    (tmp_path / "_config.yml").write_text(text, encoding="utf-8")
    assert published(tmp_path) == "https://example.org/book"
