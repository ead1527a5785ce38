#!/bin/sh
# A whole, minimal Debian (or Ubuntu), with apt: the largest of the three, and
# the one that a container image usually starts from.
set -eu
LC_ALL=C
export LC_ALL

# shellcheck source=rootfs-scripts/layout.sh
. "$(dirname -- "$0")/layout.sh"

usage() {
    cat <<END
Usage: rootfs-scripts/debootstrap.sh [DIR] [SUITE]

Make the root file system DIR (rootfs/debian) from packages, as this machine's
own apt is set up: its mirror and, without SUITE, its suite. It takes root and
debootstrap; or, as an ordinary user, mmdebstrap and a range of subordinate ids.
END
}

# The first source that has the machine's own suite: not its updates, nor what
# others provide.
find_mirror() {
    command -v apt-get >/dev/null ||
        fail "this machine has no apt to say where packages are" \
            "host.sh and busybox.sh work on any distribution"
    # shellcheck source=/dev/null
    own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME-}")
    # shellcheck disable=SC2016 # The variables are apt's, not the shell's.
    mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(RELEASE)' \
        'Created-By: Packages' |
        awk -v own="$own" '$2 == own || $3 == own { print $1; exit }')
    [ -n "$mirror" ] ||
        fail "apt has no source for the suite '$own'" "as root: apt-get update"
    suite=${1:-$own}
}

build() {
    if [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null; then
        # In a mount namespace of its own, so that what debootstrap mounts
        # inside vanishes with it, however it ends.
        unshare --mount debootstrap --variant=minbase "$suite" "$root" "$mirror"
    elif command -v mmdebstrap >/dev/null; then
        as_anybody
    else
        fail "neither debootstrap (for root) nor mmdebstrap is installed" \
            "as root: apt-get install debootstrap; else mmdebstrap and uidmap"
    fi
}

# In a user namespace, in which an ordinary user is root. What leaves it is an
# archive, and all that we unpack from it is our own.
as_anybody() {
    mode=unshare
    [ "$(id -u)" -ne 0 ] || mode=root
    mmdebstrap --mode=$mode --variant=minbase "$suite" "$work/root.tar" \
        "$mirror"
    tar --extract --file "$work/root.tar" --directory "$root" \
        --exclude='./dev/*'
}

case ${1-} in
-h | --help) usage && exit ;;
-*) usage >&2 && exit 125 ;;
esac
begin "${1:-$top/rootfs/debian}"
find_mirror "${2-}"
# What is built prints much; the path of the result is this script's output.
build >&2
rm -rf -- "${root:?}/dev" # no device nodes: a container gets its own
lay_out
finish
