"""Judge the Rust dependencies by deny.toml: by cargo-deny where it is installed, else licences, bans and sources read here."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

CARGO_DENY = "0.20.2"
TOOLS = Path("target/tools")


def satisfied(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone; `/` is the old spelling of OR."""
    words = re.findall(r"\(|\)|[^\s()]+(?: WITH [^\s()]+)?", expression.replace("/", " OR "))

    def alternatives() -> bool:
        met = terms()
        while words and words[0] == "OR":
            words.pop(0)
            met = terms() or met
        return met

    def terms() -> bool:
        met = term()
        while words and words[0] == "AND":
            words.pop(0)
            met = term() and met
        return met

    def term() -> bool:
        word = words.pop(0)
        if word != "(":
            return word in allowed
        met = alternatives()
        words.pop(0)
        return met

    return alternatives()


def faults(packages: list[dict[str, Any]], rules: dict[str, Any]) -> list[str]:
    allowed = set(rules["licenses"]["allow"])
    banned = {entry["crate"] for entry in rules["bans"]["deny"]}
    found = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            found.append(f"{name}: banned by deny.toml")
        if not package["license"] or not satisfied(package["license"], allowed):
            found.append(f"{name}: licence {package['license']!r} is not allowed by deny.toml")
        source = package["source"]
        if source is not None and not source.startswith("registry+"):
            found.append(f"{name}: source {source} is no registry")
    return found


def cargo_deny() -> str | None:
    """Where cargo-deny is; a build machine without it gets one, which takes some minutes."""
    own = TOOLS / "bin" / "cargo-deny"
    found = shutil.which("cargo-deny") or (str(own) if own.exists() else None)
    if found or not os.environ.get("CI"):
        return found
    sys.stdout.write(f"licences: installing cargo-deny {CARGO_DENY}\n")
    install = ["cargo", "install", "--quiet", "--locked", "--root", str(TOOLS), f"cargo-deny@{CARGO_DENY}"]
    subprocess.run(install, check=True)  # noqa: S603
    return str(own)


def main() -> int:
    program = cargo_deny()
    if program:
        check = [program, "--workspace", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]
        return subprocess.run(check, check=False).returncode  # noqa: S603
    sys.stdout.write("licences: cargo-deny is not installed; its lists are checked by tools/licences.py\n")
    listing = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"],  # noqa: S607
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # The listing names packages that no feature in use asks for as well; the tree does not.
    tree = subprocess.run(
        ["cargo", "tree", "--workspace", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}"],  # noqa: S607
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    used = {tuple(line.split()[:2]) for line in tree.stdout.splitlines() if line}
    packages = json.loads(listing.stdout)["packages"]
    packages = [package for package in packages if (package["name"], f"v{package['version']}") in used]
    rules = tomllib.loads(Path("deny.toml").read_text(encoding="utf-8"))
    found = faults(packages, rules)
    for fault in found:
        sys.stderr.write(f"licences: {fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
