// control_admin.c - answers the admin interface by asking the workers, piece by piece.
//
// A worker is never asked for more than PIECE calls at once, so that a look at 10,000 calls costs
// its callers no noticeable delay. All functions run in the admin thread.
#include "control.h"

#include "admin/json.h"
#include "base/log.h"
#include "call/metric.h"
#include "sip/transaction.h"
#include "worker_command.h"

#include <errno.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

#define PIECE      64u  // calls per command
#define TIMEOUT_MS 500u // a worker that takes longer is in trouble

struct calls_command {
	struct worker_command command;
	uint32_t cursor;          // in and out: core_next_call()
	bool is_end;
	uint32_t count;
	struct call_info calls[PIECE];
};

struct ended_command {
	struct worker_command command;
	uint32_t count;
	struct call_summary calls[WORKER_ENDED_MAX];
};

struct flows_command {
	struct worker_command command;
	struct flow_counters counters;
};

static void worker_copy_calls(struct worker *worker, struct worker_command *command)
{
	struct calls_command *mine = (struct calls_command *)command;
	while (mine->count < PIECE && !mine->is_end) {
		struct call_info *info = &mine->calls[mine->count];
		if (core_next_call(worker_core(worker), &mine->cursor, info))
			mine->count++;
		else
			mine->is_end = true;
	}
}

static void worker_copy_ended(struct worker *worker, struct worker_command *command)
{
	struct ended_command *mine = (struct ended_command *)command;
	const struct call_summary *summary;
	while (mine->count < WORKER_ENDED_MAX &&
		(summary = worker_ended_at(worker, mine->count)) != NULL)
		mine->calls[mine->count++] = *summary;
}

static void worker_copy_flows(struct worker *worker, struct worker_command *command)
{
	struct flows_command *mine = (struct flows_command *)command;
	flow_writer_counters(worker_flows(worker), &mine->counters);
}

// Called for each living call; a negative return ends the walk.
typedef int (*call_visit_fn)(void *context, const struct call_info *info);

static int piece_ask(struct worker *worker, uint32_t cursor, struct calls_command **out)
{
	struct calls_command *command = worker_command_new(sizeof(*command), worker_copy_calls);
	if (command == NULL)
		return -ENOMEM;
	command->cursor = cursor;
	if (!worker_ask(worker, &command->command, TIMEOUT_MS)) {
		worker_command_put(&command->command);
		LOG_WARN(ADMIN, "worker_silent", "worker=%u", worker_index(worker));
		return -ETIMEDOUT;
	}
	*out = command;
	return 0;
}

static int worker_walk(struct worker *worker, call_visit_fn visit, void *context)
{
	uint32_t cursor = 0;
	bool is_end = false;
	int rc = 0;
	while (!is_end && rc == 0) {
		struct calls_command *command;
		rc = piece_ask(worker, cursor, &command);
		if (rc < 0)
			return rc;
		for (uint32_t i = 0; i < command->count && rc == 0; i++)
			rc = visit(context, &command->calls[i]);
		cursor = command->cursor;
		is_end = command->is_end;
		worker_command_put(&command->command);
	}
	return rc;
}

static int calls_walk(struct control *control, call_visit_fn visit, void *context)
{
	int rc = 0;
	for (uint32_t i = 0; i < control->shared->workers && rc == 0; i++)
		rc = worker_walk(control->workers[i], visit, context);
	return rc;
}

struct calls_list {
	json_t *array;
	uint32_t limit;
	uint32_t total;
};

static int list_visit(void *context, const struct call_info *info)
{
	struct calls_list *list = context;
	list->total++;
	if (list->total > list->limit)
		return 0;
	return json_array_append_new(list->array, admin_json_call(info)) < 0 ? -ENOMEM : 0;
}

static int list_finish(int rc, struct calls_list *list, json_t **out)
{
	if (rc == 0) {
		*out = json_pack("{s:O, s:I, s:b}", "calls", list->array, "total",
			(json_int_t)list->total, "is_truncated", list->total > list->limit);
		rc = *out != NULL ? 0 : -ENOMEM;
	}
	json_decref(list->array);
	return rc;
}

static int admin_calls(void *context, uint32_t limit, json_t **out)
{
	struct calls_list list = { .array = json_array(), .limit = limit };
	int rc = list.array != NULL ? calls_walk(context, list_visit, &list) : -ENOMEM;
	return list_finish(rc, &list, out);
}

