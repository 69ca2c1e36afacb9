#!/bin/sh
# certs.sh DIR [NAME…]: makes certificates to try TLS with; for nothing else.
#
#   ca.pem       whom both sides trust     server.pem, .key   for localhost
#   other-ca.pem whom nobody trusts        client.pem, .key   for a client
#
# A name makes (again) only that one: ca and other-ca, or a certificate like
# server's or client's that ca signed, or other-ca for names in "other-…".
set -eu
dir=$1
shift
[ $# -gt 0 ] || set -- ca other-ca server client
mkdir -p "$dir"
cd "$dir"
umask 077 # keys are nobody else's

ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=$1 for tests" -addext keyUsage=critical,keyCertSign \
        -keyout "$1.key" -out "$1.new" &&
        mv "$1.new" "$1.pem"
}

# certificate NAME CA
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
        -addext "subjectAltName=${SAN:-DNS:localhost,IP:127.0.0.1,IP:::1}" \
        -keyout "$1.key" -out "$1.csr" &&
        openssl x509 -req -in "$1.csr" -copy_extensions copy -CA "$2.pem" -CAkey "$2.key" \
            -days "${DAYS:-3650}" -out "$1.new" &&
        mv "$1.new" "$1.pem" &&
        rm "$1.csr"
}

all() {
    for name; do
        case $name in
        ca | other-ca) ca "$name" ;;
        other-*) certificate "$name" other-ca ;;
        *) certificate "$name" ca ;;
        esac || return
    done
}

all "$@" 2>openssl.log || {
    cat openssl.log >&2
    exit 1
}
rm openssl.log
