"""A directory with a `pbx.toml`, and what `pbx check` finds in it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pbx.config import Config, Report, examine


class Site:
    """A directory that is the working directory of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def pair(self, name: str) -> None:
        """Make a certificate and its key."""
        kind = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        names = ["-subj", f"/CN={name}.test", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(kind + names, cwd=self.root, check=True, capture_output=True, timeout=30)

    def examine(self, text: str | None = None) -> Report:
        if text is not None:
            self.write("pbx.toml", text)
        return examine(Path("pbx.toml"), {})

    def errors(self, text: str | None = None) -> list[str]:
        return [str(problem) for problem in self.examine(text).errors]

    def warnings(self, text: str | None = None) -> list[str]:
        """Warnings of a good configuration, but for the notices about keys that come later."""
        config = self.load(text)
        return [str(problem) for problem in config.warnings if "not yet effective" not in problem.message]

    def load(self, text: str | None = None) -> Config:
        report = self.examine(text)
        assert report.config is not None, "\n".join(report.lines)
        return report.config


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PBX_CONFIG", raising=False)
    return Site(tmp_path)


@pytest.fixture
def proxy_errors(site: Site) -> Callable[[str], list[str]]:
    """Errors of a file whose `[proxy]` table holds the given lines, from line 2 on."""
    return lambda lines: site.errors("[proxy]\n" + lines)
