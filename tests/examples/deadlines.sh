#!/bin/bash
# What a call waits for ends with its deadline. This server waits for a User that
# is never there, and does so for a minute if it is let.
set -eu
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill $(jobs -p); rm -r "$dir"' EXIT
export POSTCLI_TARGET=unix:$dir/post

"$BUILD/post-server" --listen "$POSTCLI_TARGET" --db "$dir/db" --user-target 127.0.0.1:1 \
    --user-timeout 1m --max-call-time 400ms >"$dir/line" 2>/dev/null &

# The client's own, in any call shape.
for command in list stream-list; do
    "$BUILD/postcli" $command --user 1 --wait-for-ready --deadline 200ms 2>&1 || true
done
# The server's, for a unary call that has none.
"$BUILD/postcli" list --user 1 2>&1 || true

# expect:
#   postcli: DEADLINE_EXCEEDED: Deadline Exceeded
#   postcli: DEADLINE_EXCEEDED: Deadline Exceeded
#   postcli: DEADLINE_EXCEEDED: the call took 400 ms, which is the limit for a call without a deadline
