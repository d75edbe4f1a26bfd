"""Which lines of the log are wanted (`log_level`)."""

LEVELS = ("error", "warn", "info", "debug", "trace")


class LevelFilter:
    """A level for everything, and levels for parts of the program: `info,pbx_switch=debug`.

    Parts are `pbx` (this package), `pbx_switch` (the engine) and the names of `logging` loggers, which a router or a
    library chooses. The longest name that is the part itself or something above it decides.
    """

    def __init__(self, text: str) -> None:
        self._general = LEVELS.index("info")
        self._parts: list[tuple[str, int]] = []
        for word in text.split(","):
            part, equals, level = word.strip().rpartition("=")
            rank = LEVELS.index(level.strip().lower())
            if equals:
                self._parts.append((part.strip(), rank))
            else:
                self._general = rank
        self._parts.sort(key=lambda entry: len(entry[0]), reverse=True)

    def passes(self, level: str, part: str) -> bool:
        """Whether a line of this level and part is wanted."""
        return LEVELS.index(level) <= self._rank(part)

    def _rank(self, part: str) -> int:
        for name, rank in self._parts:
            if part == name or part.startswith((f"{name}.", f"{name}:")):
                return rank
        return self._general
