"""Answers and rankings against the slow ways of getting them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from emogen.errors import UnknownNameError
from emogen.labels import label_set
from emogen.protocol import categorical_answer, categorical_question
from emovit_train.candidate_tree import candidate_tree
from emovit_train.decoding import DECODINGS, Decoding, decoding_preset
from emovit_train.model import EmoVIT
from emovit_train.predict import generate, rank
from emovit_train.text import TextBatch, collate
from tests.emovit_train.conftest import LABELS

QUESTIONS = ["What?", categorical_question(LABELS), "What is in the image?"] * 4


def features(model: EmoVIT, count: int) -> Tensor:
    pixels = torch.randn(count, 3, 28, 28, generator=torch.Generator().manual_seed(2))
    return model.encode_images(pixels)


def test_ranking_equals_scoring_each_answer_alone(either_model: EmoVIT) -> None:
    """The shared prefix and the company of other rows change no score: each is that of a pass of its own."""
    seen, answers = features(either_model, 3), [categorical_answer(label) for label in LABELS]
    for number, row in enumerate(rank(either_model, seen, QUESTIONS[:3], answers)):
        assert [scored.answer for scored in row] == answers
        for scored in row:
            text = either_model.codec.encode(QUESTIONS[number], scored.answer)
            losses = either_model(seen[number : number + 1], collate([text], either_model.codec))
            assert scored.log_prob_sum == pytest.approx(-losses.sum().item(), abs=1e-4)
            assert scored.log_prob_mean == pytest.approx(-losses.mean().item(), abs=1e-4)


def test_ranking_keeps_the_order_of_the_candidates(either_model: EmoVIT) -> None:
    """Scores come in the order given, and do not depend on the company that a candidate is in."""
    (both,) = rank(either_model, features(either_model, 1), ["What?"], ["red", "It is blue or white."])
    ((alone,),) = rank(either_model, features(either_model, 1), ["What?"], ["red"])
    assert [scored.answer for scored in both] == ["red", "It is blue or white."]
    assert both[0].log_prob_sum == pytest.approx(alone.log_prob_sum, abs=1e-4)


def test_answers_do_not_depend_on_their_company(either_model: EmoVIT) -> None:
    """A dozen questions of different lengths, answered in batches, get the answers that each gets alone."""
    seen = features(either_model, len(QUESTIONS))
    short = Decoding(max_new_tokens=8)
    alone = [
        generate(either_model, seen[number : number + 1], [question], decoding=short)[0]
        for number, question in enumerate(QUESTIONS)
    ]
    assert generate(either_model, seen, QUESTIONS, decoding=short) == alone
    assert len(set(alone)) > 2


def test_generation_is_greedy(either_model: EmoVIT) -> None:
    """By default, each token of the answer is the most probable one after those before."""
    seen = features(either_model, 1)
    (answer,) = generate(either_model, seen, ["What?"], decoding=Decoding(max_new_tokens=6))
    said: list[int] = []
    for _ in range(6):
        batch = collate([either_model.codec.encode_question("What?")], either_model.codec)
        vocabulary = [[*said, token] for token in range(either_model.language_model.config.vocab_size)]
        with torch.no_grad():
            scores = either_model.language.score(either_model.look(seen, batch), batch, vocabulary)
        said.append(int(scores.argmax()))
        if said[-1] == either_model.codec.eos_id:
            break
    assert answer == either_model.codec.decode(said)


def test_presets_are_those_of_the_references(tiny_model: EmoVIT) -> None:
    """A preset is found by its name, a repetition penalty breaks a loop, and a wrong name lists the right ones."""
    assert (DECODINGS["emovit"].beams, DECODINGS["emovit"].repetition_penalty) == (1, 5.0)
    assert (DECODINGS["lavis"].beams, DECODINGS["lavis"].repetition_penalty) == (5, 1.5)
    seen = features(tiny_model, 1)
    said = {
        name: generate(tiny_model, seen, ["What?"], decoding=preset) for name, preset in DECODINGS.items()
    }
    assert said["greedy"] != said["emovit"]
    with pytest.raises(UnknownNameError, match="greedy"):
        decoding_preset("greddy")


def test_answers_do_not_depend_on_gradients(tiny_model: EmoVIT) -> None:
    """Asking leaves no gradient graph behind."""
    rank(tiny_model, features(tiny_model, 1), ["What?"], ["red"])
    assert all(parameter.grad is None for parameter in tiny_model.parameters())


def test_answers_are_made_one_by_one_unless_asked(
    tiny_model: EmoVIT, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer shares its arithmetic with another unless that is asked for, so that near-ties do not turn."""
    sizes: list[int] = []
    ask = tiny_model.language.generate

    def counted(seen: Tensor, batch: TextBatch, **decoding: Any) -> list[list[int]]:
        sizes.append(len(seen))
        return ask(seen, batch, **decoding)

    monkeypatch.setattr(tiny_model.language, "generate", counted)
    seen, short = features(tiny_model, 5), Decoding(max_new_tokens=2)
    generate(tiny_model, seen, QUESTIONS[:5], decoding=short)
    generate(tiny_model, seen, QUESTIONS[:5], decoding=short, at_once=4)
    assert sizes == [1, 1, 1, 1, 1, 4, 1]


def test_ranking_reads_what_candidates_share_once(either_model: EmoVIT) -> None:
    """A candidate that begins like another, and one that is another's beginning, are scored as when alone."""
    batch = collate([either_model.codec.encode_question("What?")], either_model.codec)
    look = either_model.look(features(either_model, 1), batch)
    candidates = [[5, 6, 7, 8], [5, 6, 9], [5, 6], [7], [5, 6, 7, 8]]
    tree = candidate_tree(candidates, look.device)
    assert tree.tokens.tolist() == [5, 6, 7]
    with torch.no_grad():
        together = either_model.language.score(look, batch, candidates)
        alone = [either_model.language.score(look, batch, [candidate]) for candidate in candidates]
    torch.testing.assert_close(together, torch.cat(alone, 1), atol=1e-4, rtol=0)


def test_many_labels_are_few_tokens(tiny_model: EmoVIT) -> None:
    """Eight labels behind a common beginning are far fewer tokens than eight rows."""
    labels = label_set("mikels-8")
    answers = [tiny_model.codec.encode("", categorical_answer(label)).answer for label in labels]
    tree = candidate_tree(answers, torch.device("cpu"))
    assert len(tree.tokens) < 0.6 * sum(map(len, answers))
