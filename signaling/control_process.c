// control_process.c - the process as the system sees it: limits, user, background, readiness.
#include "control.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int ready_pipe = -1; // towards the waiting parent; main thread only

void process_raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		LOG_WARN(MAIN, "rlimit_nofile", "error=\"%s\"", strerror(errno));
}

int process_make_dir(const char *dir)
{
	char path[PATH_MAX];
	if (span_copy(span_str(dir), path, sizeof(path)) < 0 || path[0] == '\0')
		return -ENAMETOOLONG;
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

// Files of the segment are readable by their group: with the set-group-ID bit, what muga-media
// makes in the directory later is ours to read, whoever it runs as.
static int share_segment(const char *dir, gid_t gid)
{
	char path[PATH_MAX + 16];
	if (chown(dir, (uid_t)-1, gid) < 0 || chmod(dir, 02755) < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/media.seg", dir);
	if (chown(path, (uid_t)-1, gid) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int process_drop_privileges(const char *user, const struct config *config,
	const struct admin *admin)
{
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL)
		return -EINVAL;
	int shared = share_segment(config->shm_dir, pw->pw_gid);
	if (shared < 0)
		return shared;
	// So that the stop can remove socket and pid file, and the CLI's group stays in charge.
	if (chown(config->run_dir, pw->pw_uid, pw->pw_gid) < 0)
		return -errno;
	int rc = admin_chown(admin, pw->pw_uid, pw->pw_gid);
	if (rc < 0)
		return rc;
	if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

void process_background(void)
{
	int ends[2];
	char byte;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		perror("muga-signaling: pipe");
		exit(1);
	}
	pid_t pid = fork();
	if (pid < 0) {
		perror("muga-signaling: fork");
		exit(1);
	}
	if (pid > 0) {
		close(ends[1]);
		// The child writes one byte when it serves; its death closes the pipe without.
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	ready_pipe = ends[1];
	setsid();
}

static void notify_manager(const char *path)
{
	static const char message[] = "READY=1";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0'; // abstract socket
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t sa_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (sendto(fd, message, sizeof(message) - 1, MSG_NOSIGNAL, (struct sockaddr *)&sa,
		    sa_len) < 0)
		LOG_WARN(MAIN, "notify_failed", "error=\"%s\"", strerror(errno));
	close(fd);
}

void process_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	if (path != NULL)
		notify_manager(path);
	if (ready_pipe < 0)
		return;
	if (write(ready_pipe, "r", 1) < 0)
		LOG_WARN(MAIN, "parent_gone", "error=\"%s\"", strerror(errno));
	close(ready_pipe);
	ready_pipe = -1;
}

int process_write_pid(const char *path)
{
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return -errno;
	fprintf(file, "%d\n", (int)getpid());
	return fclose(file) == 0 ? 0 : -errno;
}
