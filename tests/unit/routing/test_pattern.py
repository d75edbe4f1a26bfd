"""Patterns of `formats.md` §0."""

import pytest

from pbx.routing import Pattern


@pytest.mark.parametrize("text", ["1002", "+4930", "a.b", "+"])
def test_literal_is_compared_whole_and_nothing_in_it_is_special(text):
    assert Pattern(text).match(text) == ({}, [])
    assert Pattern(text).match(text + "x") is None
    assert Pattern("a.b").match("axb") is None


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        (r"9\d+", "9123", True),
        (r"9\d+", "x9123", False),
        (r"9\d+", "9123x", False),
        (r"^9", "9123", True),
        (r"9$", "1239", True),
        (r"9$", "1239\n", False),
        (r"a|b", "b", True),
        (r"a|b", "ab", False),
        (r"1+", "111", True),
    ],
)
def test_expression_without_anchor_must_match_the_whole_value(text, value, matches):
    assert (Pattern(text).match(value) is not None) == matches


def test_groups_are_captured_by_name_and_in_order():
    assert Pattern(r"^(\d)(?P<rest>\d+)(x)?$").match("123") == ({"rest": "23"}, ["1", ""])


def test_case_is_ignored_only_when_asked():
    assert Pattern("Example.ORG", ignore_case=True).match("example.org") == ({}, [])
    assert Pattern("Example.ORG").match("example.org") is None


def test_bad_expression_is_refused_with_its_text():
    with pytest.raises(ValueError, match=r"\(a"):
        Pattern("(a")


def test_endless_values_match_nothing():
    assert Pattern(r"\d+").match("1" * 257) is None
