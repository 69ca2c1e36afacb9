# shellcheck shell=sh
# A private PostgreSQL for demo.sh and run.sh, which read this file: from the newest of Debian's
# packages that is there, with its data in a folder, on a socket that only its user can reach.
# It runs as an ordinary user: where we are root that is postgres, whom the package has made.

postgres_bin=
postgres_data=
postgres_socket=
postgres_as=

# What the package has, whichever version: postgres_bin.
postgres_find() {
    for dir in /usr/lib/postgresql/*/bin; do
        [ -x "$dir/initdb" ] && postgres_bin=$dir
    done
    [ -n "$postgres_bin" ] || {
        echo "there is no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql" >&2
        return 1
    }
}

# PROGRAM ARGUMENT...: one of PostgreSQL's, as its user.
postgres_run() {
    program=$1
    shift
    # shellcheck disable=SC2086  # a list of words, or none
    (cd / && exec $postgres_as "$postgres_bin/$program" "$@")
}

# SQL: what it answers, bare.
postgres_ask() {
    postgres_run psql -h "$postgres_socket" -U posts -d postgres -v ON_ERROR_STOP=1 -qAtc "$1"
}

postgres_first_time() {
    echo "making a PostgreSQL in $postgres_data"
    postgres_run initdb -D "$postgres_data" -U posts --auth=trust --encoding=UTF8 \
        --locale=C.UTF-8 >"$postgres_socket/initdb.log" 2>&1 || {
        cat "$postgres_socket/initdb.log" >&2
        return 1
    }
}

# Whether root's database can reach its folder.
postgres_give() {
    [ "$(id -u)" -eq 0 ] || return 0
    postgres_as="setpriv --reuid=postgres --regid=postgres --clear-groups"
    chown postgres "$postgres_data" "$postgres_socket"
    # shellcheck disable=SC2086
    $postgres_as test -w "$postgres_data" || {
        echo "the user postgres cannot reach $postgres_data: make its parents so that others may" \
            "pass (chmod o+x), or name another folder by DATA" >&2
        return 1
    }
}

postgres_is_free() {
    postgres_run pg_ctl -D "$postgres_data" status >/dev/null || return 0
    echo "a PostgreSQL runs on $postgres_data already; to stop it:" \
        "$postgres_as $postgres_bin/pg_ctl -D $postgres_data stop" >&2
    postgres_data= # it is not ours to stop
    return 1
}

# FOLDER: starts it with its data in there; "": its data is gone at the end. Sets USER_DB and
# POST_DB, what --db is to be. Its log is in the folder of its data.
postgres_start() {
    postgres_find || return 1
    # Short: the name of a socket may have 107 bytes.
    postgres_socket=$(mktemp -d /tmp/posts-postgres.XXXXXX)
    postgres_data=${1:-$postgres_socket}
    postgres_data=$(cd "$postgres_data" && pwd)/postgres
    [ -d "$postgres_data" ] || mkdir -m 700 "$postgres_data"
    postgres_give || return 1
    [ -e "$postgres_data/PG_VERSION" ] || postgres_first_time || return 1
    postgres_is_free || return 1
    postgres_run pg_ctl -D "$postgres_data" -s -w -l "$postgres_data/postgres.log" \
        -o "-k $postgres_socket -c listen_addresses=''" start || return 1
    for name in users posts; do
        [ -n "$(postgres_ask "SELECT 1 FROM pg_database WHERE datname = '$name'")" ] ||
            postgres_ask "CREATE DATABASE $name" || return 1
    done
    # shellcheck disable=SC2034  # for the script that reads this file
    USER_DB="postgres://posts@/users?host=$postgres_socket"
    # shellcheck disable=SC2034
    POST_DB="postgres://posts@/posts?host=$postgres_socket"
}

# After the servers, and fine where it was not started.
postgres_stop() {
    if [ -n "$postgres_data" ] && [ -e "$postgres_data/postmaster.pid" ]; then
        postgres_run pg_ctl -D "$postgres_data" -s -w -m fast stop || true
    fi
    [ -z "$postgres_socket" ] || rm -rf "$postgres_socket"
}
