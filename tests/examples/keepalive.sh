#!/bin/bash
# A server that does not answer any more is noticed by pings. This one is frozen
# while a call is open on which nobody has anything to say.
set -eu
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill -KILL $(jobs -p); rm -r "$dir"' EXIT

mkfifo "$dir/serving" "$dir/ids"
"$BUILD/post-server" --listen 127.0.0.1:0 --db "$dir/db" --keepalive-min-time 100ms \
    --user-target "${POSTCLI_USER_TARGET:-localhost:9000}" >"$dir/serving" 2>/dev/null &
server=$!
read -r line <"$dir/serving"
target=${line#*serving on }
export POSTCLI_TARGET=${target%% *}
echo '{"post_id":"1","user_id":"1","title":"Are you there?"}' |
    "$BUILD/postcli" import posts - >/dev/null 2>&1

exec 3<>"$dir/ids" # open on both ends, so that the ids never end
echo 1 >&3
"$BUILD/postcli" bidi-list --keepalive-time 300ms --keepalive-timeout 200ms <&3 2>&1 | {
    read -r post
    echo "$post"
    kill -STOP "$server"
    cat
}

# expect:
#   {"post_id":"1","author":"Henry","user_id":"1","title":"Are you there?",...}
#   postcli: UNAVAILABLE: keepalive ...
#   ...
