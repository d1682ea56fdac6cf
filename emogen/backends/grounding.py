"""How well a sentence keeps to the words that are known of an image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["grounding_score"]

_WORD = re.compile(r"[a-z]+")
# Words that carry no claim about the picture.
_FREE: Final = frozenset(
    """
    a about above add adds all almost also an and any are around as at be because been before behind
    below between both bright brings but by calm can clear close colour colours dark deep down each even
    every eye feel feeling feels for from full gives has have he her here his how in into is it its
    itself just large light like likely little look looking looks made make makes many may moment mood
    more most much near no not nothing of on one open or other out over own part people picture quiet
    rather scene see seem seems sense she shows simple small so soft some something strong such suggests
    than that the their them there these they this those through to together too towards two under up
    very view viewer visible warm was way we what when where which while who whole with within without
    would you
    """.split()  # noqa: SIM905 - as a list of 150 literals nobody could read it
)


def grounding_score(sentence: str, evidence: Sequence[str]) -> float:
    """Return how well `sentence` keeps to the evidence, from about -1 (nothing) to 1 (every word).

    Words are compared by their first five letters, so that "smile" and "smiling" agree. A number, a
    word said twice, and a sentence of one or of more than twenty words, cost.
    """
    known = {word[:5] for text in evidence for word in _WORD.findall(text.lower())}
    words = _WORD.findall(sentence.lower())
    claims = [word for word in words if word not in _FREE and len(word) > 2]
    grounded = sum(word[:5] in known for word in claims)
    score = grounded / len(claims) if claims else 0.5
    # A small model that has nothing to add says it again.
    score -= 0.2 * (len(claims) - len(set(claims)))
    if re.search(r"\d", sentence):
        score -= 1.0
    if len(words) < 2 or len(words) > 20:
        score -= 0.5
    return score
