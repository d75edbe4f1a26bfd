#!/usr/bin/env bash
# What a newcomer does next, printed before the server takes the terminal. $1 is the configuration file.
[ "$1" = config/pbx.toml ] || exit 0
cat <<'TEXT'
pbx starts on 127.0.0.1, port 5060, UDP and TCP. Set two SIP phones on this machine to

    domain and registrar 127.0.0.1    user 1001, password demo-1001
    domain and registrar 127.0.0.1    user 1002, password demo-1002

and call 1002 from 1001. In another terminal:  .venv/bin/pbx registrations   .venv/bin/pbx calls   .venv/bin/pbx --help
Ctrl-C ends it once the running calls are over; a second Ctrl-C ends it at once.

TEXT
