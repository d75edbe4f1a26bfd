"""config.md §0.3: which files are read, in which order, and which entry wins."""

import pytest

from pbx.config import load
from pbx.errors import ConfigError

ROUTE = '[[routes]]\nname = "a"\npriority = {}\n'


def priorities(config):
    return [(entry.name, entry.value.priority) for entry in config.routes]


def test_inline_then_files_in_list_order_then_generated(site):
    site.write("one.toml", ROUTE.format(1))
    site.write("two.toml", ROUTE.format(2))
    inline = '\n[[proxy.routes]]\nname = "a"\npriority = 0\n'
    assert priorities(site.load('[proxy]\nroutes_files = ["one.toml", "two.toml"]' + inline)) == [("a", 2)]
    assert priorities(site.load('[proxy]\nroutes_files = ["two.toml", "one.toml"]' + inline)) == [("a", 1)]
    site.write("config/routes/x.generated.toml", ROUTE.format(9))
    config = site.load('[proxy]\nroutes_files = ["two.toml", "one.toml"]' + inline)
    assert priorities(config) == [("a", 9)]
    assert config.routes[0].origin == "config/routes/x.generated.toml:1"


def test_a_replaced_entry_is_an_info_that_names_both_places(site):
    site.write("one.toml", ROUTE.format(1))
    config = site.load('[proxy]\nroutes_files = ["one.toml"]\n[[proxy.routes]]\nname = "a"\n')
    assert [str(info) for info in config.infos] == ['info: one.toml:1: routes["a"]: override of pbx.toml:3']


def test_a_later_entry_replaces_the_whole_earlier_one(site):
    site.write("one.toml", '[trunks.t]\ndest = "b.test"\n')
    text = '[proxy]\ntrunks_files = ["one.toml"]\n[proxy.trunks.t]\ndest = "a.test"\nmax_calls = 3\n'
    trunk = site.load(text).trunks["t"].value
    assert (trunk.dest, trunk.max_calls) == ("b.test", None)


def test_matches_of_a_glob_are_read_in_the_order_of_their_bytes(site):
    for number, name in enumerate(["b", "a", "B", "é"]):
        site.write(f"r/{name}.toml", f'[[routes]]\nname = "{number}"\n')
    config = site.load('[proxy]\nroutes_files = ["r/*.toml"]\n')
    assert [entry.name for entry in config.routes] == ["2", "1", "0", "3"]


def test_a_file_reached_twice_is_read_once_at_its_last_place(site):
    site.write("r/one.toml", ROUTE.format(1))
    site.write("r/two.toml", ROUTE.format(2))
    config = site.load('[proxy]\nroutes_files = ["r/one.toml", "r/two.toml", "r/../r/one.toml"]\n')
    assert priorities(config) == [("a", 1)]
    assert len(config.files["routes"]) == 2


def test_a_glob_without_match_is_fine_and_a_path_without_file_is_not(site):
    assert not site.errors('[proxy]\nroutes_files = ["none/**/*.toml"]\n')
    expected = 'pbx.toml:2: proxy.routes_files[0]: cannot read "none.toml": no such file or directory'
    assert site.errors('[proxy]\nroutes_files = ["none.toml"]\n') == [expected]


def test_paths_are_relative_to_the_main_file_whatever_the_working_directory(site, monkeypatch):
    main = site.write("etc/pbx.toml", '[proxy]\nroutes_files = ["r/**/*.toml"]\n')
    site.write("etc/r/deep/one.toml", ROUTE.format(1))
    (site.root / "elsewhere").mkdir()
    monkeypatch.chdir(site.root / "elsewhere")
    assert priorities(load(main, {})) == [("a", 1)]


def test_acl_rules_stand_inline_first_then_files_then_generated(site):
    site.write("a.toml", 'acl_rules = ["deny 10.0.0.2"]\n')
    site.write("config/acl/b.generated.toml", 'acl_rules = ["deny 10.0.0.3"]\n')
    config = site.load('[proxy]\nacl_files = ["a.toml"]\nacl_rules = ["deny 10.0.0.1"]\n')
    assert [(entry.value, entry.origin) for entry in config.acl_rules] == [
        ("deny 10.0.0.1", "pbx.toml:3"),
        ("deny 10.0.0.2", "a.toml:1"),
        ("deny 10.0.0.3", "config/acl/b.generated.toml:1"),
    ]


def test_a_file_of_another_kind_is_refused(site):
    site.write("a.toml", 'acl_rules = ["allow all"]\n[routes]\n')
    assert site.errors('[proxy]\nacl_files = ["a.toml"]\n') == ["a.toml:2: routes: unknown key"]


def test_the_main_file_is_the_first_that_exists(site):
    assert load(None, {}).path is None
    site.write("config/pbx.toml", 'log_level = "debug"\n')
    assert load(None, {}).main.log_level == "debug"
    site.write("pbx.toml", 'log_level = "warn"\n')
    assert load(None, {}).main.log_level == "warn"
    named = site.write("other.toml", 'log_level = "error"\n')
    assert load(None, {"PBX_CONFIG": "other.toml"}).main.log_level == "error"
    assert load(named, {"PBX_CONFIG": "pbx.toml"}).main.log_level == "error"


def test_without_any_file_all_defaults_apply(site):
    config = load(None, {})
    assert config.proxy.all_udp_ports == [5060]
    assert any("no_users" in warning.message for warning in config.warnings)


def test_a_named_file_that_is_absent_is_an_error(site):
    with pytest.raises(ConfigError, match="no such file"):
        load(None, {"PBX_CONFIG": "gone.toml"})


def test_the_source_of_a_key_is_its_file_and_line(site):
    site.write("r.toml", '[[routes]]\nname = "a"\nmax_ring_time = 5\n')
    config = site.load('[proxy]\nudp_port = 5060\nroutes_files = ["r.toml"]\n')
    assert config.source("proxy.udp_port") == ("pbx.toml", 2)
    assert config.source('routes["a"].max_ring_time') == ("r.toml", 3)
    assert config.source("proxy.tcp_port") is None