static int ended_add(struct worker *worker, struct calls_list *list)
{
	struct ended_command *command = worker_command_new(sizeof(*command), worker_copy_ended);
	int rc = 0;
	if (command == NULL)
		return -ENOMEM;
	if (!worker_ask(worker, &command->command, TIMEOUT_MS))
		rc = -ETIMEDOUT;
	for (uint32_t i = 0; rc == 0 && i < command->count; i++) {
		list->total++;
		if (list->total <= list->limit)
			rc = json_array_append_new(list->array,
				admin_json_ended(&command->calls[i])) < 0 ? -ENOMEM : 0;
	}
	worker_command_put(&command->command);
	return rc;
}

static int admin_ended(void *context, uint32_t limit, json_t **out)
{
	struct control *control = context;
	struct calls_list list = { .array = json_array(), .limit = limit };
	int rc = list.array != NULL ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < control->shared->workers && rc == 0; i++)
		rc = ended_add(control->workers[i], &list);
	return list_finish(rc, &list, out);
}

struct trunk_use {
	const struct config *config;
	uint32_t *calls; // [trunk_count]
};

static int trunk_visit(void *context, const struct call_info *info)
{
	struct trunk_use *use = context;
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		int trunk = config_find_trunk(use->config, span_str(info->legs[side].trunk));
		if (trunk >= 0)
			use->calls[trunk]++;
	}
	return 0;
}

// "192.0.2.1:5060", "sip.example.com", "sip.example.com:5070"; scheme and transport are left out.
static json_t *host_json(const struct config_host *host)
{
	if (!host->name)
		return admin_json_addr(&host->addr);
	if (host->addr.port)
		return json_sprintf("%s:%u", host->name, host->addr.port);
	return json_string(host->name);
}

static json_t *trunk_json(const struct config *config, uint32_t i, uint32_t calls)
{
	const struct config_trunk *trunk = &config->trunks[i];
	json_t *hosts = json_array();
	for (uint32_t h = 0; h < trunk->host_count; h++)
		json_array_append_new(hosts, host_json(&trunk->hosts[h]));
	return json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", trunk->name, "realm",
		config->realms[trunk->realm].name, "hosts", hosts, "calls", (json_int_t)calls,
		"calls_max", (json_int_t)trunk->calls_max);
}

static int trunks_list(struct control *control, const struct config *config, json_t **out)
{
	struct trunk_use use = { .config = config };
	use.calls = calloc(config->trunk_count + 1, sizeof(use.calls[0]));
	json_t *array = json_array();
	int rc = use.calls != NULL && array != NULL ? calls_walk(control, trunk_visit, &use)
						    : -ENOMEM;
	for (uint32_t i = 0; i < config->trunk_count && rc == 0; i++)
		rc = json_array_append_new(array, trunk_json(config, i, use.calls[i])) < 0
			? -ENOMEM : 0;
	if (rc == 0)
		*out = json_pack("{s:O}", "trunks", array);
	json_decref(array);
	free(use.calls);
	return rc == 0 && *out == NULL ? -ENOMEM : rc;
}

static int admin_trunks(void *context, json_t **out)
{
	struct control *control = context;
	// Online for the whole answer: the snapshot must live until the last name is copied.
	urcu_qsbr_thread_online();
	int rc = trunks_list(control, rcu_dereference(control->shared->config), out);
	urcu_qsbr_thread_offline();
	return rc;
}

// Every field of struct flow_counters but is_stalled, which is a fact and not a sum.
#define FLOW_COUNTERS(X)                                                                           \
	X(reserved) X(retired) X(reclaimed) X(published) X(replaced) X(refused_ports)              \
	X(refused_slots) X(ports_free) X(ports_used) X(ports_resting) X(slots_free) X(slots_total) \
	X(states_free) X(orphans) X(orphans_retired) X(discarded)

static void counters_sum(struct flow_counters *sum, const struct flow_counters *one)
{
#define X(field) sum->field += one->field;
	FLOW_COUNTERS(X)
#undef X
	sum->is_stalled |= one->is_stalled;
}

