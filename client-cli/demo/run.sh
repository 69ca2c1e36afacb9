#!/bin/sh
# Both servers in the foreground on their usual ports, 9000 and 9001, or where
# USER_LISTEN and POST_LISTEN say, or USER_SERVER_LISTEN and POST_SERVER_LISTEN, as
# for the servers themselves. The data stays in the folder $DATA; an empty one begins
# with the demo's people and posts. Ctrl-C stops both, once more ends their calls at
# once. "make run" builds and runs it. Both answer browsers too, and have a console. With STORE=postgres the folder is that of a
# PostgreSQL (postgres.sh), which is stopped behind the servers.
set -eu
here=$(dirname "$0")
# shellcheck source=client-cli/demo/postgres.sh
. "$here/postgres.sh"
build=${BUILD:-build}
data=${DATA:-data}
mkdir -p "$data"
pipes=$(mktemp -d "${TMPDIR:-/tmp}/posts-run.XXXXXX")
user=
post=

# stop PID: without one there is nothing to do. wait returns early when Ctrl-C
# comes again, which goes to both servers and cuts the calls that hold us up.
stop() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || status=1 # it ended by itself
    until wait "$1"; do
        kill -0 "$1" 2>/dev/null || {
            status=1
            break
        }
    done
}

# Post first: what it still answers needs User.
cleanup() {
    status=$?
    trap - EXIT
    # Cut calls are a failure; a wait that was interrupted need not say so.
    trap 'status=1; kill $post $user 2>/dev/null || true' INT TERM HUP
    stop "$post"
    stop "$user"
    postgres_stop
    rm -rf "$pipes"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 0' INT TERM HUP

# serve NAME OPTION...: starts build/NAME and waits until it serves; sets pid and
# address (the real one, when asked for port 0).
# It gets a session of its own, so that Ctrl-C reaches only us and we stop it
# with one signal: a second one would cut its calls.
serve() {
    name=$1
    shift
    mkfifo "$pipes/$name"
    setsid "$build/$name" "$@" >"$pipes/$name" &
    pid=$!
    line=
    read -r line <"$pipes/$name" || true
    [ -n "$line" ] || exit 1 # it has said why
    echo "$line"
    address=${line#*serving on }
    address=${address%% *} # the first one
}

# The servers read the variables of their options themselves.
[ -n "${USER_LISTEN:-}" ] && USER_SERVER_LISTEN=$USER_LISTEN
[ -n "${POST_LISTEN:-}" ] && POST_SERVER_LISTEN=$POST_LISTEN
export USER_SERVER_LISTEN="${USER_SERVER_LISTEN:-127.0.0.1:9000}"
export POST_SERVER_LISTEN="${POST_SERVER_LISTEN:-127.0.0.1:9001}"

# tell SERVER ADDRESS TLS_CERT PATH: where a browser finds it, and how it is asked without gRPC.
tell() {
    case $2 in unix:*) return 0 ;; esac
    scheme=http
    [ -z "$3" ] || scheme=https
    echo "$1 in a browser: $scheme://$2/ (without gRPC: curl $scheme://$2$4)"
}

# Only our own transport speaks anything beside gRPC.
web="--web --console"
[ "${USER_SERVER_TRANSPORT:-http}${POST_SERVER_TRANSPORT:-http}" = httphttp ] || web=

USER_DB=$data/user-server
POST_DB=$data/post-server
[ "${STORE:-}" != postgres ] || postgres_start "$data"

# shellcheck disable=SC2086  # two words, or none
serve user-server --db "$USER_DB" $web
user=$pid
export POSTCLI_USER_TARGET="$address"
# shellcheck disable=SC2086
serve post-server --db "$POST_DB" --user-target "$address" $web
post=$pid
export POSTCLI_TARGET="$address"
if [ -z "$("$build/postcli" users list -n 1)" ]; then
    printf 'users of the demo: '
    "$build/postcli" import users "$here/users.ndjson"
fi
if [ -z "$("$build/postcli" list -n 1)" ]; then
    printf 'posts of the demo: '
    "$build/postcli" import posts "$here/posts.ndjson"
fi
echo "the data is kept in $data"
[ "${STORE:-}" != postgres ] || echo "to look at it: psql '$POST_DB'"
if [ -n "$web" ]; then
    tell User "$POSTCLI_USER_TARGET" "${USER_SERVER_TLS_CERT:-}" /v1/users
    tell Post "$POSTCLI_TARGET" "${POST_SERVER_TLS_CERT:-}" /v1/posts
fi
targets=
[ "$POSTCLI_TARGET" = 127.0.0.1:9001 ] || targets=" --target $POSTCLI_TARGET"
[ "$POSTCLI_USER_TARGET" = 127.0.0.1:9000 ] || targets="$targets --user-target $POSTCLI_USER_TARGET"
echo "try: $build/postcli$targets stream-list (Ctrl-C here stops both servers)"
wait "$user" "$post"
