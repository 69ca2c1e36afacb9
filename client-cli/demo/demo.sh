#!/bin/sh
# The whole thing in a few seconds: starts both servers on free ports with
# fresh data, imports the demo's people and posts, shows the four call shapes and
# live data, and takes everything down again. "make demo" builds and runs it. With
# STORE=postgres the servers are on a PostgreSQL of the demo's own (postgres.sh).
set -eu
here=$(dirname "$0")
# shellcheck source=client-cli/demo/postgres.sh
. "$here/postgres.sh"
build=${BUILD:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/posts-demo.XXXXXX")
user=
post=

cleanup() {
    status=$?
    trap - EXIT INT TERM
    for server in $post $user; do
        kill "$server" 2>/dev/null || true
    done
    wait
    postgres_stop
    if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then
        echo "demo: failed; what the servers said:" >&2
        cat "$work"/*.log >&2 2>/dev/null || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

USER_DB=$work/user-server
POST_DB=$work/post-server
[ "${STORE:-}" != postgres ] || postgres_start ""

# serve NAME OPTION...: starts build/NAME on a free port and waits for the line
# that says where; sets pid and address. The line comes through a pipe, so
# nothing is polled for. It gets a session of its own: Ctrl-C reaches only us.
serve() {
    name=$1
    shift
    mkfifo "$work/$name.out"
    setsid "$build/$name" --listen 127.0.0.1:0 "$@" \
        >"$work/$name.out" 2>"$work/$name.log" &
    pid=$!
    line=
    read -r line <"$work/$name.out" || true
    address=${line#*serving on }
    address=${address%% *}
    if [ -z "$line" ] || [ "$address" = "$line" ]; then
        echo "demo: $name did not start" >&2
        exit 1
    fi
}

# stop NAME PID: a server that is told to stop exits with 0.
stop() {
    kill -TERM "$2"
    status=0
    wait "$2" || status=$?
    if [ "$status" -ne 0 ]; then
        echo "demo: $1 exited with $status" >&2
        exit 1
    fi
}

# Only our own transport speaks anything beside gRPC.
web="--web --console"
[ "${USER_SERVER_TRANSPORT:-http}${POST_SERVER_TRANSPORT:-http}" = httphttp ] || web=

# shellcheck disable=SC2086  # two words, or none
serve user-server --db "$USER_DB" $web
user=$pid
export POSTCLI_USER_TARGET="$address"
# One loop, so that there is one stream to User; and a log that says what goes over it.
export POST_SERVER_LOOPS="${POST_SERVER_LOOPS:-1}"
# shellcheck disable=SC2086
serve post-server --db "$POST_DB" --user-target "$address" --log-level debug $web
post=$pid
export POSTCLI_TARGET="$address"
echo "user-server on $POSTCLI_USER_TARGET, post-server on $POSTCLI_TARGET"
[ -z "$web" ] || echo "while this runs, a console in a browser: http://$POSTCLI_TARGET/"

printf 'users: '
"$build/postcli" import users "$here/users.ndjson"
printf 'posts: '
"$build/postcli" import posts "$here/posts.ndjson"

"$build/postcli" demo --live

# What Post's log says of its stream to User, as arrows.
cat <<EOT

Where the names came from: a post has the id of its author only. Post asks User for the names, on
one stream for all calls (v1.user.User/ResolveUsers), and remembers them. On the same stream User
tells what changes, without being asked. This is all of it, from Post's log:

EOT
sed -n -e 's/.* asks User for names: \(.*\)/  Post ---> User   \1/p' \
    -e 's/.* User tells the names of: \(.*\)/  Post <--- User   the names of \1/p' "$work/post-server.log"

cat <<EOT

To try it yourself, start both servers with "make run", and in another terminal:
  $build/postcli stream-list
  $build/postcli bidi-list            (then type 1, 3 or 9, each with Enter)
  $build/postcli stream-list --follow (in a terminal of its own)
  a browser on http://127.0.0.1:9001/ (the console: all four shapes, as they happen)
  $build/postcli generate users --count 1000 | $build/postcli import users -
  $build/postcli generate posts --count 1000000 | $build/postcli import posts -
EOT

stop post-server "$post"
post=
stop user-server "$user"
user=
