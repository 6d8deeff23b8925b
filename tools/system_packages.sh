#!/bin/sh
# Installs the Debian packages it is given, where that can be done without asking anybody; says so where it cannot.
set -u
missing=""
for package in "$@"; do
    case "$package" in
        bubblewrap) program=bwrap ;;
        *) program=$package ;;
    esac
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
[ "$(uname -s)" = Linux ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing with apt-get, as root, on this machine:$missing (put them there yourself to prevent it)"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 && exit 0
fi
echo "not installed:$missing (needs root and apt; install by hand: apt install$missing)" >&2
exit 0
