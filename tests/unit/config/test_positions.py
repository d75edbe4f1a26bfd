"""Every key is found on the line it is written on."""

import tomllib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbx.config.positions import index_positions

TEXT = '''# comment with [brackets] and = signs
top = 1
"quoted key".sub = """
[not.a.table]
x = 1"""

[proxy]   # here
udp_ports = [
  5060, # first
  5070,

  5080 ]
inline = { a = 1, "b.c" = { d = '}' }, e = ["#", "]"] }
long = \'\'\'
'' \'\'\'
[proxy.emergency]
numbers = ["110"]
[[proxy.routes]]
name = "a"
match.x = 1
[proxy.routes.reject]
code = 486
[[proxy.routes]]
name = "b"
'''

EXPECTED = {
    ("top",): 2,
    ("quoted key", "sub"): 3,
    ("proxy",): 7,
    ("proxy", "udp_ports"): 8,
    ("proxy", "udp_ports", 0): 9,
    ("proxy", "udp_ports", 1): 10,
    ("proxy", "udp_ports", 2): 12,
    ("proxy", "inline"): 13,
    ("proxy", "inline", "b.c", "d"): 13,
    ("proxy", "inline", "e", 1): 13,
    ("proxy", "long"): 14,
    ("proxy", "emergency"): 16,
    ("proxy", "emergency", "numbers"): 17,
    ("proxy", "routes", 0): 18,
    ("proxy", "routes", 0, "name"): 19,
    ("proxy", "routes", 0, "match", "x"): 20,
    ("proxy", "routes", 0, "reject"): 21,
    ("proxy", "routes", 0, "reject", "code"): 22,
    ("proxy", "routes", 1, "name"): 24,
}


def test_every_form_of_key_is_found():
    tomllib.loads(TEXT)
    found = index_positions(TEXT)
    assert {path: found.lines.get(path) for path in EXPECTED} == EXPECTED
    assert not found.repeated


def test_line_ends_of_other_systems_count_once():
    assert index_positions(TEXT.replace("\n", "\r\n")).lines == index_positions(TEXT).lines


def test_an_absent_key_gets_the_line_of_its_table():
    assert index_positions(TEXT).line(("proxy", "emergency", "enabled")) == 16


def test_a_text_that_is_not_toml_gives_what_stands_before_the_fault():
    assert index_positions("a = 1\nb = [1,\n").lines == {("a",): 1, ("b",): 2, ("b", 0): 2}


def paths(value, path=()):
    yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield from paths(member, (*path, name))


KEYS = st.text(st.sampled_from("ab.\"'\\ é#[]{}=-"), min_size=1, max_size=6)
LEAVES = st.one_of(st.integers(0, 9), st.booleans(), st.text(st.sampled_from("ab\"'\\\n#[]{},="), max_size=8))
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def written(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[ # list [\n" + ",\n".join(written(member) for member in value) + "\n]"
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else str(value)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_every_path_of_any_document_has_a_line(data):
    text = "".join(f"# =\n{quoted(key)} = {written(value)}\n" for key, value in data.items())
    assert tomllib.loads(text) == data
    lines = index_positions(text).lines
    assert set(lines) == {path for path in paths(data) if path}
    for key in data:
        assert text.splitlines()[lines[(key,)] - 1].startswith(quoted(key))


@example("a = [", "}")
@example("a = [", "[}, 1")
@example("a = {b = ", "}")
@example("a = [", ",,")
@example('"', '""\\')
@settings(deadline=None)
@given(
    st.sampled_from(["", "a = [", "a = {b = ", "[a", '"']),
    st.text(st.sampled_from("ab\"'\\\n#[]{},=. 1"), max_size=60),
)
def test_any_text_is_scanned_to_an_end(start, text):
    lines = index_positions(start + text).lines
    assert len(lines) <= len(start + text)


def test_keys_nested_without_reason_end_the_scan():
    assert index_positions("a" + ".a" * 50_000 + " = 1\n").lines == {}
    assert len(index_positions("a = " + "[" * 50_000).lines) < 100
