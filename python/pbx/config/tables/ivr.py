"""`[ivr]` documents and `[proxy.ivr_fallback]`."""

from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, model_validator

from pbx.config.tables.hours import BusinessHours
from pbx.config.tables.ivr_action import Action, Key
from pbx.config.tables.names import OptSound, OptTarget, Pattern, Target
from pbx.config.tables.route import MatchKey
from pbx.config.tables.scalars import HttpUrl, NonEmpty, OptText
from pbx.config.tables.table import FOLD, Table, key, refuse, refuse_at

_MODES = {"step", "provider"}


def _tree_only(mode: str) -> str:
    if mode in _MODES:
        raise refuse("not available; the mode is tree")
    if mode != "tree":
        raise refuse("the mode is tree")
    return mode


class Speech(Table):
    """The service that speaks texts."""

    url: HttpUrl = key(..., "Where texts are posted.")
    voice: OptText = key(None, "Voice.")
    timeout_ms: int = key(5000, "Longest wait, ms.", ge=1, le=600_000)


class Entry(Table):
    """What one key does."""

    label: OptText = key(None, "For readers.")
    action: Action = key(..., "What it does.")
    # Last, for it hides the function of that name.
    key: Key = key(..., "The key.")


class Node(Table):
    """One menu."""

    greeting: OptSound = key(None, "Sound on entry.")
    greeting_text: OptText = key(None, "Text spoken on entry.")
    greeting_voice: OptText = key(None, "Voice of the text.")
    timeout_ms: int = key(5000, "Wait for a key after the greeting, ms.", ge=100, le=600_000)
    max_retries: int = key(3, "Timeouts and wrong keys allowed.", ge=0, le=100)
    invalid_prompt: OptSound = key(None, "Sound after a wrong key.")
    invalid_prompt_text: OptText = key(None, "Text spoken after a wrong key.")
    invalid_prompt_voice: OptText = key(None, "Voice of the text.")
    timeout_action: Action | None = key(None, "Instead of repeating.")
    unknown_key_action: Action | None = key(None, "Instead of the prompt.")
    max_retries_action: Action | None = key(None, "Too many tries; hangup if not given.")
    entries: list[Entry] = key([], "Keys of the menu.")

    @model_validator(mode="after")
    def _consistent(self) -> "Node":
        if self.greeting is not None and self.greeting_text is not None:
            raise refuse_at("greeting_text", "not together with greeting")
        if self.invalid_prompt is not None and self.invalid_prompt_text is not None:
            raise refuse_at("invalid_prompt_text", "not together with invalid_prompt")
        for name, count in Counter(entry.key for entry in self.entries).items():
            if count > 1:
                raise refuse_at("entries", f'the key "{name}" is given twice')
        return self


class Ivr(Table):
    """The `[ivr]` table."""

    name: NonEmpty = key(..., "Merge key.")
    description: OptText = key(None, "For readers.")
    lang: OptText = key(None, "Language of texts.")
    default_voice: OptText = key(None, "Voice of texts.")
    dynamic_build: bool = key(False, "For readers.")
    ivr_mode: Annotated[str, FOLD, AfterValidator(_tree_only)] = key("tree", "tree.")
    tts: Speech | None = key(None, "The service that speaks texts.")
    business_hours: BusinessHours = key(BusinessHours(), "When the menus are open.")
    root: Node = key(..., "First menu.")
    menus: dict[NonEmpty, Node] = key({}, "Further menus by name.")


class IvrDocument(Table):
    """An IVR file."""

    ivr: Ivr = key(..., "The IVR.")


class FallbackRule(Table):
    """Where some calls go."""

    name: NonEmpty = key(..., "Name.")
    priority: int = key(0, "Higher first.")
    match: dict[MatchKey, Pattern] = key({}, "Conditions; all must hold.")
    target: Target = key(..., "Where to.")


class IvrFallback(Table):
    """Where a call goes whose IVR fails at run time."""

    default: OptTarget = key(None, "Where to, if no rule matches.")
    rules: list[FallbackRule] = key([], "Rules.")
