"""The teacher's page: what the class did, counted right, and nothing of a submission alive in it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from handgrad import check, check_choice, check_formula, layers
from handgrad.homework.class_page import ClassSummary, page, percent
from handgrad.homework.pages.words import mistake
from handgrad.homework.results import CellFailure, PartResult, Result, Suspicion
from tests.homework import page_samples as samples

TITLE = "Homework: normalise"


def result(student, *parts, **more) -> Result:
    about = {"seed": "5eed", "limits": {"instructions": 10**10}, "versions": {"handgrad": "0.1.0"}}
    return Result(student, "norm", f"in/{student}.ipynb", "0" * 64, "graded", parts=parts, **(about | more))


def forward(points=2.0, report=None) -> PartResult:
    layer = layers.get("batchnorm")
    report = report or check("batchnorm", forward=layer.forward)
    return samples.part("forward-grade", "Part 1. Forward (2 points)", points, 2, report)


def backward(points, report, **more) -> PartResult:
    return samples.part("backward-grade", "Part 2. Backward (4 points)", points, 4, report, **more)


@pytest.fixture(scope="module")
def reports():
    layer = layers.get("batchnorm")
    none = check("batchnorm", forward=layer.forward, backward=lambda dout, cache: None)
    return {
        "right": check("batchnorm", forward=layer.forward, backward=layer.backward),
        "mean": samples.mistaken("batchnorm", "missing-path:mean"),
        "root": samples.mistaken("batchnorm", "missing-root"),
        "none": none,
        "nothing": check("batchnorm", backward=lambda dout, cache: None),
    }


@pytest.fixture(scope="module")
def small(reports) -> ClassSummary:
    """Seven students: three right, two without the mean's path, one without the root, one who did not try."""
    summary = ClassSummary()
    for student in ("Zoe", "ada", "Bo"):
        summary.add(result(student, forward(), backward(4, reports["right"])))
    for student in ("Cy", "Di"):
        summary.add(result(student, forward(), backward(2, reports["mean"])))
    summary.add(result("Ed", forward(), backward(2, reports["root"])))
    summary.add(result("Flo", forward(), backward(0, reports["nothing"])))
    summary.add(samples.unreadable_result())
    return summary


def read(summary) -> samples.Reader:
    return samples.Reader(page(summary, TITLE))


# ---------------------------------------------------------------- counted right


def test_a_mistake_is_counted_among_those_who_tried_its_part(small):
    text = read(small).text
    missing = "the path through the mean is missing from dx: each x moves the mean that every row of its column shares."
    assert f"33 % 2 of 6 {missing} Part 2. Backward · dx" in text
    assert "17 % 1 of 6 dx was divided by the variance where the standard deviation belongs" in text
    assert text.index("33 %") < text.index("17 %")


def test_what_was_not_attempted_is_no_mistake(small):
    assert {said for _, _, said in small.mistakes} == {
        m.tell("dx")
        for m in layers.get("batchnorm").mistakes
        if m.name in ("missing-path:mean", "missing-root")
    }


def test_a_mistake_made_twice_by_one_student_counts_once(reports):
    summary = ClassSummary()
    both = samples.part("a", "Part 1", 0, 2, reports["mean"], reports["mean"])
    summary.add(result("Ada", both))
    assert list(summary.mistakes.values()) == [1]


def test_a_mistake_of_the_forward_counts_in_the_first_part_that_shows_it(reports):
    layer = layers.get("batchnorm")

    def doubled(*arguments):
        out, cache = layer.forward(*arguments)
        return 2 * out, cache

    whole = check("batchnorm", forward=doubled, backward=layer.backward)
    summary = ClassSummary()
    summary.add(result("Ada", forward(0, check("batchnorm", forward=doubled)), backward(4, whole)))
    assert [(grade_id, value) for grade_id, value, _ in summary.mistakes if value == "out"] == [
        ("forward-grade", "out")
    ]


def test_a_part_that_was_stopped_counts_as_tried(reports):
    summary = ClassSummary()
    summary.add(result("Ada", PartResult("a", "Part 1", 0, 2, "stopped", stopped="it ran out of memory")))
    summary.add(result("Bo", PartResult("a", "Part 1", 0, 2, "missing")))
    assert summary.parts["a"].attempted == 1
    assert "Part 1 : it ran out of memory Ada" in read(summary).text


def test_the_hardest_part_stands_first_with_its_mean_share(small):
    text = read(small).text
    hardest = text[text.index("Hardest parts") :]
    # 3 of 7 with 4 points, 3 with 2, 1 with none: 18 of 28
    assert hardest.index("Part 2. Backward 64 % 6 3") < hardest.index("Part 1. Forward 100 % 7 7")


