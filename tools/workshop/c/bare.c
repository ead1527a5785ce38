// bare ROOTFS COMMAND HIERARCHY...: the system calls of a container, and
// nothing else. What a tool takes longer than this, it takes for itself.
//
// It looks at nothing, keeps nothing, and protects nothing. Never use it for
// more than a comparison.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP "workshop-bare"
#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void must(const char *what, int result)
{
	if (result < 0)
		err(125, "%s", what);
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(path, fd);
	must(path, write(fd, text, strlen(text)));
	close(fd);
}

// Version 1 lets nobody into a group that has no processors.
static void copy_down(const char *hierarchy, const char *file)
{
	char from[256], to[256], value[256];

	snprintf(from, sizeof(from), "%s/%s", hierarchy, file);
	snprintf(to, sizeof(to), "%s/" GROUP "/%s", hierarchy, file);
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	int length = read(fd, value, sizeof(value) - 1);
	must(from, length);
	value[length] = 0;
	close(fd);
	write_to(to, value);
}

static void mount_on(const char *type, const char *to, int flags,
		     const char *data)
{
	must(to, mount(type, to, type, flags, data));
}

static void bind(const char *from, const char *to, int flags)
{
	must(to, mount(from, to, NULL, MS_BIND, NULL));
	if (flags)
		must(to, mount(NULL, to, NULL,
			       MS_BIND | MS_REMOUNT | SAFE | flags, NULL));
}

static void device(const char *name)
{
	char from[64], to[64];

	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(to, sizeof(to), "dev/%s", name);
	int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	must(to, fd);
	close(fd);
	bind(from, to, 0);
}

static void layer(const char *rootfs)
{
	char options[512];

	mount_on("tmpfs", "/mnt", 0, "mode=755");
	must("mkdir", mkdir("/mnt/upper", 0755));
	must("mkdir", mkdir("/mnt/work", 0755));
	snprintf(options, sizeof(options),
		 "lowerdir=%s,upperdir=/mnt/upper,workdir=/mnt/work,userxattr",
		 rootfs);
	mount_on("overlay", "/mnt", 0, options);
	must("chdir", chdir("/mnt"));
}

static void mount_all(char **hierarchies)
{
	static const char *devices[] = {
		"full", "null", "random", "tty", "urandom", "zero"
	};
	static const char *masked[] = {
		"proc/timer_list", "proc/keys", "proc/kcore"
	};
	static const char *read_only[] = {
		"proc/bus", "proc/fs", "proc/irq", "proc/sys",
	};

	mount_on("proc", "proc", SAFE, NULL);
	mount_on("sysfs", "sys", SAFE | MS_RDONLY, NULL);
	mount_on("tmpfs", "dev", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k");
	for (int i = 0; i < 6; i++)
		device(devices[i]);
	must("symlink", symlink("/proc/self/fd", "dev/fd"));
	must("mkdir", mkdir("dev/pts", 0755));
	must("mkdir", mkdir("dev/shm", 0755));
	must("mkdir", mkdir("dev/mqueue", 0755));
	mount_on("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		 "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_on("tmpfs", "dev/shm", SAFE, "mode=1777,size=64m");
	mount_on("mqueue", "dev/mqueue", SAFE, NULL);
	for (int i = 0; i < 3; i++)
		if (access(masked[i], F_OK) == 0) // Not every kernel has it.
			bind("dev/null", masked[i], 0);
	mount_on("tmpfs", "sys/firmware", SAFE | MS_RDONLY, "size=4k");
	for (int i = 0; i < 4; i++)
		bind(read_only[i], read_only[i], MS_RDONLY);
	if (*hierarchies && strcmp(*hierarchies, "/sys/fs/cgroup") == 0) {
		mount_on("cgroup2", "sys/fs/cgroup", SAFE | MS_RDONLY, NULL);
		return;
	}
	mount_on("tmpfs", "sys/fs/cgroup", SAFE, "mode=755,size=64k");
	for (; *hierarchies; hierarchies++) {
		const char *name = strrchr(*hierarchies, '/') + 1;
		char to[64] = "sys/fs/cgroup/";

		strncat(to, name, sizeof(to) - 16);
		must(to, mkdir(to, 0755));
		mount_on("cgroup", to, SAFE | MS_RDONLY,
			 strcmp(name, "systemd") ? name : "none,name=systemd");
	}
}

// Whoever moves itself, and in version 1 its only thread, waits for nobody.
static void enter(char **hierarchies)
{
	char path[256];

	for (; *hierarchies; hierarchies++) {
		int is_v2 = strcmp(*hierarchies, "/sys/fs/cgroup") == 0;

		snprintf(path, sizeof(path), "%s/" GROUP "/%s", *hierarchies,
			 is_v2 ? "cgroup.procs" : "tasks");
		write_to(path, "0");
	}
}

static void child(char **argv, int gate)
{
	char byte;

	enter(argv + 3);
	must("gate", read(gate, &byte, 1));
	must("setresgid", setresgid(0, 0, 0));
	must("setresuid", setresuid(0, 0, 0));
	must("unshare", unshare(CLONE_NEWCGROUP));
	must("sethostname", sethostname("bare", 4));
	must("private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	layer(argv[1]);
	mount_all(argv + 3);
	must("pivot_root", syscall(SYS_pivot_root, ".", "."));
	must("umount2", umount2(".", MNT_DETACH));
	must("chdir", chdir("/"));
	must("prctl", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	execl(argv[2], argv[2], NULL);
	err(127, "%s", argv[2]);
}

int main(int argc, char **argv)
{
	char path[256];
	int gate[2], status, pidfd;

	if (argc < 3)
		errx(125, "usage: bare ROOTFS COMMAND HIERARCHY...");
	for (int i = 3; i < argc; i++) {
		snprintf(path, sizeof(path), "%s/" GROUP, argv[i]);
		must(path, mkdir(path, 0755));
		if (strstr(argv[i], "cpuset")) {
			copy_down(argv[i], "cpuset.cpus");
			copy_down(argv[i], "cpuset.mems");
		}
	}
	must("pipe2", pipe2(gate, O_CLOEXEC));
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
			 CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
			 CLONE_PIDFD,
		.pidfd = (unsigned long)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));
	must("clone3", pid);
	if (pid == 0)
		child(argv, gate[0]);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_to(path, "0 1900000000 65536\n");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_to(path, "0 1900000000 65536\n");
	must("gate", write(gate[1], "", 1));
	must("wait4", waitpid(pid, &status, 0));
	for (int i = argc - 1; i >= 3; i--) {
		snprintf(path, sizeof(path), "%s/" GROUP, argv[i]);
		must(path, rmdir(path));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
