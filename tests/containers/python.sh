#!/bin/sh
# A stand-in for python:3.11-slim-bookworm, from Debian's packages.  usage: python.sh OUT.tar
set -eu
mmdebstrap --quiet --mode=root --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --include=usr-is-merged,python3-pip,python-is-python3,ca-certificates --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$1"
