#!/bin/sh
# The smallest useful root file system: one static program, busybox, which is
# a shell and some three hundred commands, each a link to it.
set -eu
LC_ALL=C
export LC_ALL

# shellcheck source=rootfs-scripts/layout.sh
. "$(dirname -- "$0")/layout.sh"

usage() {
    cat <<END
Usage: rootfs-scripts/busybox.sh [DIR]

Make the root file system DIR (rootfs/busybox) from a static busybox: the
installed one, or Debian's package busybox-static, which is fetched with
apt-get and not installed.
END
}

# In an empty root there is no dynamic loader and no library.
is_static() {
    ! ldd "$1" 2>/dev/null | grep -q '=> /'
}

find_busybox() {
    busybox=$(command -v busybox) && is_static "$busybox" && return
    command -v apt-get >/dev/null ||
        fail "no static busybox on this machine" \
            "install it: dnf install busybox, pacman -S busybox, apk add \
busybox-static, or zypper install busybox-static"
    mkdir "$work/package"
    (cd "$work/package" && fetch)
    dpkg -x "$work"/package/*.deb "$work/package"
    busybox=$(find "$work/package" -path '*/bin/busybox')
}

# The package, into the working directory.
fetch() {
    # A fresh machine has no lists of packages yet. To fetch them takes root.
    apt-get -qq download busybox-static 2>/dev/null ||
        { [ "$(id -u)" -eq 0 ] && apt-get -qq update &&
            apt-get -qq download busybox-static; } ||
        fail "apt-get can't fetch busybox-static" \
            "as root: apt-get update && apt-get install busybox-static"
}

case ${1-} in
-h | --help) usage && exit ;;
-*) usage >&2 && exit 125 ;;
esac
[ $# -le 1 ] || { usage >&2 && exit 125; }
begin "${1:-$top/rootfs/busybox}"
find_busybox
lay_out
copy "$busybox" /usr/bin/busybox
# By its name in argv[0] busybox knows which command it is to be.
"$root/usr/bin/busybox" --list | while read -r applet; do
    [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
done
finish
