"""The small C programs of this directory, compiled when first needed."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parent / "target" / "bench"


def compiled(name: str) -> Path:
    """Path of the program built from `NAME/NAME.c`, rebuilt when its source is newer."""
    source, binary = HERE / name / f"{name}.c", BUILD / name
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(binary), str(source)], check=True)
    return binary
