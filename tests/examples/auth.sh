#!/bin/sh
# Bearer tokens: a server that asks for them, and clients that send one. Starts
# a user-server of its own.
#
# expect:
#   postcli: UNAUTHENTICATED: /v1.user.User/ListUsers needs a token
#   postcli: give a token by --token-file FILE, or in $POSTCLI_TOKEN
#   ...
#   postcli: PERMISSION_DENIED: /v1.user.User/ImportUsers needs a token with the scope "write"
#   imported 1, updated 0, unchanged 0, rejected 0
#   {"user_id":"1","name":"Ann","phone_number":"","age":0}
#   SERVING
#   postcli: UNAUTHENTICATED: no token is sent to localhost:9000 in plaintext: encrypt the connection, or allow it with --allow-insecure-token
set -eu
umask 077
build=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill "$server"; wait "$server"; rm -r "$dir"' EXIT

# A token is a long random text. The server has a line for each, with its hash,
# who has it, until when it is good, and what it allows.
new_token() { # NAME EXPIRES SCOPE...
    openssl rand -hex 32 >"$dir/$1"
    echo "$(tr -d '\n' <"$dir/$1" | sha256sum | cut -d' ' -f1) $*" >>"$dir/tokens"
}
new_token reader 2099-01-01 read
new_token editor never read write

mkfifo "$dir/ready"
"$build/user-server" --listen "unix:$dir/socket" --db "$dir/db" --token-file "$dir/tokens" \
    >"$dir/ready" 2>"$dir/log" &
server=$!
read -r _ <"$dir/ready"
export POSTCLI_USER_TARGET="unix:$dir/socket"

person='{"user_id":"1","name":"Ann"}'
"$build/postcli" users list || true
echo "$person" | "$build/postcli" import users --token-file "$dir/reader" - || true
echo "$person" | "$build/postcli" import users --token-file "$dir/editor" -

# From the environment; --token would show it to everyone who lists processes.
POSTCLI_TOKEN=$(cat "$dir/reader") "$build/postcli" users list

# Health needs none.
"$build/postcli" health --server user --format ndjson | grep -o SERVING

# Over TCP without TLS no token leaves this process.
"$build/postcli" users list --user-target localhost:9000 --token-file "$dir/reader" || true
