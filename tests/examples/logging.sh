#!/bin/sh
# The log of calls: a line for each, with the request id that its client gave or
# got. Starts a post-server of its own; needs a User server ("make run").
#
# expect:
#   ... info  postcli: client call method=/v1.post.Post/ListPosts code=OK ... request_id=...
#   0 posts, 2 B in ...
#   postcli: INVALID_ARGUMENT: page_token is damaged
#   postcli: reason INVALID_PAGE_TOKEN, field page_token
#   {"time":"...","level":"info","program":"post-server","message":"call","method":"/v1.post.Post/ListPosts","code":"OK","duration_ms":...,"messages_in":1,...,"peer":"unix:...","request_id":"..."}
#   {"time":...,"method":"/v1.post.Post/ListPosts","code":"INVALID_ARGUMENT",...,"error":"page_token is damaged"}
set -eu
build=${BUILD:-build}
folder=$(mktemp -d)
trap 'kill "$server"; wait "$server"; rm -r "$folder"' EXIT

mkfifo "$folder/serving"
"$build/post-server" --listen "unix:$folder/socket" --db "$folder/posts" \
    --user-target "${POSTCLI_USER_TARGET:-localhost:9000}" \
    --log-calls all --log-format json >"$folder/serving" 2>"$folder/log" &
server=$!
read -r _ <"$folder/serving" # until it serves

export POSTCLI_TARGET="unix:$folder/socket"
"$build/postcli" list --verbose --format none
"$build/postcli" list --page-token x || true

# Stopped, it has written all lines.
kill "$server"
wait "$server"
trap 'rm -r "$folder"' EXIT
grep '"message":"call"' "$folder/log"
