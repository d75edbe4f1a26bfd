#!/usr/bin/env bash
# Prerequisites of the build: one line for each that is missing. `--python` prints the interpreter to use.
set -u

python_of_choice() {
    local name
    for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 || continue
        "$name" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$name" && return
    done
    return 1
}

if [ "${1:-}" = "--python" ]; then
    python_of_choice
    exit
fi

missing=0
complain() {
    echo "pbx: $*" >&2
    missing=1
}

if python=$(python_of_choice); then
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        complain "needs Python's venv module: apt-get install python3-venv"
else
    complain "needs Python 3.11 or newer: apt-get install python3 python3-venv"
fi

if command -v cargo >/dev/null 2>&1 && command -v rustc >/dev/null 2>&1; then
    version=$(rustc --version 2>/dev/null | awk '{print $2}')
    IFS=.- read -r major minor _ <<<"${version:-0.0}"
    [ "${major:-0}" -gt 1 ] || [ "${minor:-0}" -ge 88 ] ||
        complain "needs Rust 1.88 or newer, found ${version:-none}: rustup update stable"
else
    complain "needs Rust 1.88 or newer (cargo, rustc): install it with rustup, https://rustup.rs"
fi

command -v cc >/dev/null 2>&1 || complain "needs a C compiler and linker: apt-get install build-essential"
exit "$missing"
