#!/usr/bin/env bash
# Brings the programs that tests run beside Python's packages into the folder given: promtool, which checks /metrics;
# amtool and alertmanager, which say what a route, a time interval or an inhibition means. With `bench` behind the
# folder prometheus too, beside which the daemon is measured.
# They are taken out of Debian's packages without installing those, which would start servers.
# PostgreSQL and mosquitto, whose libraries are many, and faketime, which is one, are installed, without starting any;
# that needs root.
set -eu
into=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

update() {
    if [ "$(id -u)" = 0 ]; then apt-get update -qq >/dev/null
    elif sudo -n true 2>/dev/null; then sudo -n apt-get update -qq >/dev/null
    else return 1; fi
}

# bring PROGRAM PACKAGE [ITS NAME THERE]
bring() {
    command -v "$1" >/dev/null && return 0
    missing() { echo "$1 is missing, so tests that run it are skipped: $3. Debian and Ubuntu have it in '$2'." >&2; }
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { missing "$1" "$2" "there is no apt-get here"; return 0; }
    if [ ! -d "$folder/$2" ]; then
        download() { (cd "$folder" && apt-get download -qq "$1" >/dev/null 2>&1); }
        download "$2" || { update && download "$2"; } || { missing "$1" "$2" "apt-get can't download it"; return 0; }
        dpkg-deb -x "$folder/$2"_*.deb "$folder/$2"
    fi
    install -m 0755 "$folder/$2/usr/bin/${3:-$1}" "$into/$1"
}

bring promtool prometheus
[ "${2:-}" != bench ] || bring prometheus prometheus
bring amtool prometheus-alertmanager
# Debian's build looks for its templates where the package puts them; here it finds them where it is started.
if ! command -v alertmanager >/dev/null; then
    bring alertmanager prometheus-alertmanager prometheus-alertmanager
    there=usr/share/prometheus/alertmanager
    if [ -d "$folder/prometheus-alertmanager/$there" ]; then
        sed -i "s|/$there|./././././././././././././././././|g" "$into/alertmanager"
        mkdir -p "$into/../share/alertmanager"
        cp "$folder/prometheus-alertmanager/$there"/*.tmpl "$into/../share/alertmanager/"
    fi
fi

# need PROGRAM PACKAGE: a server that tests start themselves, or a library with it.
need() {
    command -v "$1" >/dev/null || ls "/usr/sbin/$1" /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1 && return 0
    missing() { echo "$1 is missing, so tests that run it fail: $3. Debian and Ubuntu have it in '$2'." >&2; }
    command -v apt-get >/dev/null || { missing "$1" "$2" "there is no apt-get here"; return 0; }
    root=""
    [ "$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && root="sudo -n"; } || { missing "$1" "$2" "to install it takes root"; return 0; }
    quiet=""
    if [ ! -e /usr/sbin/policy-rc.d ]; then # what keeps Debian from starting a server that it installs
        quiet=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' | $root tee "$quiet" >/dev/null && $root chmod 755 "$quiet"
    fi
    get() { $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1; }
    get "$2" || { update && get "$2"; } || missing "$1" "$2" "apt-get can't install it"
    [ -z "$quiet" ] || $root rm -f "$quiet"
}

need mosquitto mosquitto
need faketime faketime
need initdb postgresql
