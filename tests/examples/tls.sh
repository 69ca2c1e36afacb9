#!/bin/sh
# TLS: a server of its own with certificates of its own, and who may call it.
#
# expect:
#   imported 1, updated 0, unchanged 0, rejected 0
#   {"user_id":"1","name":"Henry","phone_number":"","age":0}
#   == plaintext
#   postcli: UNAVAILABLE: ... (the server may speak TLS only)
#   == a CA that did not sign the server's certificate
#   postcli: UNAVAILABLE: ... (the server's certificate is not of a CA that is trusted here, ...)
#   == no certificate of its own
#   postcli: UNAVAILABLE: ... (the server may want a certificate, or does not trust this one)
#   == another certificate, without a restart
#   {"user_id":"1","name":"Henry","phone_number":"","age":0}
#   TLS: new connections use the new files
set -eu
build=${BUILD:-build}
dir=$(mktemp -d)
certs=$dir/certs
tests/certs.sh "$certs" # "make certs" does the same

# Clients must have a certificate of this CA, too: mutual TLS.
mkfifo "$dir/stdout"
"$build/user-server" --listen 127.0.0.1:0 --db "$dir/users" --tls-cert "$certs/server.pem" \
    --tls-key "$certs/server.key" --tls-client-ca "$certs/ca.pem" \
    >"$dir/stdout" 2>"$dir/stderr" &
server=$!
trap 'kill $server; wait $server; rm -r "$dir"' EXIT
read -r line <"$dir/stdout" # user-server: serving on 127.0.0.1:40123 with TLS (2 loops)
address=${line#*serving on }

# Each of these could be an option as well: --user-target, --tls-ca and so on.
export POSTCLI_USER_TARGET="${address%% *}" POSTCLI_TLS_CA="$certs/ca.pem" \
    POSTCLI_TLS_CERT="$certs/client.pem" POSTCLI_TLS_KEY="$certs/client.key"
postcli() { "$build/postcli" "$@" 2>&1 || true; }

echo '{"user_id":"1","name":"Henry"}' | postcli import users -
postcli users list

echo "== plaintext"
(unset POSTCLI_TLS_CA POSTCLI_TLS_CERT POSTCLI_TLS_KEY && postcli users list)
echo "== a CA that did not sign the server's certificate"
postcli users list --tls-ca "$certs/other-ca.pem"
echo "== no certificate of its own"
(unset POSTCLI_TLS_CERT POSTCLI_TLS_KEY && postcli users list)

echo "== another certificate, without a restart"
tests/certs.sh "$certs" server
postcli users list
grep -o "TLS: new .*" "$dir/stderr"
