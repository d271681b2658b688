#!/bin/sh
# start.sh PORT [OPTION…]: runs the server in the foreground; the options are at the top of server.mjs.
set -eu
cd "$(dirname "$0")"
port=$1
shift
exec node server.mjs --port "$port" "$@"
