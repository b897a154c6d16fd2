"""The benchmark of the derivation engine compares like with like, and its stored result is complete."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import derivations


@pytest.mark.parametrize("slug", derivations.LAYERS)
def test_the_emitted_backward_and_the_hand_written_one_return_the_same(slug: str) -> None:
    both = derivations.contestants(slug)
    hand, emitted = both["hand"](), both["emitted"]()
    hand = hand[1:] if slug == "softmax" else hand if isinstance(hand, tuple) else (hand,)
    emitted = emitted if isinstance(emitted, tuple) else (emitted,)
    assert len(hand) == len(emitted)
    for a, b in zip(hand, emitted, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_stored_result_has_every_layer_and_model() -> None:
    stored = json.loads(derivations.OUTPUT.read_text(encoding="utf-8"))
    assert set(stored["emitted over hand-written"]) == set(derivations.LAYERS)
    assert set(stored["seconds"]) == set(derivations.MODELS)
