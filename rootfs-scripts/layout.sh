# Sourced by the scripts beside it: what every root file system has.
#
#   begin DIR   from here on, build in $root, a directory beside DIR
#   lay_out     directories, users, the kit's own programs
#   finish      $root becomes DIR
#
# Whatever happens in between, DIR is either the old tree or the new one, and
# nothing half-made stays behind.
# shellcheck shell=sh

top=$(cd -- "$(dirname -- "$0")/.." && pwd -P)

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 125
}

begin() {
    # Nobody but the owner may write what becomes a root directory, whatever
    # the caller's umask: else others decide what runs in it.
    umask 022
    find_target "$1"
    must_be_replaceable
    # The pid tells `workshop clean` whether the work is still going on.
    work=$(dirname -- "$target")/.${target##*/}.$$
    root=$work/root
    mkdir -- "$work"
    trap leave EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -- "$root"
}

# The whole path, without symbolic links, since `finish` renames.
find_target() {
    if [ -d "$1" ]; then
        target=$(cd -- "$1" && pwd -P)
        return
    fi
    parent=$(dirname -- "$1")
    mkdir -p -- "$parent"
    target=$(cd -- "$parent" && pwd -P)/$(basename -- "$1")
}

# A slip on the command line must not cost somebody a directory.
must_be_replaceable() {
    rmdir -- "$target" 2>/dev/null || : # Empty is as good as absent.
    [ -e "$target" ] || return 0
    [ -f "$target/etc/rootfs-script" ] ||
        fail "$target is no root file system that the workshop made" \
            "name a directory that does not exist yet"
    # What is mounted there would be removed with the old tree. mountinfo
    # writes a space as \040: proc_pid_mountinfo(5).
    below=$(printf '%s/' "$target" | sed 's/ /\\040/g')
    ! cut -d' ' -f5 /proc/self/mountinfo | grep -qF -- "$below" ||
        fail "something is mounted below $target" \
            "\`cargo workshop clean\` unmounts it"
}

leave() {
    # Stopped between the two renames of `finish`: take the first one back.
    [ -e "$target" ] || [ ! -e "$work/old" ] || mv -- "$work/old" "$target"
    rm -rf -- "$work"
}

lay_out() {
    for directory in dev/mqueue etc home/student proc root run sys tmp usr/bin \
        var/tmp; do
        mkdir -p -- "$root/$directory"
    done
    chmod 700 "$root/root"
    chmod 1777 "$root/tmp" "$root/var/tmp"
    # One directory of programs under all the names it has ever had.
    [ -e "$root/bin" ] || ln -s usr/bin "$root/bin"
    [ -e "$root/sbin" ] || ln -s usr/bin "$root/sbin"
    [ -e "$root/usr/sbin" ] || ln -s bin "$root/usr/sbin"
    # What a container has there instead is mounted over them.
    touch -- "$root/etc/hosts" "$root/etc/resolv.conf"
    add_users
    add_kit
}

add_users() {
    add_entry passwd 'root:x:0:0:root:/root:/bin/sh'
    add_entry passwd 'nobody:x:65534:65534:nobody:/nonexistent:/bin/false'
    add_entry passwd 'student:x:1000:1000:student:/home/student:/bin/sh'
    add_entry group 'root:x:0:'
    add_entry group 'tty:x:5:'
    add_entry group 'nogroup:x:65534:'
    add_entry group 'student:x:1000:'
    # An ordinary user can't give files away, nor can the root of a user
    # namespace that has no such id. Then the home is the caller's.
    [ "$(id -u)" -ne 0 ] || chown 1000:1000 "$root/home/student" ||
        printf 'note: home/student belongs to root\n' >&2
}

# add_entry FILE LINE: unless the name is there already.
add_entry() {
    grep -q "^${2%%:*}:" "$root/etc/$1" 2>/dev/null ||
        printf '%s\n' "$2" >>"$root/etc/$1"
}

# `probe` and `attacks` are linked statically, so they run in any root.
add_kit() {
    programs=${WORKSHOP_BIN:-$top/bin}
    for program in probe attacks; do
        if [ -x "$programs/$program" ]; then
            copy "$programs/$program" "/usr/bin/$program"
        else
            printf 'note: %s has no %s: run %s\n' "$programs" "$program" \
                "cargo workshop setup" >&2
        fi
    done
}

# copy FILE PATH: what FILE is, not the link that it may be, as PATH inside.
# Whatever its mode was: set-user-ID bits are not taken along.
copy() {
    mkdir -p -- "$(dirname -- "$root$2")"
    cp -L -- "$1" "$root$2"
    chmod 755 "$root$2"
}

finish() {
    # Debian has a few directories that a group may write.
    find "$root" -type d \( -perm -020 -o -perm -002 \) ! -perm -1000 \
        -exec chmod go-w {} +
    # By this file we know the tree for ours. It is the last to be written,
    # so its time is the age of the tree.
    printf '%s\n' "${0##*/}" >"$root/etc/rootfs-script"
    [ ! -e "$target" ] || mv -- "$target" "$work/old"
    mv -- "$root" "$target"
    printf '%s\n' "$target"
}
