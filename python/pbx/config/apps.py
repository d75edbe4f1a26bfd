"""Applications a route can start, and the parameters each takes."""

from collections.abc import Mapping

from pbx.config.suggest import nearest

# Required parameters first, then optional ones.
APPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ivr": (("name",), ()),
    "queue": (("name",), ("priority",)),
    "voicemail": (("extension",), ()),
    "conference": (("id",), ()),
    "playback": (("file",), ()),
    "echo": ((), ()),
}


def app_fault(app: str, params: Mapping[str, object]) -> tuple[str, str | None] | None:
    """Why these parameters do not fit the application, with the nearest valid name; None if they fit."""
    required, optional = APPS[app]
    known = (*required, *optional)
    for name in params:
        if name not in known:
            return f'"{name}" is no parameter of {app}', nearest(name, known)
    for name in required:
        if name not in params:
            return f'{app} needs the parameter "{name}"', None
    return None
