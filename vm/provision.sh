#!/usr/bin/env bash
# Makes a machine with Debian ready for the workshop: vm/provision.sh
#
# To be run as root, in a virtual machine that the kit is in; Vagrant does so at
# every `vagrant up`. What is done already is not done again, so it may be
# stopped at any point and run once more.
set -euo pipefail
kit=$(cd "$(dirname "$0")/.." && pwd -P)
rust=1.95.0
rustup=1.28.2
# The sums of `rustup-init`, by kind of processor.
declare -A sums=(
    [x86_64]=20a06e644b0d9bd2fbdbfd52d42540bdde820ea7df86e92e533c073da0cdd43c
    [aarch64]=e3853c5a252fca15252d07cb23a1bdd9377a8c6f3efa01531109281ae47f841c
)
export HOME=/root PATH=/root/.cargo/bin:$PATH

say() { printf '== %s\n' "$*"; }
fail() {
    printf 'vm/provision.sh: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

# The packages that are not installed, or only half.
missing() {
    for package in "$@"; do
        # shellcheck disable=SC2016 # Expanded by dpkg-query.
        status=$(dpkg-query -Wf '${db:Status-Status}' "$package" 2>&1) || :
        [ "$status" = installed ] || echo "$package"
    done
}

install_packages() {
    mapfile -t packages < <(missing busybox-static ca-certificates curl gcc \
        git iproute2 libc6-dev nftables perl strace uidmap)
    [ ${#packages[@]} -gt 0 ] || return 0
    say "installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    dpkg --configure -a # What was interrupted before.
    apt-get -qq update || : # One source may fail and the others do.
    apt-get -qq install -y --no-install-recommends "${packages[@]}" ||
        fail "packages can't be installed" "what apt-get said stands above"
}

# What the kit makes stays in the virtual machine: the folder that it lies in
# may be shared with another system, which builds other programs, and has no
# device files.
mount_own_directories() {
    for made in rootfs target; do
        mkdir -p "/var/lib/workshop/$made" "$kit/$made"
        mountpoint --quiet "$kit/$made" ||
            mount --bind "/var/lib/workshop/$made" "$kit/$made"
    done
}

install_rust() {
    [[ $(rustc --version 2>/dev/null) != "rustc $rust "* ]] || return 0
    say "installing Rust $rust"
    machine=$(uname -m)
    sum=${sums[$machine]-}
    [ -n "$sum" ] || fail "no sum is known for $machine" "install Rust yourself"
    init=$(mktemp -d)/rustup-init
    from=https://static.rust-lang.org/rustup/archive/$rustup
    curl --proto '=https' --tlsv1.2 --fail --silent --show-error --retry 3 \
        --output "$init" "$from/$machine-unknown-linux-gnu/rustup-init" ||
        fail "Rust can't be fetched from $from" \
            "this machine needs the internet once: see \`curl -I $from\`"
    echo "$sum  $init" | sha256sum --check --quiet ||
        fail "$init is not what it should be" "do not run it; try again"
    chmod +x "$init"
    "$init" -y --quiet --profile minimal --default-toolchain "$rust"
    rm -r "$(dirname "$init")"
}

# For a machine without the internet, another machine has built the programs.
take_programs() {
    say "no Rust here: taking the programs in /built"
    to=$kit/target/$(uname -m)-unknown-linux-gnu/debug
    mkdir -p "$to"
    cp --recursive --update /built/. "$to"
    WORKSHOP_BUILT=/built "$to/workshop" setup
}

greet() {
    cat >/etc/profile.d/workshop.sh <<PROFILE
[ "\$(id -u)" != 0 ] || PATH=/root/.cargo/bin:\$PATH
case \$- in *i*) cd $kit ;; esac
PROFILE
    cat >/etc/motd <<MOTD

The container workshop. Become root, and begin:

    sudo -i
    ./workshop demo                # what does a container change?
    bin/01-chroot rootfs/busybox sh
    cargo workshop test 01         # the proofs of one step

The book: book/src/before-you-start.md

MOTD
    cat /etc/motd
}

[ "$(id -u)" = 0 ] || fail "this takes root" "sudo $0"
install_packages
# To git, the files are another user's. From /, where it finds no repository.
git -C / config --system --replace-all safe.directory "$kit"
mount_own_directories
cd "$kit"
if [ -d /built ]; then
    take_programs
else
    install_rust
    ./workshop setup
fi
bin/workshop doctor
greet
