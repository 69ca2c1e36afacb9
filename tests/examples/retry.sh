#!/bin/bash
# A call that finds no server is made again, a few times; or it waits for one.
set -eu
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill $(jobs -p); rm -r "$dir"' EXIT
export POSTCLI_TARGET=unix:$dir/late

"$BUILD/postcli" list 2>&1 || true # after 50, 100 and 200 ms
"$BUILD/postcli" list --retries 0 2>&1 || true # at once

# Another policy than ours: any file in gRPC's own format.
cat >"$dir/config.json" <<END
{"methodConfig": [{"name": [{"service": "v1.post.Post"}], "retryPolicy": {"maxAttempts": 5,
  "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
  "retryableStatusCodes": ["UNAVAILABLE", "INTERNAL"]}}]}
END
"$BUILD/postcli" list --service-config "$dir/config.json" 2>&1 || true

"$BUILD/postcli" list --wait-for-ready --deadline 20s &
"$BUILD/post-server" --listen "$POSTCLI_TARGET" --db "$dir/db" \
    --user-target "${POSTCLI_USER_TARGET:-localhost:9000}" >"$dir/line" 2>/dev/null &
wait %1 && echo "served"

# expect:
#   postcli: UNAVAILABLE: ...
#   postcli: UNAVAILABLE: ...
#   postcli: UNAVAILABLE: ...
#   served
