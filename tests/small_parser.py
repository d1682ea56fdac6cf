"""Trains a small spaCy pipeline on a few dozen annotated sentences, in seconds: parts of speech and a parser."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["save_parser"]

NOUNS = ("dog", "sky", "child", "light", "scene", "colour", "mood", "feeling", "picture", "story")
VERBS = ("show", "suggest", "evoke", "hold", "change", "see")
ADJECTIVES = ("bright", "calm", "sad", "colourful")
# The words of a sentence, each with its part of speech, its head's place and how it depends on it.
SHAPES = (
    "What/PRON/4/dobj does/AUX/4/aux the/DET/3/det NOUN/NOUN/4/nsubj VERB/VERB/4/ROOT ?/PUNCT/4/punct",
    "Which/DET/1/det NOUN/NOUN/5/dobj does/AUX/5/aux the/DET/4/det NOUN/NOUN/5/nsubj VERB/VERB/5/ROOT ?/PUNCT/5/punct",
    "Why/ADV/4/advmod does/AUX/4/aux the/DET/3/det NOUN/NOUN/4/nsubj VERB/VERB/4/ROOT the/DET/6/det NOUN/NOUN/4/dobj "
    "?/PUNCT/4/punct",
    "Is/AUX/0/ROOT the/DET/2/det NOUN/NOUN/0/nsubj ADJ/ADJ/0/acomp ?/PUNCT/0/punct",
    "Describe/VERB/0/ROOT the/DET/2/det NOUN/NOUN/0/dobj ./PUNCT/0/punct",
    "Why/ADV/4/advmod does/AUX/4/aux the/DET/3/det NOUN/NOUN/4/nsubj VERB/VERB/4/ROOT ?/PUNCT/4/punct",
)
SENTENCES_OF_A_SHAPE = 8
ROUNDS = 25
WIDTH = 32


def save_parser(folder: Path) -> None:
    """Train a pipeline, and save it as a folder."""
    import spacy
    from spacy.training import Example

    nlp = spacy.blank("en")
    for name, model in _models().items():
        # Otherwise what is seen fewer than 30 times is no way to depend.
        nlp.add_pipe(name, config={"model": model, **({"min_action_freq": 1} if name == "parser" else {})})
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in _sentences(nlp.vocab)]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(ROUNDS):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(folder)


def _models() -> dict[str, dict[str, Any]]:
    """Return the models of the components, far smaller than spaCy's own."""
    heard = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "*"}
    return {
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": WIDTH,
            "depth": 2,
            "embed_size": 300,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
        },
        "morphologizer": {
            "@architectures": "spacy.Tagger.v2",
            "nO": None,
            "normalize": False,
            "tok2vec": heard,
        },
        "parser": {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": "parser",
            "extra_state_tokens": False,
            "hidden_width": 32,
            "maxout_pieces": 2,
            "use_upper": True,
            "nO": None,
            "tok2vec": heard,
        },
    }


def _sentences(vocab: Any) -> Iterator[Any]:
    from spacy.tokens import Doc

    rng = random.Random(0)
    of = {"NOUN": NOUNS, "VERB": VERBS, "ADJ": ADJECTIVES}
    for shape in SHAPES * SENTENCES_OF_A_SHAPE:
        words, pos, heads, deps = zip(*(part.split("/") for part in shape.split()), strict=True)
        words = [rng.choice(of[word]) if word in of else word for word in words]
        spaces = [True] * (len(words) - 2) + [False, False]
        yield Doc(vocab, words, spaces, pos=pos, heads=list(map(int, heads)), deps=deps)
