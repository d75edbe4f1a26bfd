"""config.md §13: the error report, line by line."""

import json
import os
from pathlib import Path

import pytest

SAMPLES = [
    'config/acl/office.toml:3: acl_rules[2]: "dney 10.0.0.0/8": the action is allow or deny; did you mean "deny"?',
    'config/routes/national.toml:9: routes["national"].dest[1]: no trunk named "carier-b"; did you mean "carrier-b"?',
    'pbx.toml: proxy.ssl_private_key: cannot read "/etc/pbx/privkey.pem": permission denied',
    'pbx.toml:12: proxy.udp_prot: unknown key; did you mean "udp_port"?',
    'pbx.toml:18: proxy.media_proxy: "al" is not one of auto, all, none, nat, bypass; did you mean "all"?',
    "pbx.toml:31: proxy.session_expires: 60 is below the minimum 90",
]


def at_lines(lines: dict[int, str]) -> str:
    return "\n".join(lines.get(number, "") for number in range(1, max(lines) + 1)) + "\n"


def test_the_six_sample_lines_are_reported_exactly_and_together(site, monkeypatch):
    site.write(
        "config/acl/office.toml",
        at_lines({1: 'acl_rules = ["allow 192.0.2.1",', 2: '"allow 192.0.2.2",', 3: '"dney 10.0.0.0/8"]'}),
    )
    site.write(
        "config/routes/national.toml",
        at_lines({3: "[[routes]]", 4: 'name = "national"', 9: 'dest = ["carrier-a", "carier-b"]'}),
    )
    site.write(
        "config/trunks/carriers.toml",
        '[trunks.carrier-a]\ndest = "a.test"\n[trunks.carrier-b]\ndest = "b.test"\n',
    )
    site.write("chain.pem", "not looked at")
    main = {
        1: "[proxy]",
        3: 'acl_files = ["config/acl/*.toml"]',
        4: 'routes_files = ["config/routes/*.toml"]',
        5: 'trunks_files = ["config/trunks/*.toml"]',
        6: 'user_backends = [{ type = "memory", users = [{ username = "u", password = "p" }] }]',
        12: "udp_prot = 5060",
        18: 'media_proxy = "al"',
        20: 'ssl_certificate = "chain.pem"',
        21: 'ssl_private_key = "/etc/pbx/privkey.pem"',
        31: "session_expires = 60",
    }
    plain_open = Path.open

    def refuse_key(self, *args, **kwargs):
        if str(self) == "/etc/pbx/privkey.pem":
            raise PermissionError(13, os.strerror(13))
        return plain_open(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse_key)
    report = site.examine(at_lines(main))
    assert [line for line in report.lines if not line.startswith("warning: ")] == [*SAMPLES, report.lines[-1]]
    assert report.lines[-1].startswith("6 errors, ")
    assert report.config is None


def test_warnings_begin_with_the_word_and_do_not_refuse(site):
    report = site.examine('[proxy]\nacl_rules = ["allow all", "deny all"]\n')
    assert report.config is not None
    unreachable = [line for line in report.lines if "unreachable" in line]
    assert unreachable == [
        'warning: pbx.toml:2: proxy.acl_rules[1]: unreachable: "deny all" stands after "allow all" of pbx.toml:2'
    ]


def test_counts_come_last_also_when_nothing_is_wrong(site):
    text = '[[proxy.user_backends]]\ntype = "memory"\nusers = [{ username = "a", password = "b" }]\n'
    assert site.examine(text).lines == ("0 errors, 0 warnings",)


def test_a_finding_as_json_has_the_documented_members(site):
    report = site.examine('[proxy]\nmedia_proxy = "al"\n')
    found = json.loads(json.dumps(report.errors[0].as_dict()))
    assert found == {
        "file": "pbx.toml",
        "line": 2,
        "key": "proxy.media_proxy",
        "message": '"al" is not one of auto, all, none, nat, bypass',
        "value": "al",
        "suggestion": "all",
        "severity": "error",
    }


def test_a_table_defined_twice_names_both_lines(site):
    assert site.errors("[proxy]\nudp_port = 1\n\n[proxy]\n") == [
        "pbx.toml:4: proxy: defined twice, first in line 1"
    ]


def test_a_key_defined_twice_names_both_lines(site):
    text = "[proxy]\nudp_port = 1\n# between\nudp_port = 2\n"
    assert site.errors(text) == ["pbx.toml:4: proxy.udp_port: defined twice, first in line 2"]


def test_a_syntax_error_names_its_line(site):
    (error,) = site.errors("[proxy]\nudp_port = \n")
    assert error.startswith("pbx.toml:2: not valid TOML: ")


def test_a_file_that_is_not_utf8_names_its_line(site):
    (site.root / "pbx.toml").write_bytes(b"# fine\n# \xff\n")
    assert site.errors() == ["pbx.toml:2: the file is not UTF-8"]


def test_a_main_file_that_was_named_must_exist(site):
    assert site.errors() == ["pbx.toml: cannot read the file: no such file or directory"]


@pytest.mark.parametrize(
    "line",
    [
        'user_backends = [{ type = "memory", users = [{ username = "a", password = 17 }] }]',
        'user_backends = [{ type = "memory", users = [{ username = "a", ha1 = "TOPSECRET" }] }]',
        'user_backends = [{ type = "memory", users = ["TOPSECRET"] }]',
        'jwt_auth = { enabled = true, secret = "TOPSECRET" }',
        'http_router = { url = "http://a.test", headers = { Authorization = "TOPSECRET\\n" } }',
        'locator = { type = "database", url = "mysql://u:TOPSECRET@h/db" }',
        'unknown_token = "TOPSECRET"',
    ],
)
def test_secrets_appear_in_no_finding(site, line):
    report = site.examine("[proxy]\n" + line + "\n")
    assert report.errors
    assert "TOPSECRET" not in "\n".join(report.lines)
    assert "TOPSECRET" not in json.dumps([problem.as_dict() for problem in report.problems])
    assert "17" not in report.errors[0].message
