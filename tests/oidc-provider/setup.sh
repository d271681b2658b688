#!/bin/sh
# Installs the server's packages and makes its keys and certificates; a second run changes nothing.
set -eu
cd "$(dirname "$0")"

# Each result is complete or absent, whenever this was interrupted: made under another name first, or sealed last.
if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci
  cp package-lock.json node_modules/.installed-lock
fi
if ! [ -d keys ]; then
  rm -rf keys.new
  node gen-keys.mjs keys.new
  mv keys.new keys
fi
if ! [ -d certs ]; then
  rm -rf certs.new
  ./gen-certs.sh certs.new
  mv certs.new certs
fi
