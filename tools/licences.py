"""Judge the Rust dependencies by deny.toml: by cargo-deny where it is installed, else licences, bans and sources read here."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any


def satisfied(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone; `/` is the old spelling of OR."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    verdicts: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        if word in ("(", ")"):
            verdicts.append(word)
        elif word in ("AND", "OR"):
            verdicts.append(word.lower())
        else:
            licence = word
            if words[position + 1 : position + 2] == ["WITH"]:
                licence = f"{word} WITH {words[position + 2]}"
                position += 2
            verdicts.append(str(licence in allowed))
        position += 1
    # Only True, False, and, or and brackets are left.
    return bool(eval(" ".join(verdicts), {"__builtins__": {}}))  # noqa: S307


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


def main() -> int:
    if shutil.which("cargo-deny"):
        sys.stdout.write("licences: cargo deny\n")
        check = [
            "cargo",
            "deny",
            "--workspace",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ]
        return subprocess.run(check, check=False).returncode  # noqa: S603
    sys.stdout.write("licences: cargo-deny is not installed; its lists are checked by tools/licences.py\n")
    listing = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"],  # noqa: S607
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    rules = tomllib.loads(Path("deny.toml").read_text(encoding="utf-8"))
    found = faults(json.loads(listing.stdout)["packages"], rules)
    for fault in found:
        sys.stderr.write(f"licences: {fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
