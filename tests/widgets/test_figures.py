"""Interactive figures in a browser, without a kernel: what they show is what NumPy says, at every setting tried."""

from __future__ import annotations

import importlib
import json
import re
import sys
from typing import Any

import pytest

from handgrad import widgets
from handgrad.errors import HandgradError, UnknownNameError
from handgrad.widgets import Figure
from handgrad.widgets.base import fixed, short

FIGURES = [getattr(widgets, name) for name in widgets.__all__ if name != "Figure"]
# Keys that move every control away from where it stands.
MOVES = {
    "range": ("ArrowRight", "ArrowLeft", "Home", "End"),
    "checkbox": ("Space",),
    "radio": ("ArrowRight",),
}

# What is cut off, the smallest letters in pixels, and what has too little contrast.
LOOK = """() => {
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const c = document.createElement("canvas").getContext("2d");
    c.fillStyle = colour;
    c.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...c.getImageData(0, 0, 1, 1).data].map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const spill = [], low = [];
  let smallest = 99;
  const cut = (box, frame) => box.right > frame.right + 1 || box.left < frame.left - 1 ||
    box.bottom > frame.bottom + 1 || box.top < frame.top - 1;
  for (const t of document.querySelectorAll(".hg-stage text, .hg-stage span, .hg-says, .hg-row span")) {
    const box = t.getBoundingClientRect(), svg = t.closest("svg"), style = getComputedStyle(t);
    if (!box.width) continue;
    smallest = Math.min(smallest, parseFloat(style.fontSize) * (svg ? t.getCTM().a : 1));
    if (box.right > innerWidth + 0.5 || box.left < -0.5) spill.push(t.textContent);
    if (svg && cut(box, svg.getBoundingClientRect())) spill.push("of the picture: " + t.textContent);
    const ink = light(svg ? style.fill : style.color), opacity = svg ? parseFloat(style.fillOpacity) : 1;
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio * opacity < 4.5) low.push([t.textContent, ratio * opacity]);
  }
  if (document.documentElement.scrollWidth > innerWidth) spill.push("the page");
  return [spill, smallest, low];
}"""


def like(figure: type[Figure], state: dict[str, Any]) -> Figure:
    """A figure in the state that controls show: whole numbers where the trait has them."""
    now = figure().state()
    kinds = {k: str if isinstance(now[k], str) else type(now[k]) for k in state}
    return figure(**{k: kinds[k](v) for k, v in state.items()})


# ---- every figure ------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", FIGURES)
def test_the_first_picture_says_what_the_package_computes(show: Any, figure: type[Figure]) -> None:
    shown = show(figure())
    assert shown.words() == figure().words()
    assert shown.wrong == []


@pytest.mark.parametrize("figure", FIGURES)
def test_every_control_moves_from_the_keyboard_and_the_numbers_stay_right(
    show: Any, figure: type[Figure]
) -> None:
    shown = show(figure())
    controls = shown.page.evaluate(
        """() => [...document.querySelectorAll(".hg-figure [data-key]")].map((e, i) => [i, e.type])"""
    )
    assert {shown.page.locator("[data-key]").nth(i).get_attribute("data-key") for i, _ in controls} <= {
        *figure().state()
    }
    for i, kind in controls:
        control = shown.page.locator("[data-key]").nth(i)
        if not control.is_visible():
            continue
        for key in MOVES[kind]:
            before, said = shown.state(), shown.says()
            control.focus()
            shown.page.keyboard.press(key)
            after = shown.state()
            assert shown.words() == like(figure, after).words(), (after, key)
            if after != before:
                assert shown.says() != said, (before, after)
    assert shown.wrong == []


@pytest.mark.parametrize("figure", FIGURES)
def test_the_ends_of_a_slider_are_the_bounds_of_its_trait(show: Any, figure: type[Figure]) -> None:
    shown = show(figure())
    for control in shown.page.locator("input[type=range]").all():
        trait = figure.class_traits()[control.get_attribute("data-key")]
        assert (float(control.get_attribute("min")), float(control.get_attribute("max"))) == (
            trait.min,
            trait.max,
        )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 690, 390, 320])
