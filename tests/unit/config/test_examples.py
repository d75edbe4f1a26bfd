"""The files in `config/` are good, and together."""

import hashlib
from pathlib import Path

import pytest

from pbx.config import load
from pbx.config.compile import compile_document
from pbx.config.machine import this_machine

EXAMPLES = Path(__file__).parents[3] / "config"
KINDS = {
    "routes_files": "routes",
    "trunks_files": "trunks",
    "acl_files": "acl",
    "queues_files": "queues",
    "ivr_files": "ivr",
}


@pytest.mark.parametrize("name", ["pbx.toml", "minimal.toml"])
def test_a_main_file_loads_without_any_warning(name):
    assert load(EXAMPLES / name, {}).problems == ()


def test_the_demo_listens_on_loopback_only_with_two_users_who_can_register():
    config = load(EXAMPLES / "pbx.toml", {})
    document = compile_document(config, this_machine(), generation=1, ask_router=False)
    assert document["net"]["udp"] == document["net"]["tcp"] == ["127.0.0.1:5060"]
    assert [user["username"] for user in document["switch"]["users"]] == ["1001", "1002"]
    assert config.main.http_addr == "127.0.0.1:8080"
    assert document["switch"]["modules"] == ["acl", "auth", "registrar", "call"]


def test_the_demo_users_are_offered_md5_alone_so_that_older_phones_register():
    config = load(EXAMPLES / "pbx.toml", {})
    switch = compile_document(config, this_machine(), generation=1, ask_router=False)["switch"]
    for user in switch["users"]:
        words = f"{user['username']}:{config.proxy.realms[0]}:demo-{user['username']}"
        assert user["realm"] == config.proxy.realms[0]
        assert user["secret"] == {"ha1": hashlib.md5(words.encode()).hexdigest()}


def test_every_example_file_loads_beside_the_others(site):
    lines = "".join(f'{key} = ["{EXAMPLES / folder}/**/*.toml"]\n' for key, folder in KINDS.items())
    config = site.load("[proxy]\n" + lines)
    assert {kind for kind, documents in config.files.items() if documents} == {
        "routes",
        "trunks",
        "acl_rules",
        "queues",
        "ivrs",
    }
    assert [problem for problem in config.problems if problem.severity == "info"] == []


def test_every_example_file_is_one_of_a_known_kind():
    known = {EXAMPLES / "pbx.toml", EXAMPLES / "minimal.toml"}
    files = {path for path in EXAMPLES.rglob("*.toml") if "generated" not in path.name} - known
    assert files
    assert all(path.parent.name in KINDS.values() for path in files)
