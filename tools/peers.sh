#!/usr/bin/env bash
# The programs the end-to-end tests call with: installed when we are root, else named with the command that does it.
set -u
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need sipp sip-tester
need baresip baresip-core
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "pbx: installing the peers ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install --yes --no-install-recommends "${missing[@]}"; } >/dev/null && exit 0
    echo "pbx: apt-get could not install ${missing[*]}" >&2
fi
echo "pbx: the end-to-end tests need peers: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
exit 1
