// admin.c - libmicrohttpd on a unix socket: one thread, one request at a time.
#include "admin/admin.h"

#include "admin/request.h"
#include "base/check.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX  16u
#define CONNECTION_BYTES 16384u // headers of one request
#define IDLE_TIMEOUT_S   5u
#define POLL_MS          200    // how late a stop may be noticed

struct admin {
	const struct admin_ops *ops;
	void *context;
	struct MHD_Daemon *daemon;
	pthread_t thread;
	_Atomic bool is_stopping; // writer: admin_close(), reader: the admin thread
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

// The body of one request while it comes in.
struct upload {
	uint32_t len;
	bool is_too_long;
	char bytes[ADMIN_BODY_MAX];
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status, json_t *body,
	const char *allow)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (text == NULL)
		return MHD_NO; // out of memory: the connection is closed
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void upload_add(struct upload *upload, const char *data, size_t len)
{
	if (len > ADMIN_BODY_MAX - upload->len) {
		upload->is_too_long = true;
		return;
	}
	memcpy(upload->bytes + upload->len, data, len);
	upload->len += (uint32_t)len;
}

// libmicrohttpd calls this first with the headers alone, then for each piece of body, then with
// none.
// tidy-allow parameters: the library's callback
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *data,
	size_t *data_len, void **request_state)
{
	struct admin *admin = context;
	struct upload *upload = *request_state;
	(void)version;
	if (upload == NULL) {
		*request_state = calloc(1, sizeof(*upload));
		return *request_state != NULL ? MHD_YES : MHD_NO;
	}
	if (*data_len > 0) {
		upload_add(upload, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	if (upload->is_too_long)
		return reply(connection, 413, json_pack("{s:s}", "error", "body too long"), NULL);
	struct admin_request request = {
		.method = method,
		.path = path,
		.limit = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "limit"),
		.body = span_make(upload->bytes, upload->len),
	};
	json_t *body;
	const char *allow;
	unsigned int status = admin_answer(admin->ops, admin->context, &request, &body, &allow);
	return reply(connection, status, body, allow);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_state,
	enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	free(*request_state);
	*request_state = NULL;
}

static void *admin_main(void *context)
{
	struct admin *admin = context;
	if (admin->ops->thread_begin != NULL)
		admin->ops->thread_begin(admin->context);
	while (!atomic_load_explicit(&admin->is_stopping, memory_order_acquire))
		MHD_run_wait(admin->daemon, POLL_MS);
	if (admin->ops->thread_end != NULL)
		admin->ops->thread_end(admin->context);
	return NULL;
}

static int listen_unix(const char *path, int *out)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	// The segment's lock makes this process the only one: a socket that lies here is a dead
	// one's.
	unlink(path);
	mode_t before = umask(0117); // 0660 from its first moment
	int rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	umask(before);
	if (rc == 0 && listen(fd, CONNECTIONS_MAX) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

static int daemon_start(struct admin *admin)
{
	int fd = -1;
	int rc = listen_unix(admin->path, &fd);
	if (rc < 0)
		return rc;
	admin->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, admin,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (admin->daemon == NULL) {
		close(fd);
		unlink(admin->path);
		return -ENOMEM;
	}
	return 0;
}

int admin_open(const struct admin_params *params, struct admin **out)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	if (admin == NULL)
		return -ENOMEM;
	admin->ops = params->ops;
	admin->context = params->context;
	int rc = span_copy(span_str(params->path), admin->path, sizeof(admin->path));
	if (rc < 0) {
		rc = -ENAMETOOLONG;
		goto err_free;
	}
	rc = daemon_start(admin);
	if (rc < 0)
		goto err_free;
	rc = -pthread_create(&admin->thread, NULL, admin_main, admin);
	if (rc < 0)
		goto err_daemon;
	pthread_setname_np(admin->thread, "admin");
	*out = admin;
	return 0;

err_daemon:
	MHD_stop_daemon(admin->daemon);
	unlink(admin->path);
err_free:
	free(admin);
	return rc;
}

void admin_close(struct admin *admin)
{
	// release: pairs with admin_main()
	atomic_store_explicit(&admin->is_stopping, true, memory_order_release);
	pthread_join(admin->thread, NULL);
	MHD_stop_daemon(admin->daemon);
	unlink(admin->path);
	free(admin);
}

int admin_chown(const struct admin *admin, uid_t uid, gid_t gid)
{
	return chown(admin->path, uid, gid) < 0 ? -errno : 0;
}
