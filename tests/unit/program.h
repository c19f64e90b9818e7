// program.h - a daemon of ours as its user meets it: started with arguments, what it printed, how
// it ended. For the tests of main.c files.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PROGRAM_WAIT_MS 20000 // EAL under a sanitizer takes its time

struct program {
	pid_t pid;
	FILE *output;     // standard output and error
	char text[8192];  // of it, NUL-terminated, as last read
};

static inline void program_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

// `args` without the program's name, NULL at the end.
static inline void program_start(struct program *p, const char *path, const char *const *args)
{
	char *argv[8] = { (char *)path };

	for (uint32_t i = 0; args[i] && i < 6; i++)
		argv[i + 1] = (char *)args[i];
	p->output = tmpfile();
	assert_non_null(p->output);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		dup2(fileno(p->output), 1);
		dup2(fileno(p->output), 2);
		execv(path, argv);
		_exit(127);
	}
}

static inline const char *program_text(struct program *p)
{
	rewind(p->output);
	p->text[fread(p->text, 1, sizeof(p->text) - 1, p->output)] = 0;
	return p->text;
}

// Its exit status; fails the test if it goes on or dies of a signal.
static inline int program_end(struct program *p)
{
	int status = 0;

	for (int ms = 0; ms < PROGRAM_WAIT_MS; ms += 20) {
		if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
			program_text(p);
			fclose(p->output);
			if (!WIFEXITED(status))
				fail_msg("signal %d: %s", WTERMSIG(status), p->text);
			return WEXITSTATUS(status);
		}
		program_pause();
	}
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	fail_msg("it does not end: %s", program_text(p));
	return -1;
}

static inline int program_run(struct program *p, const char *path, const char *const *args)
{
	program_start(p, path, args);
	return program_end(p);
}

// Until it printed that; false when it ended before, or in time did not.
static inline bool program_says(struct program *p, const char *text)
{
	for (int ms = 0; ms < PROGRAM_WAIT_MS; ms += 20) {
		if (strstr(program_text(p), text))
			return true;
		program_pause();
	}
	return false;
}

// A process that the test did not fork is gone.
static inline bool program_is_gone(pid_t pid)
{
	for (int ms = 0; ms < PROGRAM_WAIT_MS; ms += 20) {
		if (kill(pid, 0) < 0)
			return true;
		program_pause();
	}
	return false;
}

// The number in a pid file, 0 = there is none.
static inline pid_t program_pid_of(const char *path)
{
	FILE *file = fopen(path, "r");
	int pid = 0;

	if (file && fscanf(file, "%d", &pid) != 1)
		pid = 0;
	if (file)
		fclose(file);
	return pid;
}
