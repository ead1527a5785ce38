#!/bin/sh
# Writes man-pages.txt: the manual pages that the book may name. They are read
# from those Debian packages whose pages are on man7.org too. Nothing is
# installed.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
chmod 755 "$scratch" # apt downloads as a user of its own
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# Newer than the packages of Debian 12: the calls that mount by file
# descriptor, and the pieces that proc(5) was cut into.
cat >pages <<'END'
fsconfig.2
fsmount.2
fsopen.2
fspick.2
move_mount.2
open_tree.2
proc_pid_cgroup.5
proc_pid_mountinfo.5
proc_pid_ns.5
proc_pid_root.5
proc_pid_status.5
proc_pid_uid_map.5
END

apt-get download -qq \
    acl attr bash binutils bsdutils btrfs-progs coreutils e2fsprogs ethtool \
    iproute2 iptables iputils-ping keyutils kmod libcap-dev libcap2-bin \
    libkeyutils-dev libseccomp-dev libselinux1-dev login manpages \
    manpages-dev mount nftables passwd policycoreutils procps psmisc strace \
    systemd systemd-container tcpdump uidmap util-linux util-linux-extra

for package in *.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --list
done | sed -n 's|^\./usr/share/man/man[1-8]/\(.*\.[1-8]\)\.gz$|\1|p' >>pages
sort -u pages >"$here/man-pages.txt"
