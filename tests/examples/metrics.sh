#!/bin/sh
# Metrics for Prometheus. Starts a post-server of its own; needs a User server
# ("make run").
#
# expect:
#   post-server: metrics on http://127.0.0.1:.../metrics
#   grpc_server_started_total{grpc_type="unary",grpc_service="v1.post.Post",grpc_method="ListPosts"} 2
#   grpc_server_handled_total{grpc_type="unary",grpc_service="v1.post.Post",grpc_method="ListPosts",grpc_code="OK"} 2
#   grpc_client_open_calls{grpc_type="bidi_stream",grpc_service="v1.user.User",grpc_method="ResolveUsers"} 1
#   store_records 0
set -eu
build=${BUILD:-build}
folder=$(mktemp -d)
trap 'kill "$server"; wait "$server"; rm -r "$folder"' EXIT

mkfifo "$folder/serving"
"$build/post-server" --listen "unix:$folder/socket" --db "$folder/posts" --loops 1 \
    --user-target "${POSTCLI_USER_TARGET:-localhost:9000}" \
    --log-level warn --metrics-listen 127.0.0.1:0 >"$folder/serving" &
server=$!
{ read -r _; read -r line; } <"$folder/serving"
echo "$line"

for _ in 1 2; do
    "$build/postcli" list --target "unix:$folder/socket" --format none 2>/dev/null
done

curl -s "${line#*metrics on }" | grep -E '^(grpc_server_(started|handled)_total.*"v1.post.Post".*"ListPosts"|grpc_client_open.*"ResolveUsers"|store_records )'
