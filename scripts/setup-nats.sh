#!/bin/sh
# Makes nats-server available to the tests, without root and without a service: the one on PATH when it is new enough,
# else the program out of a package, unpacked into .cache/testbed/nats. The package is the release's own when that is
# new enough, else, on Debian, that of a newer release, from the mirror this machine's apt is set up to use. Running it
# again does nothing.
set -eu

wanted=2.10
# The oldest release of Debian whose nats-server is new enough and runs here; it needs libc6 2.34, which 12 has.
newer_release=trixie

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/.cache/testbed/nats
work=

fail() {
  echo "setup-nats: $*; put a nats-server >= $wanted on PATH, or let the tests that need one be skipped" >&2
  exit 1
}

# Whether this program runs and is new enough.
suits() {
  version=$("$1" --version 2>/dev/null | sed -n 's/^nats-server: v\([0-9]*\.[0-9]*\).*/\1/p')
  [ -n "$version" ] || return 1
  major=${version%.*} minor=${version#*.}
  [ "$major" -gt "${wanted%.*}" ] || { [ "$major" -eq "${wanted%.*}" ] && [ "$minor" -ge "${wanted#*.}" ]; }
}

# apt and its tools, with lists and cache of our own, so that no lock and no root is needed.
private() {
  tool=$1
  shift
  "$tool" -qq -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o Debug::NoLocking=true \
    -o APT::Sandbox::User= -o Acquire::Languages=none "$@"
}

# Downloads nats-server, by the apt command given, and unpacks it below $work/tree.
unpack_by() {
  (cd "$work" && "$@" download nats-server >/dev/null 2>"$work/errors") || fail "$(head -n 1 "$work/errors" | tr -d '\n')"
  dpkg-deb -x "$work"/nats-server_*.deb "$work/tree"
}

own_release_suits() {
  candidate=$(apt-cache policy nats-server 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9].*\)/\1/p')
  [ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge "$wanted"
}

# The address of the mirror's main archive, as this machine's apt knows it.
mirror() { "$@" indextargets 'Created-By: Packages' 'Component: main' 'Origin: Debian' 'Label: Debian' --format '$(REPO_URI)' | head -n 1; }

unpack_newer_release() {
  [ "$(. /etc/os-release && echo "$ID")" = debian ] || fail "apt knows no nats-server >= $wanted here"
  address=$(mirror apt-get)
  if [ -z "$address" ]; then # this machine's lists were never fetched
    private apt-get update >/dev/null 2>&1 || fail "apt could not fetch its lists"
    address=$(mirror private apt-get)
  fi
  [ -n "$address" ] || fail "the sources of apt name no mirror of Debian"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  signed=
  [ ! -s "$keyring" ] || signed="[signed-by=$keyring]"
  echo "deb $signed $address $newer_release main" >"$work/sources.list"
  newer() { private apt-get -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null "$@"; }
  newer -o APT::Update::Error-Mode=any update >/dev/null 2>"$work/errors" || fail "$(head -n 1 "$work/errors" | tr -d '\n')"
  unpack_by newer
}

if suits nats-server || suits "$folder/nats-server"; then exit 0; fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then fail 'no apt here'; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
echo 'setup-nats: unpacking nats-server'
if own_release_suits; then unpack_by apt-get -qq -o APT::Sandbox::User=; else unpack_newer_release; fi
program=$(find "$work/tree" -type f -name nats-server -path '*bin/*' | head -n 1)
if [ -z "$program" ] || ! suits "$program"; then fail 'the unpacked nats-server does not run here'; fi
mkdir -p "$folder"
cp "$program" "$folder/nats-server.new"
mv "$folder/nats-server.new" "$folder/nats-server"
