#!/bin/sh
# Limits: a caller that asks too much hears when to come again. Starts a server
# of its own that allows one call a second.
#
# expect:
#   ...
#   postcli: RESOURCE_EXHAUSTED: too many calls a second of ipv4:127.0.0.1: one caller may begin 1
#   postcli: reason CALL_RATE_OF_CALLER; try again in ... s
#   {"service":"v1.user.User","status":"SERVING"}
set -eu
build=${BUILD:-build}
dir=$(mktemp -d)
mkfifo "$dir/serving"
"$build/user-server" --listen 127.0.0.1:0 --db "$dir/data" --log-level error \
    --rate-per-caller 1 >"$dir/serving" &
trap 'kill $!; wait $!; rm -r "$dir"' EXIT
read -r line <"$dir/serving" # user-server: serving on 127.0.0.1:PORT (2 loops)
target=${line#*serving on }
target=${target%% *}

while "$build/postcli" users list --user-target "$target"; do :; done

# Health is never limited.
"$build/postcli" health --server user --user-target "$target" v1.user.User
