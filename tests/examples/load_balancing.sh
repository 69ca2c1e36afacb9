#!/bin/bash
# Two Posts behind one target: their calls in turn, and one alone when the other
# is gone. They have the same posts: the second begins with a copy of the first's
# store, so that a token of one is good at the other.
set -eu
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill $(jobs -p) || true; wait; rm -r "$dir"' EXIT
mkfifo "$dir/serving"

serve() { # NAME: $address is where it serves, $! the process
    "$BUILD/post-server" --listen 127.0.0.1:0 --db "$dir/$1" --log-calls all \
        --user-target "${POSTCLI_USER_TARGET:-localhost:9000}" >"$dir/serving" 2>>"$dir/$1.log" &
    read -r line <"$dir/serving"
    address=${line#*serving on }
    address=${address%% *}
}
calls() { # NAME: how many pages it was asked for
    grep -c 'method=/v1.post.Post/ListPosts ' "$dir/$1.log" || true
}

serve first
"$BUILD/postcli" import posts client-cli/demo/posts.ndjson --target "$address" >/dev/null 2>&1
kill %1 && wait %1
cp -r "$dir/first" "$dir/second"
serve first
both=$address
serve second
both=$both,$address

export POSTCLI_TARGET=$both POSTCLI_LB=round_robin
"$BUILD/postcli" bench unary --count 200 --format json >"$dir/figures" 2>/dev/null
test "$(calls first)" -gt 50 && test "$(calls second)" -gt 50 && echo "both were asked"
"$BUILD/postcli" list --page-size 1 | wc -l

kill $! && wait $!
"$BUILD/postcli" list --page-size 1 | wc -l

# expect:
#   both were asked
#   8
#   8
