// Runs a command, and prints how much memory it has had at once, in KiB: its
// own, or that of a process it has waited for, whichever was more.
//
// wait4(2) counts what a process has had before its execve(2) too: that of
// whoever started it. So it is started by a program that has next to nothing.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (argc < 2 || pid < 0)
		return 125;
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) < 0 || status != 0)
		return 125;
	printf("%ld\n", usage.ru_maxrss);
	return 0;
}
