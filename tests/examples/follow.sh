#!/bin/bash
# The posts about coffee, and then what changes: a new one, and one that is not about
# coffee any more. The follower is stopped, something happens meanwhile, and another one
# goes on with the token.
set -eu
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'kill -KILL $(jobs -p) 2>/dev/null || true; rm -r "$dir"' EXIT

post() {
    echo "{\"post_id\":\"$1\",\"user_id\":\"3\",\"title\":\"$2\",\"tags\":[$3]}" |
        "$BUILD/postcli" import posts - >/dev/null 2>&1
}

mkfifo "$dir/rows"
"$BUILD/postcli" stream-list --follow --tag coffee >"$dir/rows" 2>"$dir/said" &
exec 3<"$dir/rows"
next() {
    read -r row <&3
    echo "$row"
}

next
post 9 "Espresso on the night train" '"coffee"'
next
post 9 "Tea on the night train" ""
next
kill -TERM $!
wait $! || echo "exit status $?"
cat "$dir/said"

post 10 "While nobody watched" '"coffee"'
"$BUILD/postcli" stream-list --follow --tag coffee --limit 1 --page-token "$(sed 's/.* //' "$dir/said")"

# expect:
#   {"post_id":"2","author":"Henry",...}
#   {"post_id":"9","author":"Jessie","user_id":"3","title":"Espresso on the night train",...}
#   {"deleted_post_id":"9"}
#   exit status 143
#   postcli: resume with --page-token ...
#   {"post_id":"10","author":"Jessie","user_id":"3","title":"While nobody watched",...}
#   postcli: resume with --page-token ...