def test_mean_and_median_are_over_those_who_were_graded(small):
    text = read(small).text
    assert "7 graded, 1 unreadable" in text
    assert "Mean 4.57, median 4 of 6 points." in text


def test_the_histogram_says_its_numbers_to_those_who_cannot_see_it(small):
    reader = read(small)
    assert "How many students earned how many points" in reader.text
    assert "2 to 3 points: 1; 3 to 4 points: 0; 4 to 5 points: 3; 5 to 6 points: 3." in reader.text
    drawing = next(a for tag, a in reader.tags if tag == "svg" and a.get("role") == "img")
    ids = {a["id"] for _, a in reader.tags if "id" in a}
    assert set(drawing["aria-labelledby"].split()) <= ids


def test_students_stand_in_the_order_of_the_alphabet_with_a_link_to_their_page(small):
    reader = read(small)
    links = [link for link in reader.links if link.startswith("feedback/")]
    assert links[1:] == [
        f"feedback/{s}.html" for s in ("ada", "Bo~1", "Cy~1", "Di~1", "Ed~1", "Flo~1", "Zoe~1")
    ]
    table = reader.text[reader.text.index("Students Student Points") :]
    assert "Bo 6 2 4 Cy 4 2 2" in table


def test_a_part_that_a_student_does_not_have_is_a_dash(reports):
    summary = ClassSummary()
    summary.add(result("Ada", forward()))
    summary.add(result("Bo", forward(), backward(4, reports["right"])))
    assert "Ada 2 2 – Bo 6 2 4" in read(summary).text


def test_an_unreadable_submission_is_listed_with_its_file_and_reason(small):
    text = read(small).text
    assert "Eve : is not JSON: it ends in the middle of cell 3 /home/teacher/secret/eve.ipynb" in text


@pytest.mark.parametrize(
    ("count", "total", "said"),
    [(31, 100, "31 %"), (1, 3, "33 %"), (0, 5, "0 %"), (5, 5, "100 %"), (1, 1000, "< 1 %"), (999, 1000, "> 99 %"),
     (0, 0, "–")],
)  # fmt: skip
def test_percentages_are_whole_and_never_rounded_to_none_or_all(count, total, said):
    assert percent(count, total) == said


def test_an_empty_class_and_one_of_unreadable_files_have_pages_too():
    empty = ClassSummary()
    assert "0 graded" in read(empty).text
    empty.add(samples.unreadable_result())
    text = read(empty).text
    assert "0 graded, 1 unreadable" in text
    assert "Hardest parts" not in text


def test_a_part_without_points_does_not_end_the_page(reports):
    summary = ClassSummary()
    summary.add(result("Ada", samples.part("a", "Part 0", 0, 0, reports["right"])))
    assert "Part 0 100 %" in read(summary).text


# ---------------------------------------------------------------- suspicions, limits, failures, settings


def test_a_suspicion_is_shown_with_the_sentence_that_it_changes_no_marks():
    summary = ClassSummary()
    summary.add(result("Ada", forward(), suspicions=(Suspicion("backward", "84 forward calls inside"),)))
    text = read(summary).text
    assert "These change no marks" in text
    assert "Ada , backward : 84 forward calls inside" in text


def test_cells_that_failed_are_counted_by_student():
    summary = ClassSummary()
    failures = (CellFailure(3, "", "NameError: plt"), CellFailure(5, "", "KeyError: 1"))
    summary.add(result("Ada", forward(), failures=failures))
    assert "Ada , 2 cells; the first is cell 3: NameError: plt" in read(summary).text


def test_what_it_takes_to_grade_again_is_there(small):
    text = read(small).text
    assert "Seed: 5eed ." in text
    assert "version of handgrad 0.1.0 limit: instructions 10,000,000,000" in text
    assert "Not all of these" not in text


def test_results_graded_in_different_ways_are_told_apart():
    summary = ClassSummary()
    summary.add(result("Ada", forward()))
    summary.add(result("Bo", forward(), versions={"handgrad": "0.2.0"}, seed="other"))
    text = read(summary).text
    assert "Not all of these were graded in the same way." in text
    assert "Each result has a seed of its own" in text


def test_students_stopped_alike_share_a_line():
    summary = ClassSummary()
    for student in ("Bo", "Ada"):
        summary.add(result(student, PartResult("a", "Part 1", 0, 2, "stopped", stopped="it ran out of time")))
    text = read(summary).text
    assert text.count("it ran out of time") == 1
    assert "Ada, Bo" in text


# ---------------------------------------------------------------- mistakes in words


