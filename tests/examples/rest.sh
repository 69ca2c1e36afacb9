#!/bin/sh
# Without gRPC: REST and Connect of a server of its own, by curl. "make run" has it, too.
#
# expect:
#   == people are stored, a line each
#   {"imported":"2"}
#   == one of them, and one that there is not
#   {"userId":"1","name":"Henry","age":22}
#   {"code":5,"message":"...","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",...}]}
#   404
#   == a page, a stream of lines, and events
#   {"userMessages":[{"userId":"1","name":"Henry","age":22}],"nextPageToken":"..."}
#   {"result":{"userMessages":[{"userId":"1","name":"Henry","age":22},{"userId":"2","name":"Michael"}]}}
#   id: ...
#   data: {"userMessages":[{"userId":"1","name":"Henry","age":22}],"nextPageToken":"..."}
#
#   id: end
#   event: status
#   data: {"code":0,"message":""}
#
#   == a method by its name: Connect
#   {"userMessage":{"userId":"1","name":"Henry","age":22}}
#   == what there is
#   "/v1/users:delete"
#   "/v1/users:import"
#   "/v1/users:stream"
#   "/v1/users/{user_id}"
#   "/v1/users"
set -eu
build=${BUILD:-build}
dir=$(mktemp -d)
mkfifo "$dir/stdout"
"$build/user-server" --web --listen 127.0.0.1:0 --db "$dir/users" >"$dir/stdout" 2>"$dir/stderr" &
server=$!
trap 'kill $server; wait $server; rm -r "$dir"' EXIT
read -r line <"$dir/stdout" # user-server: serving on 127.0.0.1:40123 (2 loops)
address=${line#*serving on }
users=http://${address%% *}/v1/users
json='content-type: application/json'

echo "== people are stored, a line each"
printf '%s\n' '{"user_id":"1","name":"Henry","age":22}' '{"userId":"2","name":"Michael"}' |
    curl -sS -H 'content-type: application/x-ndjson' -T - -X POST "$users:import"
echo "== one of them, and one that there is not"
curl -sS "$users/1"
curl -sS -w '%{http_code}\n' "$users/nobody"
echo "== a page, a stream of lines, and events"
curl -sS "$users?pageSize=1"
curl -sS -H 'accept: application/x-ndjson' "$users"
curl -sS -H 'accept: text/event-stream' "$users?limit=1"
echo "== a method by its name: Connect"
curl -sS -H "$json" -d '{"userId":"1"}' "${users%/v1/users}/v1.user.User/GetUser" && echo
echo "== what there is"
curl -sS "${users%/v1/users}/openapi.json" | grep -o '"/v1/[^"]*"'
