"""Small grammars: patterns, targets, sounds, access rules, suggestions."""

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pbx.config.acl_rule import parse_acl_rule
from pbx.config.pattern import captures, check_pattern, is_literal
from pbx.config.sound import check_sound
from pbx.config.suggest import edit_distance, nearest
from pbx.config.target import check_target


@pytest.mark.parametrize("text", ["", "1001", "+4420", "+", "a.b", "sip:x", "a]b", "}"])
def test_text_without_special_characters_is_a_literal(text):
    assert is_literal(text)
    assert captures(check_pattern(text)) is None


@pytest.mark.parametrize(
    "text", ["^1", "1$", "1*", "1?", "[12]", "(1)", r"\d", "1|2", "1{2}", "1+", "+1+", "+a"]
)
def test_text_with_a_special_character_is_a_regular_expression(text):
    assert not is_literal(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(?=a)", "look-ahead is not possible"),
        ("(?!a)", "look-ahead is not possible"),
        ("(?<=a)b", "look-behind is not possible"),
        ("(?<!a)b", "look-behind is not possible"),
        (r"(a)\1", "back-references are not possible"),
        (r"[\1]", "back-references are not possible"),
        ("(?P<n>a)(?P=n)", "back-references are not possible"),
        ("(a)?(?(1)b)", "conditional groups are not possible"),
        ("(?>a)", "atomic groups are not possible"),
        ("a++", "possessive repetition is not possible"),
        ("a{2}+", "possessive repetition is not possible"),
        ("a{", "begins a repetition"),
        ("[[a]b]", "nested character classes are not possible"),
        ("(a", "not a regular expression"),
        ("[a", "not a regular expression"),
        (r"\Z", r"\Z is not known"),
        ("*", "not a regular expression"),
        ("(?#x)", "this kind of group is not known"),
    ],
)
def test_what_needs_more_than_linear_time_or_is_no_expression_is_refused(text, reason):
    with pytest.raises(PydanticCustomError, match=re.escape(reason)):
        check_pattern(text)


@pytest.mark.parametrize(
    "text", ["^9(\\d{7,})$", "(?P<n>1+)", "(?<n>1+)", "(?:a|b)+", "(?i)x", r"\(", r"[\]^]", "(a+)+$", "[]a]"]
)
def test_ordinary_expressions_are_accepted(text):
    assert captures(check_pattern(text)) is not None


def test_captures_are_known_by_number_and_name():
    assert captures("(?<site>a)(b)") == {"0", "1", "2", "site"}


@settings(deadline=None)
@given(st.text(st.sampled_from("a1()[]{}?*+\\^$|<>=!:P,-"), max_size=12))
def test_any_text_is_accepted_or_refused_with_a_reason(text):
    with contextlib.suppress(PydanticCustomError):
        assert check_pattern(text) == text


@pytest.mark.parametrize(
    "text", ["1001", "+44", "sip:a@b.test", "tel:+44", "queue:x?priority=3", "toivr:x", "conference:1"]
)
def test_targets(text):
    assert check_target(text) == text


@pytest.mark.parametrize("text", ["", "a b", "bridge:1", "queue:", "queue:?x", "http://a.test"])
def test_what_is_no_target_is_refused(text):
    with pytest.raises(PydanticCustomError):
        check_target(text)


@pytest.mark.parametrize(
    "text", ["a.wav", "b/c.MP3", "tone://440,300", "silence://200", "https://a.test/x", "tts://Hello there"]
)
def test_sounds(text):
    assert check_sound(text) == text


@pytest.mark.parametrize("text", ["", "a.txt", "tone://440", "silence://0", "ftp://a", "https://"])
def test_what_is_no_sound_is_refused(text):
    with pytest.raises(PydanticCustomError):
        check_sound(text)


@pytest.mark.parametrize(
    ("text", "shown", "masked"),
    [
        ("allow all", "allow all", False),
        ("DENY\t10.0.0.1", "deny 10.0.0.1/32", False),
        ("deny 10.1.2.3/8", "deny 10.0.0.0/8", True),
        ("allow 2001:db8::1/32", "allow 2001:db8::/32", True),
        ("allow ::ffff:192.0.2.1", "allow 192.0.2.1/32", False),
        ("allow ::ffff:192.0.2.0/120", "allow 192.0.2.0/24", False),
    ],
)
def test_access_rules(text, shown, masked):
    rule = parse_acl_rule(text)
    assert (str(rule), rule.masked) == (shown, masked)


@pytest.mark.parametrize(
    "text", ["", "allow", "permit all", "allow all all", "allow 1.2.3", "allow a.test", "allow 1.2.3.4/-1"]
)
def test_what_is_no_access_rule_is_refused(text):
    with pytest.raises(PydanticCustomError):
        parse_acl_rule(text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("al", "all"),
        ("auht", "auth"),
        ("by", "bypass"),
        ("bx", None),
        ("xyzzy", None),
        ("registr", "registrar"),
        ("", None),
    ],
)
def test_the_nearest_name(word, expected):
    assert nearest(word, ["auto", "all", "auth", "bypass", "registrar"]) == expected


@settings(deadline=None)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_distance_of_words_is_symmetric_and_bounded(left, right):
    distance = edit_distance(left, right)
    assert distance == edit_distance(right, left)
    assert abs(len(left) - len(right)) <= distance <= max(len(left), len(right))
    assert (distance == 0) == (left == right)
