"""`pbx config dump`, `pbx config schema` and `pbx check`, as commands."""

import json
import tomllib

import pytest
import typer
from typer.testing import CliRunner

from pbx.cli.check import check
from pbx.cli.config import config_app
from pbx.config import load
from pbx.config.dump import dump
from pbx.config.schema import DOCUMENTS, json_schema

SECRETS = """
log_file = "pbx.log"
[ami]
tokens = [{ token = "TOPSECRET-0123456", scopes = ["read"] }]
[proxy]
http_router = { url = "http://u:TOPSECRET@a.test", headers = { Authorization = "TOPSECRET", X-Plain = "seen" } }
locator = { type = "database", url = "postgresql://u:TOPSECRET@h/db" }
user_backends = [{ type = "memory", users = [{ username = "a", password = "TOPSECRET" }] }]
[proxy.trunks.t]
dest = "a.test"
username = "u"
password = "TOPSECRET"
[[proxy.routes]]
name = "r"
dest = "t"
"""


def app() -> typer.Typer:
    commands = typer.Typer()
    commands.command()(check)
    commands.add_typer(config_app, name="config")
    return commands


def run(*arguments: str):
    return CliRunner().invoke(app(), list(arguments))


def test_the_dump_is_toml_with_the_effective_value_of_every_key(site):
    values = tomllib.loads(dump(site.load("[proxy]\nt1_timer = 100\n")))
    assert values["proxy"]["t1x64_timer"] == 6400
    assert values["proxy"]["udp_port"] == 5060
    assert values["rtp_start_port"] == 12000


def test_each_value_from_a_file_names_file_and_line(site):
    site.write("r.toml", '[[routes]]\nname = "a"\npriority = 3\n')
    lines = dump(site.load('[proxy]\nudp_port = 5070\nroutes_files = ["r.toml"]\n')).splitlines()
    assert "udp_port = 5070  # pbx.toml:2" in lines
    assert "priority = 3  # r.toml:3" in lines
    assert "nat_fix = true" in lines


def test_a_dump_loads_again_with_the_same_values(site):
    first = site.load(
        '[proxy]\nudp_port = 5070\nmedia_proxy = "all"\n[[proxy.routes]]\nname = "a"\nmatch = { "to.user" = "^1" }\n'
    )
    second = site.load(dump(first))
    assert second.proxy.model_dump(exclude={"t1x64_timer"}) == first.proxy.model_dump(exclude={"t1x64_timer"})


def test_secrets_are_shown_as_stars_in_the_dump(site):
    site.write("pbx.toml", SECRETS)
    shown = run("config", "dump").stdout
    assert "TOPSECRET" not in shown
    assert shown.count("***") == 6
    assert "seen" in shown
    tomllib.loads(shown)


def test_secrets_appear_in_no_repr(site):
    config = site.load(SECRETS)
    assert "TOPSECRET" not in repr(config) + repr(config.main) + repr(config.trunks) + str(config.document)


def test_dump_files_names_every_file_that_was_read(site):
    site.write("r.toml", "")
    site.write("config/acl/a.generated.toml", "")
    site.write("pbx.toml", '[proxy]\nroutes_files = ["*.toml"]\n')
    site.root.joinpath("pbx.toml").rename(site.root / "main.conf")
    shown = run("config", "dump", "--files", "--config", "main.conf").stdout
    assert shown.splitlines() == [
        "main main.conf",
        "routes r.toml",
        "acl_rules config/acl/a.generated.toml (generated)",
    ]


def test_a_bad_configuration_is_not_dumped(site):
    site.write("pbx.toml", "[proxy]\nudp_prot = 1\n")
    result = run("config", "dump")
    assert result.exit_code == 2
    assert 'did you mean "udp_port"?' in result.stderr


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_schema_describes_every_key(kind):
    result = run("config", "schema", "--file", kind)
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    assert schema["additionalProperties"] is False
    assert all("description" in key and "x-reload" in key for key in schema["properties"].values())


def test_the_schema_tells_defaults_and_ranges():
    proxy = json_schema()["$defs"]["Proxy"]["properties"]
    assert proxy["session_expires"] | {"title": ""} == {
        "title": "",
        "type": "integer",
        "minimum": 90,
        "maximum": 86_400,
        "default": 1800,
        "description": proxy["session_expires"]["description"],
        "x-reload": "new calls",
    }


def test_an_unknown_kind_of_schema_is_a_usage_error():
    assert run("config", "schema", "--file", "nonsense").exit_code == 2


def test_check_ends_with_0_for_warnings_and_2_for_errors(site):
    site.write("pbx.toml", "[proxy]\n")
    good = run("check")
    assert good.exit_code == 0
    assert good.stdout.splitlines()[-1] == "0 errors, 1 warnings"
    site.write("pbx.toml", "[proxy]\nudp_prot = 1\n")
    bad = run("check")
    assert bad.exit_code == 2
    assert bad.stdout.splitlines()[-1] == "1 errors, 1 warnings"
    assert run("check", "--config", "gone.toml").exit_code == 2


def test_check_prints_a_list_of_objects_with_json(site):
    site.write(
        "pbx.toml",
        '[proxy]\nuser_backends = [{ type = "memory", users = [{ username = "a", pasword = "b" }] }]\n',
    )
    result = run("check", "--json")
    (found,) = [problem for problem in json.loads(result.stdout) if problem["severity"] == "error"]
    assert found["key"] == "proxy.user_backends[0].users[0].pasword"
    assert (found["file"], found["line"], found["suggestion"]) == ("pbx.toml", 2, "password")


def test_loading_reads_the_environment_of_the_process(site, monkeypatch):
    site.write("named.toml", 'log_level = "trace"\n')
    monkeypatch.setenv("PBX_CONFIG", "named.toml")
    assert load().main.log_level == "trace"


def test_the_schema_allows_one_value_where_a_list_may_stand():
    address = json_schema()["$defs"]["Proxy"]["properties"]["addr"]
    assert [kind["type"] for kind in address["anyOf"]] == ["string", "array"]


@pytest.mark.parametrize(
    ("router", "message"),
    [
        ("x = ", '"r.py" cannot be imported: SyntaxError'),
        ("raise SystemExit", '"r.py" cannot be imported: SystemExit'),
        ("x = 1", '"r.py" has no variable named "router"'),
        ("router = 1", "router is a int, not a pbx.routing.Router"),
    ],
)
def test_check_imports_the_router_and_names_what_fails(site, router, message):
    site.write("r.py", router + "\n")
    site.write("pbx.toml", '[proxy]\nrouter = "r.py"\n')
    result = run("check")
    assert result.exit_code == 2
    assert "pbx.toml:2: proxy.router: " in result.stdout
    assert message in result.stdout


def test_check_accepts_a_good_router(site):
    site.write("r.py", "from pbx.routing import Router\nmine = Router()\n")
    site.write("pbx.toml", '[proxy]\nrouter = "r.py:mine"\n')
    assert run("check").exit_code == 0


def test_check_names_a_module_of_ones_own_that_cannot_be_loaded(site):
    site.write("pbx.toml", '[proxy]\nmodules = ["auth", "json.NoSuchThing"]\n')
    result = run("check")
    assert result.exit_code == 2
    assert 'pbx.toml:2: proxy.modules: "json.NoSuchThing" cannot be loaded' in result.stdout
