"""User backends: somebody must be able to authenticate, and nobody may be written twice."""

from collections.abc import Iterator

from pbx.config.config import Config
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.tables.proxy.identity import normal_host, realm_parts
from pbx.config.tables.user_backend import MemoryBackend, PlainBackend

BACKENDS: KeyPath = ("proxy", "user_backends")


def check_users(config: Config) -> Iterator[Problem]:
    """Rules of user backends."""
    backends = config.proxy.user_backends
    with_auth = "auth" in config.proxy.modules
    if backends is None and with_auth and config.document.value(BACKENDS) is None:
        message = "no_users: there is no user backend, so nobody can register"
        yield config.document.problem(BACKENDS, message, severity="warning")
    if backends == [] and with_auth:
        yield config.document.problem(BACKENDS, "module auth needs at least one user backend")
    names: dict[str, int] = {}
    for number, backend in enumerate(backends or []):
        yield from _realms(config, number, backend.realms)
        if backend.name is not None and names.setdefault(backend.name, number) != number:
            yield config.document.problem((*BACKENDS, number, "name"), f'"{backend.name}" is used twice')
        if isinstance(backend, MemoryBackend):
            yield from _memory(config, number, backend)
        if isinstance(backend, PlainBackend):
            yield from _plain(config, number, backend)


def _realms(config: Config, number: int, realms: list[str]) -> Iterator[Problem]:
    ours = {realm_parts(realm)[0] for realm in config.proxy.realms}
    for place, realm in enumerate(realms):
        if ours and normal_host(realm) not in ours:
            message = f'"{realm}" is not in proxy.realms, so it is never asked for'
            yield config.document.problem((*BACKENDS, number, "realms", place), message, severity="warning")


def _memory(config: Config, number: int, backend: MemoryBackend) -> Iterator[Problem]:
    path: KeyPath = (*BACKENDS, number, "users")
    if not backend.users and len(config.proxy.user_backends or []) == 1 and "auth" in config.proxy.modules:
        message = "no_users: the only user backend has no users, so nobody can register"
        yield config.document.problem((*BACKENDS, number), message, severity="warning")
    seen: dict[tuple[str, str | None], int] = {}
    for place, user in enumerate(backend.users):
        realm = normal_host(user.realm) if user.realm else None
        if (first := seen.setdefault((user.username, realm), place)) != place:
            message = f'"{user.username}" is the same user as users[{first}]'
            yield config.document.problem((*path, place, "username"), message)
        if not user.has_secret:
            message = f'"{user.username}" has no password and cannot authenticate'
            yield config.document.problem((*path, place), message, severity="warning")


def _plain(config: Config, number: int, backend: PlainBackend) -> Iterator[Problem]:
    try:
        text = config.resolve(backend.path).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for line, content in enumerate(text.splitlines(), start=1):
        stripped = content.strip()
        user, colon, _ = stripped.partition(":")
        if stripped and not stripped.startswith("#") and not (user and colon):
            message = f'"{backend.path}", line {line}: user:password is needed'
            yield config.document.problem((*BACKENDS, number, "path"), message)
