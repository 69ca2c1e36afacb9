#!/bin/sh
# Posts in the form that suits the reader. Needs both servers ("make run").
#
# expect:
#   POST ID  AUTHOR  USER ID  TITLE                           TAGS             CREATED
#   1        Henry   1        One call, many answers          grpc, streaming  2020-10-25T00:00:00Z
#   3        Henry   1        What the slow reader taught me  grpc, cats       2020-10-29T18:45:30.250Z
#   -[ 1 ]----------------------------------
#   post_id     | 8
#   author      | Tony
#   user_id     | 5
#   title       | Hello from the last row
#   body        | If you can read this, ...
#   tags        | hello, korea
#   create_time | 2020-11-20T12:00:00Z
#   title,tags
#   "One call, many answers","grpc, streaming"
#   What the slow reader taught me,"grpc, cats"
#   {"post_id":"1","author":"Henry"}
#   {"post_id":"3","author":"Henry"}
#   8 posts, ... in ... s: ... posts/s, .../s
set -eu
postcli=${BUILD:-build}/postcli

"$postcli" list --tag grpc -o wide
"$postcli" get 8 -o expanded
"$postcli" list --tag grpc -o csv --columns title,tags | tr -d '\r'
"$postcli" list --tag grpc -o ndjson --columns post_id,author
"$postcli" stream-list -o none
