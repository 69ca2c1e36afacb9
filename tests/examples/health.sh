#!/bin/sh
# Health checking, grpc.health.v1: whether a server, or one of its services,
# serves. Needs both servers ("make run").
#
# expect:
#   {"service":"","status":"SERVING"}
#   {"service":"v1.post.Post","status":"SERVING"}
#   SERVICE               STATUS
#   v1.user.User          SERVING
#   postcli: NOT_FOUND: there is no service nobody
#   not serving (1)
#   {"time":"...Z","service":"v1.post.Post","status":"SERVING"}
#   postcli: DEADLINE_EXCEEDED: ...
set -eu
postcli=${BUILD:-build}/postcli

# The process: is it alive? A service: can it do its work?
"$postcli" health
"$postcli" health v1.post.Post
"$postcli" health --server user --format table v1.user.User

# The exit status is for scripts, and for whatever restarts or routes.
"$postcli" health nobody || echo "not serving ($?)"

# Every change as it comes, here for a short while.
"$postcli" health --watch --deadline 200ms v1.post.Post || true
