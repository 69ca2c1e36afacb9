#!/bin/sh
# Errors that say what to do: beside a code and a text, servers name the field
# that is wrong, or when to come again. Needs both servers ("make run").
#
# expect:
#   postcli: INVALID_ARGUMENT: page_token is damaged
#   postcli: reason INVALID_PAGE_TOKEN, field page_token
#   postcli: INVALID_ARGUMENT: tag has 257 bytes, and at most 256 are allowed
#   postcli: reason FIELD_TOO_LONG, field tag
#   postcli: nobody: NOT_FOUND: there is no user nobody
set -eu
postcli=${BUILD:-build}/postcli

"$postcli" stream-list --page-token nonsense || true
"$postcli" list --tag "$(printf '%257s' x)" || true

# Nothing to mend here: the text says it all. Programs still get a reason,
# USER_NOT_FOUND.
"$postcli" users get nobody || true