@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_fits_and_its_letters_are_legible(
    show: Any, figure: type[Figure], width: int, theme: str
) -> None:
    shown = show(figure(), width=width, theme=theme)
    spill, smallest, low = shown.page.evaluate(LOOK)
    assert spill == []
    assert low == []
    assert smallest >= (9.0 if width == 320 else 10.5)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_control_is_named_large_enough_for_a_finger_and_safe_in_jupyterlab(
    show: Any, figure: type[Figure]
) -> None:
    shown = show(figure(), width=390)
    controls = shown.page.locator(".hg-figure input, .hg-figure button").all()
    assert controls
    for control in controls:
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"
        if control.is_visible():
            box = control.locator("xpath=ancestor-or-self::*[self::label or self::button]").bounding_box()
            assert box["height"] >= 36
    roles = shown.page.locator(".hg-figure form").aria_snapshot()
    assert not re.findall(r"- (?:slider|checkbox|radio|button)(?::|$)", roles, re.MULTILINE), roles
    assert shown.page.locator(".hg-figure svg:not([aria-label])").count() == 0
    assert shown.page.locator(".hg-says[aria-live=polite]").count() == 1


@pytest.mark.parametrize("figure", FIGURES)
def test_without_scripts_the_words_of_the_first_picture_stand_there(show: Any, figure: type[Figure]) -> None:
    shown = show(figure(), scripts=False)
    text = shown.page.locator("body").inner_text()
    assert all(line.strip() in text for line in figure().words())
    assert figure.label in text


@pytest.mark.parametrize("figure", FIGURES)
def test_two_figures_alike_and_one_in_another_state_all_live(show: Any, figure: type[Figure]) -> None:
    shown = show(figure(), figure())
    assert shown.page.locator("[data-live] .hg-figure").count() == 2
    assert shown.words(0) == shown.words(1)
    assert shown.page.evaluate("() => document.querySelectorAll('[id]').length") == 0
    assert shown.wrong == []


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_the_same_bytes_every_time_and_has_no_address(figure: type[Figure]) -> None:
    one, two = figure(), figure()
    assert one.html() == two.html()
    assert repr(one) == repr(two)
    assert repr(one).startswith(f"{figure.__name__}(")
    assert "0x" not in repr(one)
    assert not re.search(r"https?://(?!www\.w3\.org/)", one.html())


@pytest.mark.parametrize("figure", FIGURES)
def test_a_notebook_keeps_the_page_and_the_state_and_drops_the_random_id(figure: type[Figure]) -> None:
    from nbformat import v4

    from handgrad.homework.notebooks import normalise

    data, _ = figure()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    cell = v4.new_code_cell("f", id="a", outputs=[v4.new_output("execute_result", data=data)])
    kept = normalise(v4.new_notebook(cells=[cell])).cells[0].outputs[0].data
    assert sorted(kept) == ["text/html", "text/plain"]
    assert kept["text/html"] == figure().html()


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_never_moves_by_itself(figure: type[Figure]) -> None:
    assert not re.search(r"transition|animat|setInterval|setTimeout", str(figure._esm))


# ---- the frame ---------------------------------------------------------------------------------------


def test_a_state_cannot_end_the_script_that_holds_it() -> None:
    import traitlets

    class Named(Figure):
        label = "A name"
        _esm = "export default { render() {} }  // </script><!--"
        name = traitlets.Unicode("</script><script>alert(1)</script>").tag(sync=True)

        def words(self) -> list[str]:
            return [self.name]

    page = Named().html()
    assert page.count("<script") == page.count("</script>") == 1
    assert "<!--" not in page
    assert json.loads(page.partition("const data = ")[2].partition(", on = {}")[0]) == {
        "name": "</script><script>alert(1)</script>"
    }


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="SigmoidNeuron: has nothing named w3\n  it has: w0, w1, w2, x0, x1\n"
    ):
        widgets.SigmoidNeuron(w3=1.0)


def test_a_value_out_of_bounds_is_told() -> None:
    with pytest.raises(HandgradError, match=r"SigmoidNeuron: cannot show this value\n.*w0"):
        widgets.SigmoidNeuron(w0=5.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.125, "0.13"), (-0.125, "−0.13"), (-0.001, "0.00"), (0.0, "0.00"), (2.675, "2.67"), (-3, "−3.00")],
)
def test_numbers_are_rounded_as_in_javascript(value: float, text: str) -> None:
    assert fixed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.004, "4.0e−3"),
        (0.005, "0.01"),
        (-1e-12, "−1.0e−12"),
        (1234, "1.2e3"),
        (4e15, "4.0e15"),
        (0, "0.00"),
    ],
)
def test_small_and_large_numbers_get_a_power_of_ten(value: float, text: str) -> None:
    assert short(value) == text


def test_without_anywidget_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "handgrad.widgets.base")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match="needs the package anywidget, which is not installed") as raised:
        importlib.import_module("handgrad.widgets.base")
    assert 'pip install "handgrad[book]"' in str(raised.value)
