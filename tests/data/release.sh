#!/bin/sh
# Keeps what this version writes: a small state, the messages of its topics, and the schemas of its
# results, so that every later version can show that it reads them (tests/unit/task/test_release.c,
# tests/system/test_formats.py). To be run once for a release, in the repository, after a build:
#
#   tests/data/release.sh 0.2
set -eu
cd "$(dirname "$0")/../.."
out=tests/data/v$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/release/tests/release_data tests/data/release.jsonl "$work"
rm -f "$work"/state/LOG* "$work"/state/LOCK "$work"/state/OPTIONS*
mkdir -p "$out/schemas"
cp schemas/*.avsc "$out/schemas/"
cp "$work/messages.jsonl" "$out/"
tar --sort=name --owner=0 --group=0 --mtime=@0 -C "$work" -c state | gzip -n9 >"$out/state.tar.gz"
du -sh "$out"
