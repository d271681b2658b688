#!/bin/sh
# Installs tokctl for this user: curl -fsSL @BASE@/v@VERSION@/install.sh | sh
# Downloads the program for this machine, compares its SHA-256 with the list of the release, and only then puts it, its
# manual pages and its completions below ~/.local. With minisign on the PATH the list's signature is checked too.
#
#   TOKCTL_PREFIX   where to install instead of ~/.local
#   TOKCTL_BASE     where the release is instead of @BASE@/v@VERSION@: a URL of curl's
set -eu

version='@VERSION@'
base=${TOKCTL_BASE:-@BASE@/v$version}
prefix=${TOKCTL_PREFIX:-${HOME:?}/.local}
# The release's public key; empty where the release is not signed.
key='@MINISIGN_KEY@'

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

target() {
  [ "$(uname -s)" = Linux ] || fail "no program for $(uname -s) here; with Rust: cargo install tokctl"
  case $(uname -m) in
  x86_64 | amd64) echo x86_64-unknown-linux-musl ;;
  aarch64 | arm64) echo aarch64-unknown-linux-musl ;;
  *) fail "no program for $(uname -m) here; with Rust: cargo install tokctl" ;;
  esac
}

# download FILE: from the release to the current directory.
download() {
  if command -v curl >/dev/null; then
    curl -fsSL -o "$1" "$base/$1"
  elif command -v wget >/dev/null; then
    wget -q -O "$1" "$base/$1"
  else
    fail "curl or wget is needed"
  fi || fail "$base/$1 cannot be downloaded"
}

# The program's sum is the only line that is looked at: another file of the release need not be there.
check_sum() {
  grep -E "^[0-9a-f]{64}  $1\$" SHA256SUMS >wanted || fail "SHA256SUMS does not name $1"
  if command -v sha256sum >/dev/null; then
    sha256sum -c wanted >/dev/null 2>&1
  elif command -v shasum >/dev/null; then
    shasum -a 256 -c wanted >/dev/null 2>&1
  else
    fail "sha256sum or shasum is needed"
  fi || fail "$1 is not what SHA256SUMS says; nothing is installed"
}

check_signature() {
  [ -n "$key" ] && command -v minisign >/dev/null || return 0
  download SHA256SUMS.minisig
  minisign -Vqm SHA256SUMS -P "$key" || fail "the signature of SHA256SUMS is wrong; nothing is installed"
}

# A program that is running keeps its old file: the new one takes its place by name.
put() {
  mkdir -p "$(dirname "$3")"
  cp "$2" "$3.new"
  chmod "$1" "$3.new"
  mv "$3.new" "$3"
}

install_from() {
  put 755 "$1/tokctl" "$prefix/bin/tokctl"
  for page in "$1"/man/*; do
    put 644 "$page" "$prefix/share/man/man${page##*.}/${page##*/}"
  done
  put 644 "$1/completions/tokctl.bash" "$prefix/share/bash-completion/completions/tokctl"
  put 644 "$1/completions/_tokctl" "$prefix/share/zsh/site-functions/_tokctl"
  put 644 "$1/completions/tokctl.fish" "$prefix/share/fish/vendor_completions.d/tokctl.fish"
}

# Read whole before anything is done: a download that is cut off ends in an error of the shell.
main() {
  name=tokctl-$version-$(target)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  download SHA256SUMS
  check_signature
  download "$name.tar.gz"
  check_sum "$name.tar.gz"
  tar -xzf "$name.tar.gz"
  "$name/tokctl" --version >/dev/null || fail "the program does not start here"
  install_from "$name"
  echo "tokctl $version is in $prefix/bin" >&2
  case :${PATH-}: in
  *":$prefix/bin:"*) ;;
  *) echo "install.sh: $prefix/bin is not on the PATH" >&2 ;;
  esac
}

main
