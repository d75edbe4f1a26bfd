"""Nearest valid name for a misspelt one."""

from collections.abc import Iterable

MAX_DISTANCE = 2
# A longer word is no typing error, and the distance costs the product of both lengths.
MAX_WORD = 64


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name with the smallest edit distance (two at most), else one that begins with the word or starts it."""
    folded = word.casefold()
    if not folded or len(folded) > MAX_WORD:
        return None
    ranked = [(rank, name) for name in names if (rank := _rank(folded, name.casefold())) is not None]
    return min(ranked, key=lambda entry: entry[0])[1] if ranked else None


def _rank(word: str, name: str) -> int | None:
    distance = edit_distance(word, name)
    # Two edits turn any two-letter word into any other: that is no resemblance.
    if distance <= MAX_DISTANCE and distance < len(word):
        return distance
    if len(word) >= MAX_DISTANCE and name and (name.startswith(word) or word.startswith(name)):
        return MAX_DISTANCE + 1
    return None


def edit_distance(left: str, right: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn one word into the other."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
