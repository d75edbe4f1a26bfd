"""Where a call can be sent by forwarding, queues and menus: a number, a URI, or one of our applications."""

import re

from pbx.config.tables.table import refuse

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_APPLICATIONS = {
    "queue": "queue",
    "ivr": "ivr",
    "toivr": "ivr",
    "voicemail": "voicemail",
    "conference": "conference",
}


class Target(str):
    """The text of a target that has been checked."""

    __slots__ = ()

    @property
    def application(self) -> tuple[str, str] | None:
        """Application and name, such as ("queue", "helpdesk"); None for a number, user or URI."""
        found = _SCHEME.fullmatch(self)
        kind = _APPLICATIONS.get(found.group(1).lower()) if found else None
        return (kind, found.group(2).partition("?")[0]) if found and kind else None


def check_target(text: str) -> Target:
    """Accept a target or raise why it is none."""
    found = _SCHEME.fullmatch(text)
    scheme = found.group(1).lower() if found else ""
    if not text or any(character <= " " for character in text):
        raise refuse("a number, user or URI is needed")
    if found and scheme in {*_APPLICATIONS, "sip", "sips", "tel"} and not found.group(2).partition("?")[0]:
        raise refuse(f'"{scheme}:" is followed by a name')
    # A user part may hold a colon-free "a:b" nowhere, so anything before a colon is a scheme.
    if found and scheme not in {*_APPLICATIONS, "sip", "sips", "tel"}:
        raise refuse(f'targets with "{scheme}:" are not possible')
    return Target(text)