static json_t *counters_json(const struct flow_counters *counters)
{
	json_t *object = json_object();
#define X(field) json_object_set_new(object, #field, json_integer((json_int_t)counters->field));
	FLOW_COUNTERS(X)
#undef X
	json_object_set_new(object, "is_stalled", json_boolean(counters->is_stalled));
	return object;
}

static int flows_add(struct worker *worker, struct flow_counters *sum)
{
	struct flows_command *command = worker_command_new(sizeof(*command), worker_copy_flows);
	if (command == NULL)
		return -ENOMEM;
	bool is_answered = worker_ask(worker, &command->command, TIMEOUT_MS);
	if (is_answered)
		counters_sum(sum, &command->counters);
	worker_command_put(&command->command);
	return is_answered ? 0 : -ETIMEDOUT;
}

// Sums over the workers.
struct metrics_json {
	json_t *net, *core, *transactions;
	struct flow_counters flows;
};

static int worker_add(struct worker *worker, struct metrics_json *sum)
{
	int rc = admin_json_add_metrics(sum->net, net_metric_info, net_metric_count,
		worker_net_metrics(worker));
	if (rc == 0)
		rc = admin_json_add_metrics(sum->core, core_metric_info, core_metric_count,
			worker_core_metrics(worker));
	if (rc == 0)
		rc = admin_json_add_metrics(sum->transactions, sip_transaction_metric_info,
			sip_transaction_metric_count, worker_transaction_metrics(worker));
	return rc == 0 ? flows_add(worker, &sum->flows) : rc;
}

static json_t *tls_json(struct control *control)
{
	int64_t days = control_tls_days_left(control);
	json_t *left = days == INT64_MAX ? json_null() : json_integer(days);
	uint64_t reloads = atomic_load_explicit(&control->tls_reloads, memory_order_relaxed);
	uint64_t failures =
		atomic_load_explicit(&control->tls_reload_failures, memory_order_relaxed);

	return json_pack("{s:o, s:I, s:I}", "days_left", left, "reloads", (json_int_t)reloads,
		"reload_failures", (json_int_t)failures);
}

static int admin_tls_reload(void *context, json_t **out)
{
	char error[TLS_ERROR_MAX] = "";
	int rc = control_tls_reload(context, error);

	if (rc == 0)
		*out = tls_json(context);
	else if (rc == -EINVAL)
		*out = json_pack("{s:s+}", "error", "the old certificates stay in use: ", error);
	return rc == -ENOMEM || *out != NULL ? rc : -ENOMEM;
}

static int admin_metrics(void *context, json_t **out)
{
	struct control *control = context;
	struct metrics_json sum = { .net = json_object(), .core = json_object(),
		.transactions = json_object() };
	int rc = sum.net && sum.core && sum.transactions ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < control->shared->workers && rc == 0; i++)
		rc = worker_add(control->workers[i], &sum);
	if (rc == 0) {
		*out = json_pack("{s:I, s:O, s:O, s:O, s:o, s:o}", "workers",
			(json_int_t)control->shared->workers, "net", sum.net, "core", sum.core,
			"transactions", sum.transactions, "flows", counters_json(&sum.flows),
			"tls", tls_json(control));
		rc = *out != NULL ? 0 : -ENOMEM;
	}
	json_decref(sum.net);
	json_decref(sum.core);
	json_decref(sum.transactions);
	return rc;
}

static int admin_drain(void *context, json_t **out)
{
	struct control *control = context;
	LOG_INFO(ADMIN, "drain", "action=\"hanging up every call, then stopping\"");
	// release: pairs with drain_run(); workers see it at their next turn
	atomic_store_explicit(&control->shared->is_draining, true, memory_order_release);
	*out = json_pack("{s:b}", "is_draining", 1);
	return *out != NULL ? 0 : -ENOMEM;
}

static void admin_thread_begin(void *context)
{
	(void)context;
	urcu_qsbr_register_thread();
	urcu_qsbr_thread_offline(); // online only while it looks at the configuration
}

static void admin_thread_end(void *context)
{
	(void)context;
	urcu_qsbr_unregister_thread();
}

const struct admin_ops control_admin_ops = {
	.calls = admin_calls,
	.ended = admin_ended,
	.trunks = admin_trunks,
	.metrics = admin_metrics,
	.drain = admin_drain,
	.tls_reload = admin_tls_reload,
	.record = control_record,
	.thread_begin = admin_thread_begin,
	.thread_end = admin_thread_end,
};
