#!/usr/bin/env bash
# warcio_reads.sh ARCHIVE...: does another program read our archives? Lists their records with the npm package warcio
# 2.4.11, which it installs into a scratch folder, and compares their number with what was written.
set -euo pipefail

(($# > 0)) || { echo "usage: bench/warcio_reads.sh ARCHIVE.warc.gz..." >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
npm install --silent --prefix "$scratch" warcio@2.4.11 >&2
for archive in "$@"; do
  records=$("$scratch/node_modules/.bin/warcio" index "$archive" | grep -c '"warc-type"')
  written=$(zcat "$archive" | grep -ac '^WARC/1\.1')
  echo "$archive: warcio reads $records of $written records"
  ((records == written))
done
