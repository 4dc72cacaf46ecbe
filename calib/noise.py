"""How far averages of what a line shows stray by chance, learned from the line itself.

What follows one another on a line is alike: from frame to frame and, where the same part or roll stays for a while,
over many of them. The variance of means of few frames then says too little of that of means of many. So it is told at
several lengths, and the largest counts (batch means; Runger & Willemain, IIE Transactions 28, 1996).

At each length it is told by differences of successive means (von Neumann, Annals of Mathematical Statistics 12, 1941):
unlike the variance they are blind to a slow rise, which is what is looked for. Over the longer ones a rise shows in
differences as well, so there it is differences of differences, in which a steady one cancels.
"""

from __future__ import annotations

from typing import Final

SCALES: Final = {1: 200, 4: 100, 16: 50}
"""Blocks in a mean, and of how many differences of such means the variance is told."""
ALIKE: Final = 19.0
"""How many times the variance of a mean of independent frames is taken before the line is known: as it would be of a
first-order autoregression with coefficient 0.9, (1 + 0.9) / (1 - 0.9)."""
GUESS_BLOCKS: Final = 10
"""So many blocks that first guess is worth. Of longer means the first guess is what shorter ones tell."""
GUESS_LEAST: Final = 2
"""So many differences a first guess is worth at least."""
JUMP: Final = 6.0
"""Times its variance that the square of one difference may count: a step is no noise."""


class Noise:
    """Of one quantity, whose blocks' means are given one by one."""

    def __init__(self, least: float) -> None:
        """`least` is the variance of a block's mean where frames do not depend on each other."""
        self.variance = ALIKE * least
        """That means of blocks have, or would have if they did not depend on each other and long averages of them
        strayed as far as they do."""
        self._least = least
        self._scales = [_Scale(blocks, memory) for blocks, memory in SCALES.items()]

    def take(self, mean: float) -> None:
        """Of one more block."""
        variance = ALIKE * self._least
        told = [self._least]
        for scale in self._scales:
            variance = scale.take(mean, variance)
            told.append(variance)
        self.variance = max(told)


class _Scale:
    """The same, told by means of so many blocks; 0 before anything is known."""

    def __init__(self, blocks: int, memory: int) -> None:
        self.variance = 0.0
        self._blocks = blocks
        self._memory = memory
        self._told = max(GUESS_LEAST, GUESS_BLOCKS // blocks)
        self._sum = 0.0
        self._count = 0
        self._means: list[float] = []

    def take(self, mean: float, guess: float) -> float:
        """Of one more block. Returns the variance, or the guess while there is none."""
        self._sum += mean
        self._count += 1
        if self._count == self._blocks:
            self._take_mean(self._sum / self._count, guess)
            self._sum, self._count = 0.0, 0
        return self.variance or guess

    def _take_mean(self, mean: float, guess: float) -> None:
        self._means = [*self._means[-2:], mean]
        square = self._square()
        if square is None:
            return
        before = self.variance or guess
        chance = min(self._blocks * square, JUMP * before)
        self.variance = before + (chance - before) / min(self._told, self._memory)
        self._told += 1

    def _square(self) -> float | None:
        """Of the last difference, over what it is, on average, of independent values of variance 1."""
        if self._blocks == 1:
            return (self._means[-1] - self._means[-2]) ** 2 / 2 if len(self._means) > 1 else None
        if len(self._means) < 3:
            return None
        first, second, third = self._means
        return (first - 2 * second + third) ** 2 / 6