@pytest.mark.parametrize("slug", layers.names())
def test_every_known_mistake_of_a_layer_has_its_own_sentence(slug):
    for known in layers.get(slug).mistakes:
        for what in known.params:
            finding = {
                "role": known.role,
                "param": what,
                "kind": "mistake",
                "cause": known.cause,
                "message": "",
            }
            alike = {
                m.tell(what) for m in layers.get(slug).mistakes if m.cause == known.cause and what in m.params
            }
            assert mistake(finding, slug) in alike


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("missing-path:mean", "the mean path is missing: its share of dX has coefficient 0"),
        ("divided-by-N", "looks like dX divided by N once too often: every entry is 1/N of the right one"),
        ("transposed", "looks like dX transposed"),
        ("some-rows", "only some rows of dX are wrong"),
        ("raised", "the function raised an exception"),
        (None, "dX is wrong, and no known cause fits"),
        ("a-new:cause", "a new: cause"),
    ],
)
def test_a_general_cause_is_said_in_words(cause, said):
    finding = {"role": "gradient", "param": "dX", "kind": "factor", "cause": cause, "message": ""}
    assert mistake(finding, "check_gradient").startswith(said)


def test_every_general_cause_is_a_sentence_without_gaps():
    from handgrad.causes import CAUSES

    for cause in CAUSES:
        finding = {"role": "gradient", "param": "dX", "kind": "shape", "cause": cause, "message": ""}
        said = mistake(finding, "check_gradient")
        assert said
        assert "{" not in said
        assert "()" not in said


def test_a_mistake_that_the_homework_names_is_told_in_its_words():
    question = {"forward": "S = X @ W + b", "shapes": "X: N D, W: D C, b: C"}
    report = check_formula("2 * X.T @ dS", "W", **question, mistakes={"the 2 is too much": "2 * X.T @ dS"})
    (stored,) = samples.stored(report)
    assert mistake(stored["findings"][0], stored["subject"]) == "the 2 is too much"


def test_a_wrong_choice_is_told_with_its_reason():
    (stored,) = samples.stored(check_choice("b", {"a": "", "b": "b is summed over the rows"}))
    assert mistake(stored["findings"][0], stored["subject"]) == "chose b: b is summed over the rows"


# ---------------------------------------------------------------- memory, and nothing alive


def test_of_a_student_no_code_or_message_is_kept():
    """A thousand results with a megabyte of code and words each leave small rows behind."""
    big = replace(
        samples.full_result(),
        notes=("n" * 10**6,),
        suspicions=(Suspicion("f" * 10**6, "w" * 10**6),) * 5,
        failures=(CellFailure(1, "", "x" * 10**6),) * 50,
    )
    parts = tuple(replace(part, code={"a": "c" * 10**6}, title="t" * 10**6) for part in big.parts)
    summary = ClassSummary()
    for number in range(50):
        summary.add(replace(big, student=f"{number}" + "s" * 200, parts=parts))
    kept = 0
    waiting = [summary.__dict__]
    while waiting:
        item = waiting.pop()
        kept += sys.getsizeof(item)
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            waiting += list(item)
        elif hasattr(item, "__slots__"):
            waiting += [getattr(item, name) for name in item.__slots__]
    assert kept < 50 * 20_000


def hostile() -> ClassSummary:
    summary = ClassSummary()
    for number in range(3):
        summary.add(replace(samples.poisoned(samples.full_result()), student=f"{number}{samples.HOSTILE}"))
    summary.add(samples.poisoned(samples.unreadable_result()))
    return summary


def test_hostile_text_in_every_field_is_inert():
    html = page(hostile(), samples.HOSTILE)
    html.encode("utf-8")
    reader = samples.Reader(html)
    assert reader.strange() == []
    assert all(link.startswith("feedback/") for link in reader.links)
    assert "alert(1)" in reader.text
    assert "55433" not in reader.text


def test_the_page_asks_for_nothing(small):
    reader = read(small)
    policy = next(a["content"] for _, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not any(a.keys() & {"src", "style", "srcset"} for _, a in reader.tags)


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve, small):
    folder = tmp_path_factory.mktemp("class")
    every = ClassSummary()
    for name in ("Ada", "Bo", "Cy " + "long" * 60):
        every.add(samples.full_result(name))
    every.add(samples.unreadable_result())
    for name, summary in {"small": small, "every": every, "hostile": hostile()}.items():
        (folder / f"{name}.html").write_text(page(summary, TITLE), encoding="utf-8")
    return serve(folder)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["small", "every", "hostile"])
def test_the_page_fits_and_reads_well(browser, address, name, width, theme):
    wrong, facts = samples.look(browser, f"{address}/{name}.html", width, theme)
    assert wrong == []
    assert facts["page"] == ("rgb(20, 23, 26)" if theme == "dark" else "rgb(255, 255, 255)")
