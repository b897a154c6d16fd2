"""What is said of each named cause: one row a slug, the likely cause and the next step.

A slug may end in an argument, `missing-path:mean` or `divided-by-N`. `{what}` stands for the value
("dw"), `{arg}` for that argument, `{upstream}` for the upstream gradient's name ("dout", "dH") and `{it}` for
the same where it has been spoken of; where the name is not known they say "the upstream gradient" and "it".
Mistakes of a layer bring their own sentence and need no row.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CAUSES", "Words", "words_for"]


class Words(NamedTuple):
    """Why a wrong answer looks as it does, and what to do next."""

    cause: str
    step: str


CAUSES: dict[str, Words] = {
    "not-attempted": Words("", "write your answer in the cell, run it, then run this check again"),
    "not-text": Words(
        "the answer is no text: a formula for {what} stands in quotes",
        "check: put quotes around the formula itself; it is read as text, and computed here",
    ),
    "sign": Words(
        "looks like {what} with the wrong sign: every entry is −1 times the right one",
        "check: follow one entry through the scalar chain rule and count the minus signs",
    ),
    "divided-by": Words(
        "looks like {what} divided by {arg} once too often: every entry is 1/{arg} of the right one",
        "check: each mean over {arg} in the forward is one 1/{arg}; in a backward, {upstream} already carries "
        "the loss's",
    ),
    "multiplied-by": Words(
        "looks like {what} without its 1/{arg}: every entry is {arg} times too large",
        "check: where the forward takes a mean over {arg}, the backward carries 1/{arg}",
    ),
    "doubled": Words(
        "looks like {what} counted twice: every entry is 2 times the right one",
        "check: is one use counted twice, or does the forward hold a ½ that is forgotten here?",
    ),
    "halved": Words(
        "looks like half of {what}",
        "check: is one of two equal uses left out, the 2 of a square lost, or a ½ applied twice?",
    ),
    "all-zero": Words(
        "every entry is zero, and the true gradient is not",
        "check: is the array that was made with zeros ever filled?",
    ),
    "fixed-size": Words(
        "looks as if a number stands there for the size of an axis",
        "check: write the axis by its letter, such as N, which counts as its size",
    ),
    "ignores-dout": Words(
        "looks like the upstream gradient was taken as all ones: {it} has no effect on {what}",
        "check: the chain rule multiplies the local derivative by {upstream}",
    ),
    "jacobian-not-transposed": Words(
        "looks like the Jacobian J times {upstream}: the chain rule wants the transpose of J",
        "check: {what}[j] is the sum over i of entry i of {upstream} times the derivative of output i by input j",
    ),
    "output-for-slope": Words(
        "looks as if the output of {arg} stands where its derivative should",
        "check: differentiate {arg}(s) for one number s; that slope is the factor",
    ),
    "input-for-slope": Words(
        "looks as if the input of {arg} stands where its derivative should",
        "check: differentiate {arg}(s) for one number s; that slope is the factor",
    ),
    "missing-slope": Words(
        "looks as if the derivative of {arg} is missing: what comes back is passed on unchanged there",
        "check: differentiate {arg}(s) for one number s; that slope is one more factor",
    ),
    "transposed": Words(
        "looks like {what} transposed",
        "check: name the axes of each factor; the row axis of {what} must come first",
    ),
    "missing-path": Words(
        "the {arg} path is missing: its share of {what} has coefficient 0",
        "check: draw the graph; the gradient is the sum over every path from the input to the output",
    ),
    "doubled-path": Words(
        "the {arg} path is counted twice: its share of {what} has coefficient 2",
        "check: draw the graph; each path is added once",
    ),
    "sign-of-path": Words(
        "the {arg} path has the wrong sign: its share of {what} has coefficient −1",
        "check: differentiate that step alone; a difference a − b brings a minus to b",
    ),
    "scaled-path": Words(
        "the {arg} path is off by a factor of the batch size",
        "check: does that step sum over N or take a mean over N?",
    ),
    "some-rows": Words(
        "only some rows are wrong ({arg}); the others are right",
        "check: what is special about those rows: a loop's bounds, an index, one sample treated on its own?",
    ),
    "some-columns": Words(
        "only some columns are wrong ({arg}); the others are right",
        "check: what is special about those columns: a loop's bounds, an index, one feature treated on its own?",
    ),
    "some-slices": Words(
        "only {what}{arg} is wrong; the rest is right",
        "check: what is special about that part: a loop's bounds, an index, one step treated on its own?",
    ),
    "some-entries": Words(
        "only some entries are wrong: {arg}; the others are right",
        "check: what is special about those entries: a mask, an index, a boundary?",
    ),
    "own-forward": Words(
        "{what} is the right gradient of your own forward, and your forward differs from the layer's",
        "check: mend the forward first; then see whether the backward still matches it",
    ),
    "unused-by-own-forward": Words(
        "every entry is zero. That is right for your own forward, which does not use {arg}; the layer's does",
        "check: mend the forward first; then {what} again",
    ),
    "permuted": Words(
        "looks like the outputs in another order",
        "check: return them as ({arg})",
    ),
    "second-call-differs": Words(
        "the same cache and the same dout gave another answer the second time: {arg}",
        "check: work on copies; a backward must leave dout and the cache as they were",
    ),
    "mutates-dout": Words(
        "backward changes dout in place",
        "it may do no harm here, but dout may be used again (two branches of a graph): copy it first",
    ),
    "mutates-cache": Words(
        "backward changes an array of the cache in place",
        "it may do no harm here, but whoever else holds that array sees it change: copy it first",
    ),
    "mutates-input": Words(
        "{what} changes its input {arg} in place",
        "it may do no harm here, but the caller's array is now another: copy it first",
    ),
    "zero-gradient": Words(
        "a check against zero proves little: an answer of zeros passes it",
        "check: use a loss that moves, such as a random upstream gradient instead of a sum",
    ),
    "float32": Words(
        "{what} is accurate to float32 only, from float64 inputs",
        "check: look for dtype=np.float32 or .astype(np.float32); a gradient check needs float64",
    ),
    "wrong-dtype": Words(
        "", "check: return floats; look for integer or boolean arrays, .astype and complex numbers"
    ),
    "not-finite": Words(
        "",
        "check: look for a division by zero, log(0) or exp of a large number",
    ),
    "overflow": Words(
        "with inputs near 1000 the answer is wrong or not finite: exp overflows above about 709",
        "next: {arg}; the result is the same in exact arithmetic",
    ),
    "kept-axis": Words(
        "an axis of size 1 was kept", "check: leave out keepdims=True, or reshape to the shape above"
    ),
    "unsummed-broadcast": Words(
        "the forward broadcast this value over an axis, and its gradient was not summed over that axis",
        "check: used several times, so sum the gradients of all uses",
    ),
    "summed-too-much": Words(
        "more axes were summed than the forward broadcast",
        "check: sum over the axes that the forward broadcast, and over no other; if it broadcast none, do not sum",
    ),
    "summed-over-wrong-axis": Words(
        "looks summed over the wrong axis",
        "check: the axis that a sum names is the one that disappears; name one that {what} does not have",
    ),
    "flattened": Words("", "check: reshape it to the shape expected above"),
    "dropped-axis": Words("", "check: sum with keepdims=True, or reshape it to the shape expected above"),
    "wrong-shape": Words(
        "", "check: print the shape after every line; which is the first that surprises you?"
    ),
}


def words_for(slug: str, what: str, arg: str = "", upstream: str = "") -> Words:
    """The words of a cause, filled in. A slug with an argument finds the row of its stem."""
    row = CAUSES.get(slug)
    if row is None:
        stem, _, tail = slug.partition(":")
        if not tail and "-by-" in slug:
            stem, _, tail = slug.partition("-by-")
            stem, tail = f"{stem}-by", f"({tail.replace('-and-', '·')})" if "-and-" in tail else tail
        row, arg = CAUSES.get(stem, Words("", "")), arg or tail
    named = {"upstream": upstream or "the upstream gradient", "it": upstream or "it"}
    return Words(*(text.format(what=what, arg=arg, **named) for text in row))
