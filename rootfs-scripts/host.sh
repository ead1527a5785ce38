#!/bin/sh
# A root file system from this machine's own programs: copies of them, and of
# the shared libraries and the dynamic loader that they need. Works offline,
# without root, on any distribution.
set -eu
LC_ALL=C
export LC_ALL

# shellcheck source=rootfs-scripts/layout.sh
. "$(dirname -- "$0")/layout.sh"

# Those of them that the machine has.
default='sh bash cat chmod chown cp dd df echo env false grep head hostname id
ip kill ln ls mkdir mknod mount mv nproc ps pwd readlink rm rmdir sed setpriv
sleep stat tail touch true umount uname unshare wc whoami'

usage() {
    cat <<END
Usage: rootfs-scripts/host.sh [DIR] [PROGRAM...]

Make the root file system DIR (rootfs/host) from programs of this machine.
Without PROGRAM, take a shell and the usual small tools.
END
}

# find_program NAME: its path. Not `command -v`, which finds what is built
# into this shell first; and the system's own before what a user put into PATH.
find_program() {
    [ "${1#/}" = "$1" ] || { printf '%s\n' "$1" && return; }
    IFS=:
    for directory in /usr/sbin /usr/bin /sbin /bin $PATH; do
        if [ -f "$directory/$1" ] && [ -x "$directory/$1" ]; then
            printf '%s\n' "$directory/$1"
            break
        fi
    done
    unset IFS
}

# Since /lib became a link to usr/lib, a library has two paths, and a program
# may ask for either.
link_libraries() {
    for name in lib lib32 lib64 libx32; do
        [ -L "/$name" ] || continue
        to=$(readlink "/$name")
        mkdir -p -- "$root/${to#/}"
        ln -s "${to#/}" "$root/$name"
    done
    # Where the loader finds libraries outside its default directories. They
    # are copied to the paths that they have here, so what it says still holds.
    [ ! -f /etc/ld.so.cache ] || cp /etc/ld.so.cache "$root/etc/"
}

# libraries FILE: what the dynamic loader would map, itself included. ldd(1)
# has lines like these; the first is in no file, the last is the loader:
#   linux-vdso.so.1 (0x00007ffe)
#   libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f12)
#   /lib64/ld-linux-x86-64.so.2 (0x00007f34)
libraries() {
    listing=$(ldd "$1" 2>/dev/null) || return 0 # a script, or static
    case $listing in
    *'not found'*) fail "$1 does not run here: a library is missing" "ldd $1" ;;
    esac
    printf '%s\n' "$listing" | sed -n 's|^[^/]*\(/.*\) (0x[0-9a-f]*)$|\1|p'
}

add_program() {
    copy "$2" "/usr/bin/${1##*/}"
    # In two steps: the status of a pipe is that of its last command.
    needed=$(libraries "$2")
    printf '%s\n' "$needed" | while read -r library; do
        [ -z "$library" ] || [ -e "$root$library" ] ||
            copy "$library" "$library"
    done
}

case ${1-} in
-h | --help) usage && exit ;;
-*) usage >&2 && exit 125 ;;
esac
begin "${1:-$top/rootfs/host}"
[ $# -eq 0 ] || shift
lay_out
link_libraries
named=$#
# shellcheck disable=SC2086 # A word for each program.
[ "$named" -gt 0 ] || set -- $default
for name; do
    path=$(find_program "$name")
    if [ -n "$path" ]; then
        add_program "$name" "$path"
    elif [ "$named" -gt 0 ]; then
        fail "$name: no such program on this machine"
    fi
done
finish
