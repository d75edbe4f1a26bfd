#!/usr/bin/env bash
# The programs the end-to-end tests call with: installed when we are root, else named with the command that does it.
set -u
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need sipp sip-tester
need baresip baresip-core
need kamailio kamailio
need linphonec linphone-cli
need node nodejs
need npm npm
browser() { # a browser's SIP library, beside the test that runs it
    cd tests/e2e/js || exit 1
    [ -d node_modules/jssip ] && [ -d node_modules/ws ] && exit 0
    exec npm install --no-package-lock --ignore-scripts --no-audit --no-fund --silent
}
[ "${#missing[@]}" -eq 0 ] && browser

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "pbx: installing the peers ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install --yes --no-install-recommends "${missing[@]}"; } >/dev/null && browser
    echo "pbx: apt-get could not install ${missing[*]}" >&2
fi
echo "pbx: the end-to-end tests need peers: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
exit 1
