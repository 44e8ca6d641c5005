#!/bin/sh
# A stand-in for gcr.io/distroless/python3-debian12: Python and its libraries, no shell.  usage: distroless.sh OUT.tar
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --mode=root --variant=extract \
  --include=python3.11-minimal,libpython3.11-stdlib,libstdc++6,ca-certificates,netbase,tzdata bookworm "$root"
cd "$root"
tar --sort=name --mtime=@0 --exclude='perl*' -cf "$1" \
  usr/bin/python3.11 lib lib64 usr/lib usr/share/zoneinfo usr/share/doc/*/copyright etc/services etc/ssl tmp
