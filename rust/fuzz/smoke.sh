#!/bin/sh
# Runs every fuzz target for a while. SECONDS_PER_TARGET says how long, the arguments which targets.
# Coverage instrumentation is a nightly option of the compiler; RUSTC_BOOTSTRAP lets the stable one take it. Sanitizers
# need a nightly standard library and are left out: the crates forbid unsafe code.
set -eu
cd "$(dirname "$0")"
seconds=${SECONDS_PER_TARGET:-30}
version=0.13.2
if ! cargo fuzz --version 2>/dev/null | grep -q "$version"; then
    cargo install --locked cargo-fuzz --version "$version"
fi
export RUSTC_BOOTSTRAP=1
[ $# -gt 0 ] || set -- message framer uri digest sdp via name_addr contact cseq session offer_answer packet relay \
    transactions dialog dns web_socket stun multipart
for target; do
    mkdir -p "corpus/$target" "target/found/$target"
    echo "== $target: $seconds s"
    # New inputs go to the first directory; the committed corpus only seeds.
    cargo fuzz run -s none --fuzz-dir . "$target" "target/found/$target" "corpus/$target" -- \
        -max_total_time="$seconds" -timeout=1 -rss_limit_mb=256 -max_len=8192 -verbosity=0 -print_final_stats=1
done
