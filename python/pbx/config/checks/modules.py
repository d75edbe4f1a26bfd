"""Modules and addons: known, written once, and complete enough not to be an open relay."""

import importlib.util
from collections.abc import Iterator
from importlib.metadata import entry_points

from pbx.config.config import Config
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.suggest import nearest
from pbx.config.tables.proxy.calls import ADDONS, MODULES

# Keys that only one module looks at.
KEYS_OF_MODULE = {
    "acl": (
        "acl_rules",
        "acl_files",
        "ua_black_list",
        "ua_white_list",
        "uri_max_length",
        "uri_reject_malformed",
        "frequency_limiter",
        "dos_enabled",
        "dos_max_cps_per_ip",
        "dos_max_concurrent_per_ip",
        "dos_scan_probe_threshold",
        "dos_scan_block_duration_secs",
    ),
    "auth": ("ensure_user", "jwt_auth", "dialog_auth_cache"),
    "registrar": ("registrar_expires", "max_registrar_expires", "max_bindings_per_user", "locator_webhook"),
    "call": (
        "routes",
        "routes_files",
        "router",
        "http_router",
        "emergency",
        "passthrough_failure",
        "blind_transfer_use_refer",
        "media_proxy",
        "audio_codecs",
        "video_codecs",
        "codec_strategy",
        "max_ring_time",
        "parallel_fork",
    ),
}
ADDON_TABLES = {"wholesale": ("wholesale",), "monitor": ("monitor", "metrics")}


def check_modules(config: Config) -> Iterator[Problem]:
    """Rules about `modules` and `addons`."""
    yield from _names(config, ("proxy", "modules"), config.proxy.modules, MODULES, "pbx.modules")
    yield from _names(config, ("proxy", "addons"), config.proxy.addons, ADDONS, "pbx.addons")
    yield from _open_relay(config)
    yield from _not_loaded(config)


def _names(
    config: Config, path: KeyPath, names: list[str], known: tuple[str, ...], group: str
) -> Iterator[Problem]:
    kind = path[-1][:-1] if isinstance(path[-1], str) else ""
    for number, name in enumerate(names):
        if name in names[:number]:
            yield config.document.problem((*path, number), f'"{name}" is listed twice')
        elif name not in known and not _is_installed(name, group):
            message = f'no {kind} named "{name}"'
            yield config.document.problem((*path, number), message, suggestion=nearest(name, known))


def _is_installed(name: str, group: str) -> bool:
    if any(point.name == name for point in entry_points(group=group)):
        return True
    if "." not in name:
        return False
    try:
        return importlib.util.find_spec(name.partition(":")[0].partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _open_relay(config: Config) -> Iterator[Problem]:
    loaded = config.proxy.modules
    exposed = [module for module in ("registrar", "call") if module in loaded]
    if exposed and "auth" not in loaded:
        message = f"open_relay: {' and '.join(exposed)} without auth: nobody is asked for a password"
        yield config.document.problem(("proxy", "modules"), message, severity="warning")


def _not_loaded(config: Config) -> Iterator[Problem]:
    given = config.proxy.model_fields_set
    for module, keys in KEYS_OF_MODULE.items():
        for key in keys if module not in config.proxy.modules else ():
            if key in given:
                message = f'"{key}" has no effect: module "{module}" is not loaded'
                yield config.document.problem(("proxy", key), message, severity="warning")
    for addon, tables in ADDON_TABLES.items():
        for name in tables if addon not in config.proxy.addons else ():
            if getattr(config.main, name) is not None:
                message = f'"{name}" has no effect: addon "{addon}" is not listed'
                yield config.document.problem((name,), message, severity="warning")
