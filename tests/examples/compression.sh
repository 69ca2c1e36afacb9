#!/bin/bash
# Compression: a server that was told to compresses what it answers, postcli what
# it asks. The server's log tells what that gains. Needs user-server ("make run").
#
# expect:
#   postcli: 300 posts belong to 5 users that User does not know: ...
#   imported 300, updated 0, unchanged 0, rejected 0
#   the same 300 posts
#   ... bytes packed with gzip in ...
set -eu
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill $(jobs -p); wait; rm -r "$dir"' EXIT

mkfifo "$dir/serving"
"$BUILD/post-server" --listen 127.0.0.1:0 --db "$dir/db" --compression gzip --log-level debug \
    --user-target "${POSTCLI_USER_TARGET:-localhost:9000}" >"$dir/serving" 2>"$dir/log" &
read -r line <"$dir/serving"
target=${line#*serving on }
export POSTCLI_TARGET=${target%% *}

"$BUILD/postcli" generate posts --count 300 --users 5 |
    "$BUILD/postcli" import posts - --compression gzip --no-progress
"$BUILD/postcli" stream-list --format ndjson >"$dir/plain"
"$BUILD/postcli" stream-list --format ndjson --compression gzip >"$dir/packed"
cmp "$dir/plain" "$dir/packed" && echo "the same $(wc -l <"$dir/plain") posts"

# What the largest part of the listing became.
grep -o '[0-9]* bytes packed with gzip in [0-9]*' "$dir/log" | sort -n | tail -1
