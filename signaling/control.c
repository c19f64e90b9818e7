#include "control.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>

#define TICK_MS      100u   // heartbeat of the segment, look at media's file
#define DRAIN_MAX_MS 10000u // calls that do not end by then are left to their peers' timers

static void control_stop(struct control *control, const char *why)
{
	if (!control->is_stopping)
		LOG_INFO(MAIN, "stopping", "reason=%s", why);
	control->is_stopping = true;
	uv_stop(&control->loop);
}

static bool is_drained(const struct control *control)
{
	for (uint32_t i = 0; i < control->shared->workers; i++)
		if (!worker_is_drained(control->workers[i]))
			return false;
	return true;
}

static void drain_run(struct control *control, uint64_t now_ms)
{
	if (!atomic_load_explicit(&control->shared->is_draining, memory_order_acquire))
		return;
	if (control->drain_until_ms == 0)
		control->drain_until_ms = now_ms + DRAIN_MAX_MS;
	if (is_drained(control))
		control_stop(control, "drained");
	else if (now_ms >= control->drain_until_ms)
		control_stop(control, "drain_timeout");
}

static void on_tick(uv_timer_t *timer)
{
	struct control *control = timer->data;
	shm_heartbeat(control->signaling, clock_mono_ns());
	media_link_run(&control->media, control->workers, control->shared->workers);
	control_tls_watch(control, clock_mono_ms());
	drain_run(control, clock_mono_ms());
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct control *control = handle->data;
	if (signum == SIGHUP) {
		char error[TLS_ERROR_MAX];
		control_tls_reload(control, error);
		LOG_INFO(MAIN, "reload_partial", "reason=\"a new configuration is taken by restart "
			"only, which living calls survive\"");
		return;
	}
	control_stop(control, signum == SIGTERM ? "sigterm" : "sigint");
}

static int loop_open(struct control *control)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	int rc = uv_loop_init(&control->loop);
	if (rc < 0)
		return rc;
	uv_timer_init(&control->loop, &control->tick);
	control->tick.data = control;
	uv_timer_start(&control->tick, on_tick, 0, TICK_MS);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uv_signal_init(&control->loop, &control->signals[i]);
		control->signals[i].data = control;
		uv_signal_start(&control->signals[i], on_signal, numbers[i]);
	}
	return 0;
}

static void loop_close(struct control *control)
{
	uv_close((uv_handle_t *)&control->tick, NULL);
	for (unsigned int i = 0; i < sizeof(control->signals) / sizeof(control->signals[0]); i++)
		uv_close((uv_handle_t *)&control->signals[i], NULL);
	uv_run(&control->loop, UV_RUN_DEFAULT);
	uv_loop_close(&control->loop);
}

int control_run(struct control *control)
{
	int rc = loop_open(control);
	if (rc < 0) {
		LOG_ERROR(MAIN, "loop_failed", "error=\"%s\"", uv_strerror(rc));
		return rc;
	}
	uv_run(&control->loop, UV_RUN_DEFAULT);
	loop_close(control);
	return 0;
}
