# Makes the host that the sessions of one chapter run on, as process 1 of new
# namespaces: `host.sh SCRATCH REPOSITORY`. Every path can be written to, and
# nothing that is written stays. Prints its process number as seen from
# outside when it is ready, and ends when its standard input does.
set -eu
scratch=$1 repository=$2

# /proc is still that of the machine.
read -r outside _ </proc/self/stat

mount -t tmpfs tmpfs "$scratch"
root=$scratch/root
mkdir "$root"

# scratch_over DIR AT: the contents of DIR, to be changed at will.
scratch_over() {
    layer=$(mktemp -d "$scratch/layer.XXXX")
    mkdir "$layer/upper" "$layer/work"
    mount -t overlay overlay "$2" \
        -o "lowerdir=$1,upperdir=$layer/upper,workdir=$layer/work"
}

# An ordinary user may not take apart what is mounted below /, so no overlay
# can be made of it; but then the user can't write to it either.
if [ -n "${ORDINARY_USER-}" ]; then
    mount --rbind / "$root"
else
    scratch_over / "$root"
fi
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
[ ! -d /sys/fs/cgroup ] || mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"

mount -t tmpfs -o mode=755 dev "$root/dev"
for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/mqueue" "$root/dev/pts" "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"
done

# The home directory is empty but for what makes a shell talk to the runner:
# the exit status stands before the prompt, in an escape sequence that
# terminals use for it and don't show.
mount -t tmpfs -o mode=755 home "$root/root"
cat >"$root/root/.bashrc" <<'END'
PS1='\[\e]133;D;$?\a\]\$ '
PS2='> '
set +o emacs +o vi +o histexpand
END
mkdir "$root/root/workshop"
scratch_over "$repository" "$root/root/workshop"

# Last, since it hides the repository and the scratch directory, if they are
# below /tmp.
for dir in dev/shm run tmp; do
    mount -t tmpfs -o mode=1777 tmp "$root/$dir"
done

hostname workshop
ip link set lo up
cd "$root"
pivot_root . .
umount -l .
cd /

# As systemd does it on the machines that readers have. Nothing gets out: what
# came from the machine is a private copy since unshare(1).
mount --make-rshared /

# Numbers as on a machine that has been up for a while. Not every kernel lets
# them be set, and nothing depends on it.
{ echo 2000 >/proc/sys/kernel/ns_last_pid; } 2>/dev/null || true
echo "$outside"
# Process 1 inherits orphans; bash reaps them while it waits for the end of
# its input.
read -r _ || true
