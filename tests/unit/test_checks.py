"""Every check of the contract that has to be met is shown by a test that exists (`tests/checks.toml`)."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "spec" / "reliability.md"
MAP: dict[str, Any] = tomllib.loads((ROOT / "tests" / "checks.toml").read_text(encoding="utf-8"))
CHECKS: dict[str, list[str]] = MAP["checks"]


@cache
def defined_in(file: str) -> set[str]:
    """Names of the tests in a source file that are run."""
    text = (ROOT / file).read_text(encoding="utf-8")
    if file.endswith(".py"):
        return {
            node.name
            for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        }
    # Other attributes and comments may stand before the function, but not one that has it ignored.
    found = re.findall(r"#\[test\]\n((?:\s*(?:#\[|///|//).*\n)*)\s*fn (\w+)\(", text)
    return {name for attributes, name in found if "#[ignore" not in attributes}


@pytest.mark.parametrize("check", [check for group in MAP["groups"].values() for check in group])
def test_check_that_has_to_be_met_is_shown(check: str) -> None:
    assert CHECKS.get(check), f"no test shows {check}"
    assert check not in MAP["unmet"]


@pytest.mark.parametrize("check", CHECKS)
def test_named_tests_exist(check: str) -> None:
    for test in CHECKS[check]:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert name in defined_in(file), test
    assert len(set(CHECKS[check])) == len(CHECKS[check])


@pytest.mark.parametrize("group", MAP["groups"])
def test_ids_are_those_of_the_contract(group: str) -> None:
    if not CONTRACT.exists():
        pytest.skip("the contract is no part of the repository")
    text = CONTRACT.read_text(encoding="utf-8")
    assert sorted(re.findall(rf"(?m)^\| ({group}\d+) \|", text)) == sorted(MAP["groups"][group])


def test_only_checks_of_the_contract_are_named() -> None:
    for check in [*CHECKS, *MAP["unmet"]]:
        assert re.fullmatch(r"[PTRDMSAFLH]\d+", check), check
