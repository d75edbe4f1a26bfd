"""Whatever a file of access rules or routes holds: it is loaded, or refused by errors that name file and line."""

import random
from pathlib import Path

import pytest

from pbx.config import Report
from pbx.config.compile import compile_json
from pbx.config.machine import Machine

CASES = 400
MACHINE = Machine(("192.0.2.1",), 2, "1.2.3", "00112233aabbccdd")
SEEDS = Path(__file__).parents[3] / "config"
ACL = (SEEDS / "acl/example.toml").read_bytes()
ROUTES = (SEEDS / "routes/example.toml").read_bytes()
# What the grammar of TOML, of networks and of patterns hinges on.
PIECES = (
    *(
        b"\n",
        b"\r",
        b'"',
        b"'",
        b'"""',
        b"\\",
        b"\\u0000",
        b"#",
        b"=",
        b".",
        b",",
        b"[",
        b"]",
        b"[[",
        b"{",
        b"}",
        b"\0",
    ),
    *(
        b"\xff",
        b"\xc3\xa9",
        b"\xef\xbb\xbf",
        b"-1",
        b"9" * 40,
        b"1e999",
        b"nan",
        b"true",
        b"1979-05-27",
        b"[]",
        b"{}",
    ),
    *(
        b"/0",
        b"/129",
        b"::",
        b"::ffff:1.2.3.4/97",
        b"%eth0",
        b"all",
        b" deny ",
        b"0x7f",
        b"1.2.3",
        b"allow allow",
    ),
    *(
        b"(?=a)",
        b"(?P<n>a)",
        b"(a",
        b"{0}",
        b"{n}",
        b"[a-",
        b"a{2,1}",
        b"(a*)*",
        b"\\1",
        b"(?i)",
        b"^$",
        b"\\p{L}",
    ),
    *(
        b'"to.user"',
        b'"header."',
        b"priority",
        b"[[routes]]\n",
        b"acl_rules",
        b'name = "reception"\n',
        b"reject",
    ),
)


def mutated(seed: int, text: bytes) -> bytes:
    """The text with a few pieces put in, taken out, said twice or exchanged."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        end = min(len(text), at + chance.choice((0, 1, 2, 5, 30, 300)))
        other = chance.randint(0, len(text))
        kept = (b"", chance.choice(PIECES), chance.choice(PIECES), text[at:end] * 2, text[other : other + 20])
        text = text[:at] + chance.choice(kept) + text[end:]
    return text


def judge(report: Report, name: str) -> None:
    if report.config is not None:
        compile_json(report.config, MACHINE, generation=1, ask_router=False)
        return
    assert report.errors
    for error in report.errors:
        assert Path(error.file).name == name, error
        assert error.line, error
        assert error.message.strip(), error
        assert str(error).isprintable(), error


@pytest.mark.parametrize(("key", "text"), [("acl_files", ACL), ("routes_files", ROUTES)])
def test_changed_file_is_loaded_or_refused_with_file_and_line(site, key, text):
    site.write("pbx.toml", f'[proxy]\n{key} = ["rules.toml"]\ntrunks.carrier-a.dest = "sip:192.0.2.7"\n')
    for seed in range(CASES):
        changed = mutated(seed, text)
        (site.root / "rules.toml").write_bytes(changed)
        try:
            judge(site.examine(), "rules.toml")
        except Exception as fault:
            fault.add_note(f"seed {seed}: {changed!r}")
            raise


def test_finding_stays_on_its_line_whatever_the_value_holds(site):
    site.write("rules.toml", '[[routes]]\nname = "a"\ndescription = "one\\ntwo\\u001b[2J"\n"x\\ry" = 1\n')
    assert site.errors('[proxy]\nroutes_files = ["rules.toml"]\n') == [
        r'rules.toml:3: routes["a"].description: "one\ntwo\x1b[2J": control characters are not allowed',
        r'rules.toml:4: routes["a"]["x\ry"]: unknown key',
    ]
