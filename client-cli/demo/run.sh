#!/bin/sh
# Both servers in the foreground on their usual ports, 9000 and 9001. The data
# stays in the folder $DATA; a new one begins with the demo's people and posts.
# Ctrl-C stops both. "make run" builds and runs it.
set -eu
here=$(dirname "$0")
build=${BUILD:-build}
data=${DATA:-data}
user_address=${USER_LISTEN:-127.0.0.1:9000}
post_address=${POST_LISTEN:-127.0.0.1:9001}
new=no
[ -d "$data" ] || new=yes
mkdir -p "$data"
pipes=$(mktemp -d "${TMPDIR:-/tmp}/posts-run.XXXXXX")
user=
post=

cleanup() {
    status=$?
    trap - EXIT
    trap '' INT TERM HUP
    for server in $post $user; do
        kill "$server" 2>/dev/null || true
    done
    for server in $post $user; do
        wait "$server" || status=1
    done
    rm -rf "$pipes"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 0' INT TERM HUP

# serve NAME OPTION...: starts build/NAME and waits until it serves; sets pid.
# It gets a session of its own, so that Ctrl-C reaches only us and we stop it
# with one signal: a second one would cut its calls.
serve() {
    name=$1
    shift
    mkfifo "$pipes/$name"
    setsid "$build/$name" --db "$data/$name" "$@" >"$pipes/$name" &
    pid=$!
    line=
    read -r line <"$pipes/$name" || true
    [ -n "$line" ] || exit 1 # it has said why
    echo "$line"
}

serve user-server --listen "$user_address"
user=$pid
serve post-server --listen "$post_address" --user-target "$user_address"
post=$pid
if [ "$new" = yes ]; then
    "$build/postcli" import users "$here/users.ndjson" --user-target "$user_address" >/dev/null
    "$build/postcli" import posts "$here/posts.ndjson" --target "$post_address" >/dev/null
    echo "new data in $data: the demo's people and posts"
else
    echo "data as it was in $data"
fi
echo "try: $build/postcli stream-list (Ctrl-C here stops both servers)"
wait "$user" "$post"
