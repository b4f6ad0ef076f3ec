#!/usr/bin/env bash
# Brings the programs that tests run beside Python's packages into the folder given: promtool, which checks /metrics.
# It is taken out of Debian's package without installing that, which would start a server.
set -eu
into=$1

command -v promtool >/dev/null && exit 0

say() { echo "promtool is missing, so the tests that run it are skipped: $1. Debian and Ubuntu have it in 'prometheus'." >&2; exit 0; }

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || say "there is no apt-get here"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
download() { (cd "$folder" && apt-get download -qq prometheus >/dev/null 2>&1); }

if ! download; then
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq >/dev/null || say "apt-get update failed"
    elif sudo -n true 2>/dev/null; then
        sudo -n apt-get update -qq >/dev/null || say "apt-get update failed"
    else
        say "apt-get has no package lists and updating them needs root"
    fi
    download || say "apt-get download prometheus failed"
fi
dpkg-deb -x "$folder"/prometheus_*.deb "$folder/unpacked"
install -m 0755 "$folder/unpacked/usr/bin/promtool" "$into/promtool"
