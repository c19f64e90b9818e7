// control_tls.c - renewed certificates, keys and CA files, taken while calls run.
//
// New handshakes use them; connections that stand keep what they began with. Whatever is wrong with
// one file keeps all the old ones.
#include "control.h"

#include "base/log.h"

#include <pthread.h>
#include <urcu/urcu-qsbr.h>

#define CHECK_MS 3600000u

// Replacing shared->tls: by a signal in the main thread, by a request in the admin thread.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int replace(struct worker_shared *shared, char *error)
{
	struct worker_tls *tls, *old;
	int rc = worker_tls_new(shared->config, &tls, error);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&lock);
	old = rcu_xchg_pointer(&shared->tls, tls);
	urcu_qsbr_synchronize_rcu();
	pthread_mutex_unlock(&lock);
	worker_tls_free(old);
	return 0;
}

int control_tls_reload(struct control *control, char *error)
{
	int rc = replace(control->shared, error);

	if (rc == 0) {
		atomic_fetch_add_explicit(&control->tls_reloads, 1, memory_order_relaxed);
		LOG_INFO(NET, "tls_reloaded", "days_left=%lld",
			(long long)control_tls_days_left(control));
	} else {
		atomic_fetch_add_explicit(&control->tls_reload_failures, 1, memory_order_relaxed);
		LOG_ERROR(NET, "tls_reload_failed",
			"action=\"the old certificates stay in use\"");
	}
	return rc;
}

int64_t control_tls_days_left(struct control *control)
{
	int64_t expires;

	pthread_mutex_lock(&lock);
	expires = worker_tls_expiry(control->shared->tls);
	pthread_mutex_unlock(&lock);
	return tls_files_days_left(expires);
}

void control_tls_watch(struct control *control, uint64_t now_ms)
{
	if (now_ms < control->tls_check_ms)
		return;
	control->tls_check_ms = now_ms + CHECK_MS;
	int64_t days = control_tls_days_left(control), before = control->tls_days_told;
	control->tls_days_told = days;
	if (days < TLS_WARN_DAYS && days != before)
		LOG_WARN(NET, "certificate_expires", "days=%lld", (long long)days);
}
