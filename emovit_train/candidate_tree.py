"""Candidate answers as one tree of tokens: what several begin with is read once, and all of them in one row.

Twenty-five answers of the form "Predict emotion: joy." share their first words. Packed into a tree, they are a few
dozen tokens behind the prompt instead of twenty-five rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["CandidateTree", "candidate_tree"]


@dataclass(frozen=True)
class CandidateTree:
    """N tokens, each after its parent; M tokens to score in all candidates together.

    Attributes:
        tokens: (N,), in an order in which parents come first.
        depth: (N,), how many tokens stand before each one in its answer.
        sees: (N, N) bool, true where the row's token is or comes after the column's.
        scored_at: (M,), where each scored token is predicted: 0 is the prompt's end, n + 1 after token n.
        scored: (M,), the tokens that are scored.
        candidate: (M,), whose they are.
    """

    tokens: Tensor
    depth: Tensor
    sees: Tensor
    scored_at: Tensor
    scored: Tensor
    candidate: Tensor

    def sums(self, logits: Tensor) -> Tensor:
        """Return the summed log p of each candidate: (B, candidates) float32.

        Args:
            logits: (B, N + 1, vocabulary), of the prompt's end and after each of `tokens`.
        """
        logits = logits.float()
        chosen = logits[:, self.scored_at, self.scored] - logits.logsumexp(2)[:, self.scored_at]
        sums = chosen.new_zeros(len(chosen), int(self.candidate.max()) + 1)
        return sums.index_add_(1, self.candidate, chosen)


def candidate_tree(candidates: Sequence[Sequence[int]], device: torch.device) -> CandidateTree:
    """Return the tree of candidates, each at least one token long."""
    nodes: dict[tuple[int, ...], int] = {}
    scored: list[tuple[int, int, int]] = []
    for number, candidate in enumerate(candidates):
        at = 0
        for place, token in enumerate(candidate):
            scored.append((at, token, number))
            # Nothing is read after a candidate's last token.
            if place + 1 < len(candidate):
                at = nodes.setdefault(tuple(candidate[: place + 1]), len(nodes)) + 1
    sees = torch.eye(len(nodes), dtype=torch.bool)
    for prefix, node in nodes.items():
        if len(prefix) > 1:
            sees[node] |= sees[nodes[prefix[:-1]]]
    at_, token_, whose = zip(*scored, strict=True)
    return CandidateTree(
        tokens=torch.tensor([prefix[-1] for prefix in nodes], dtype=torch.long, device=device),
        depth=torch.tensor([len(prefix) - 1 for prefix in nodes], dtype=torch.long, device=device),
        sees=sees.to(device),
        scored_at=torch.tensor(at_, device=device),
        scored=torch.tensor(token_, device=device),
        candidate=torch.tensor(whose, device=device),
    )
