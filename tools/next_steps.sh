#!/usr/bin/env bash
# What a newcomer does next, printed before the server takes the terminal. $1 is the configuration file.
[ "$1" = config/pbx.toml ] || exit 0
cat <<'TEXT'
pbx starts on 127.0.0.1, port 5060 (UDP and TCP), with two demo extensions. In two SIP phones on this machine set

    server/domain/registrar 127.0.0.1   port 5060   transport UDP or TCP
    phone A: user 1001, password as in config/pbx.toml      phone B: user 1002, password as in config/pbx.toml

and call 1002 from 1001. In another terminal: .venv/bin/pbx registrations, .venv/bin/pbx calls. Ctrl-C ends it.
TEXT
