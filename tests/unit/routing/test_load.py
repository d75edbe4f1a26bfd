"""The `router` key."""

import pytest

from pbx.routing import RouterError, load_router

GOOD = "from pbx.routing import Router\nrouter = Router('{name}')\nother = Router('other')\n"


def write(directory, name, text):
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_file_is_relative_to_the_configuration(tmp_path):
    write(tmp_path, "sub/calls.py", GOOD.format(name="a"))
    assert load_router("sub/calls.py", tmp_path).name == "a"
    assert load_router("sub/calls.py:other", tmp_path).name == "other"


def test_every_load_sees_the_file_as_it_is_now(tmp_path):
    for name in ("one", "two", "six"):
        write(tmp_path, "calls.py", GOOD.format(name=name))
        assert load_router("calls.py", tmp_path).name == name


def test_module_beside_the_configuration_is_found_and_loaded_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["/nowhere", *__import__("sys").path])
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    write(tmp_path, "h6_office/__init__.py", "")
    for name in ("one", "two"):
        write(tmp_path, "h6_office/calls.py", GOOD.format(name=name))
        assert load_router("h6_office.calls:router", tmp_path).name == name


@pytest.mark.parametrize(
    "text",
    [
        "raise SystemExit",
        "import nothing_of_that_name",
        "def broken(",
        "x = 1",
        "router = 5",
        "raise KeyboardInterrupt",
    ],
)
def test_whatever_goes_wrong_in_the_file_is_a_router_error(tmp_path, text):
    write(tmp_path, "calls.py", text)
    with pytest.raises(RouterError, match=r"calls\.py"):
        load_router("calls.py", tmp_path)


@pytest.mark.parametrize("reference", ["absent.py", "absent.module:router"])
def test_missing_router_is_named(tmp_path, reference):
    with pytest.raises(RouterError, match="absent"):
        load_router(reference, tmp_path)


def test_failed_import_leaves_the_old_module_in_place(tmp_path, monkeypatch):
    import sys

    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setattr("sys.path", list(sys.path))
    write(tmp_path, "h6_kept.py", GOOD.format(name="kept"))
    load_router("h6_kept:router", tmp_path)
    kept = sys.modules["h6_kept"]
    write(tmp_path, "h6_kept.py", "raise ValueError")
    with pytest.raises(RouterError):
        load_router("h6_kept:router", tmp_path)
    assert sys.modules["h6_kept"] is kept
    del sys.modules["h6_kept"]
