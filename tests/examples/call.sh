#!/bin/sh
# Any method of any server, with JSON: what the messages are made of is asked of
# the server's reflection. Needs both servers ("make run").
#
# expect:
#   {"status":"SERVING"}
#   {"post_message":{"post_id":"8","author":"Tony",...}}
#   {"userMessages":[{"userId":"1","name":"Henry"...}],"nextPageToken":"..."...}
#   {"users":[{"userId":"1","name":"Henry","found":true}]}
#   {"users":[{"userId":"3","name":"Jessie","found":true}]}
#   {"status":"SERVING"}
#   postcli: NOT_FOUND: there is no post nosuch
#   postcli: detail google.rpc.ErrorInfo {"reason":"POST_NOT_FOUND","domain":"v1.post.Post"}
#   postcli: the request: v1.post.GetPostRequest has no field "post"
#   postcli: NOT_FOUND: v1.user.User has no method Get; did you mean GetUser? There is: GetUser, ListUsers, ListUsersServerStream, ResolveUsers, ...
set -eu
postcli=${BUILD:-build}/postcli

# One request, or an empty one.
"$postcli" call grpc.health.v1.Health/Check
"$postcli" call --proto-names v1.post.Post/GetPost '{"post_id": "8"}'
"$postcli" call --server user v1.user.User/ListUsers '{"page_size": 1}'

# Many: each is sent as soon as it is read, and answered at once.
printf '{"user_ids": ["1"]} {"user_ids": ["3"]}' |
    "$postcli" call --server user v1.user.User/ResolveUsers -

# Without reflection: by what protoc wrote.
protoc -I proto --include_imports --descriptor_set_out="${TMPDIR:-/tmp}/health.pb" \
    proto/grpc/health/v1/health.proto
"$postcli" call --proto-set "${TMPDIR:-/tmp}/health.pb" grpc.health.v1.Health/Check

# What can be wrong: the call, the request, the name.
"$postcli" call v1.post.Post/GetPost '{"post_id": "nosuch"}' || true
"$postcli" call v1.post.Post/GetPost '{"post": "8"}' || true
"$postcli" call --server user v1.user.User/Get || true
