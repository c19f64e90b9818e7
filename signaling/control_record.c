// control_record.c - has a call recorded, or not any more: the worker that has it is asked.
#include "control.h"

#include "base/log.h"
#include "call/recording.h"
#include "shm/recording.h"
#include "worker_command.h"

#include <errno.h>
#include <stdio.h>

#define TIMEOUT_MS 500u // a worker that takes longer is in trouble

struct record_command {
	struct worker_command command;
	uint64_t call;
	bool is_stop;
	struct recording_order order;
	int rc;
};

static void worker_record(struct worker *worker, struct worker_command *command)
{
	struct record_command *mine = (struct record_command *)command;
	struct core *core = worker_core(worker);

	mine->rc = mine->is_stop ? core_record_stop(core, mine->call) :
				   core_record_start(core, mine->call, &mine->order);
}

static int ask(struct worker *worker, const struct admin_record *record)
{
	struct record_command *command = worker_command_new(sizeof(*command), worker_record);
	int rc = -ETIMEDOUT;

	if (command == NULL)
		return -ENOMEM;
	command->call = record->call;
	command->is_stop = record->is_stop;
	command->order.flags = record->is_decrypted ? RECORDING_DECRYPTED : 0;
	snprintf(command->order.name, sizeof(command->order.name), "%s", record->file);
	if (worker_ask(worker, &command->command, TIMEOUT_MS))
		rc = command->rc;
	worker_command_put(&command->command);
	return rc;
}

int control_record(void *context, const struct admin_record *record, json_t **out)
{
	struct control *control = context;
	char token[24];
	int rc = -ENOENT;

	if (strlen(record->file) >= RECORDING_NAME_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < control->shared->workers && rc == -ENOENT; i++)
		rc = ask(control->workers[i], record);
	if (rc != 0)
		return rc;
	snprintf(token, sizeof(token), "%016llx", (unsigned long long)record->call);
	LOG_INFO(ADMIN, record->is_stop ? "record_stop" : "record_start", "call=%s decrypted=%s",
		token, record->is_decrypted ? "yes" : "no");
	*out = json_pack("{s:s, s:b}", "call", token, "is_recorded", !record->is_stop);
	return *out != NULL ? 0 : -ENOMEM;
}
