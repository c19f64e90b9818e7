#include "slow_table.h"

#include "base/rng.h"
#include "base/slab.h"
#include "base/timer_wheel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS	    (SHM_PORTS / 2)
#define SWEEP_SLICE 256u // slots of agreements that one sweep looks at
#define SWEEP_MS    10u

// One leg. `timer` comes first: the wheel hands it back.
struct slow_session {
	struct timer timer;
	struct slow_table *table;
	struct secure_session *secure;
	uint64_t incarnation;
	uint64_t serial; // of the agreement in force
	uint32_t slot;	 // that it lies in
	uint16_t address, port; // of RTP
};

struct slow_table {
	struct slow_link *links;
	uint32_t lanes;
	struct secure_env env;
	struct dtls_identity *identities[2]; // by serial & 1
	uint32_t identity;		     // serial of the newest, as the file has it
	const struct lane_attachment *attachment; // NULL: none
	struct slab *sessions;
	struct slow_session **places; // [addresses * PAIRS], NULL = no session
	struct timer_wheel *wheel;
	uint64_t now_ms;
	uint64_t swept_ms;
	uint32_t sweep_session, sweep_slot;
	struct slow_table_counters counters;
};

// Towards lanes -----------------------------------------------------------------------------------

// An empty one has the lane tell signaling.
static void depart(struct slow_session *session, uint16_t port, const struct addr *to,
	struct span data)
{
	struct slow_table *table = session->table;
	uint32_t lane = lane_of_shard(shm_media_shard(session->port), table->lanes);
	uint32_t bytes = (uint32_t)sizeof(struct slow_departure) + data.len;
	struct slow_departure *departure = ring_reserve(table->links[lane].down, bytes);

	if (departure == NULL) {
		metric_add(&table->counters.departures_lost, 1);
		return;
	}
	*departure = (struct slow_departure){ .incarnation = session->incarnation,
		.to = *to,
		.address = session->address,
		.port = port,
		.len = (uint16_t)data.len };
	if (data.len)
		memcpy(departure->data, data.ptr, data.len);
	ring_commit(table->links[lane].down, bytes);
}

static void send_datagram(
	void *context, uint32_t component, const struct addr *to, struct span data)
{
	struct slow_session *session = context;

	if (data.len && data.len <= SLOW_DATAGRAM_MAX)
		depart(session, (uint16_t)(session->port + component - 1), to, data);
}

static void draw_random(void *context, void *out, uint32_t len)
{
	(void)context;
	rng_secure(out, len);
}

// Sessions ----------------------------------------------------------------------------------------

static struct slow_session **place_of(
	const struct slow_table *table, uint16_t address, uint16_t port)
{
	if (table->attachment == NULL || address >= table->attachment->view.addresses)
		return NULL;
	return &table->places[(uint32_t)address * PAIRS + port / 2];
}

static void count_sessions(struct slow_table *table)
{
	atomic_store_explicit(
		&table->counters.sessions, slab_count(table->sessions), memory_order_relaxed);
}

// The keys that signaling has read, or never will, do not stay in the file.
static void withdraw(const struct slow_session *session)
{
	const struct lane_attachment *attachment = session->table->attachment;

	if (session->serial)
		flow_secure_withdraw(&shm_flow_secure_state(attachment->media)[session->slot],
			session->incarnation, session->serial);
}

static void session_end(struct slow_table *table, struct slow_session *session)
{
	withdraw(session);
	timer_stop(table->wheel, &session->timer);
	*place_of(table, session->address, session->port) = NULL;
	secure_session_free(session->secure);
	slab_put(table->sessions, session);
	count_sessions(table);
}

static struct slow_session *session_begin(struct slow_table *table, const struct flow_cfg *cfg)
{
	struct slow_session *session = slab_get(table->sessions);

	if (session)
		session->secure = secure_session_new(&table->env, session);
	if (!session || !session->secure) {
		if (session)
			slab_put(table->sessions, session);
		metric_add(&table->counters.sessions_refused, 1);
		return NULL;
	}
	session->table = table;
	session->incarnation = cfg->incarnation;
	session->address = cfg->media_address;
	session->port = cfg->port;
	*place_of(table, cfg->media_address, cfg->port) = session;
	count_sessions(table);
	return session;
}

static void session_settle(struct slow_table *table, struct slow_session *session);

static void session_due(struct timer *timer, void *context)
{
	struct slow_session *session = (struct slow_session *)timer;
	struct slow_table *table = context;

	secure_session_run(session->secure, table->now_ms);
	session_settle(table, session);
}

// What the session has to say, and when it wants to be called again.
static void session_settle(struct slow_table *table, struct slow_session *session)
{
	struct flow_secure_state *states = shm_flow_secure_state(table->attachment->media);
	struct flow_secure_result result;
	uint64_t next_ms;

	if (secure_session_take_result(session->secure, &result)) {
		flow_secure_publish(&states[session->slot],
			&(struct flow_secure){ .incarnation = session->incarnation,
				.serial = session->serial },
			&result);
		explicit_bzero(&result, sizeof(result));
		depart(session, session->port, &(struct addr){ 0 }, SPAN_NONE);
	}
	next_ms = secure_session_next(session->secure, table->now_ms);
	if (next_ms == UINT64_MAX)
		timer_stop(table->wheel, &session->timer);
	else
		timer_start(table->wheel, &session->timer, next_ms, session_due);
}

// Agreements --------------------------------------------------------------------------------------

// The identity that signaling has put into SDP; the newest where that one is gone.
static struct dtls_identity *identity_of(const struct slow_table *table, uint32_t serial)
{
	bool is_kept = serial && (serial == table->identity || serial + 1 == table->identity);
	struct dtls_identity *found = is_kept ? table->identities[serial & 1] : NULL;

	return found ? found : table->identities[table->identity & 1];
}

static void session_agree(
	struct slow_table *table, struct slow_session *session, const struct flow_cfg *cfg)
{
	struct flow_secure agreed = table->attachment->view.secures[cfg->secure - 1];
	// flow_read() has checked the number of the address.
	const struct shm_address *all = shm_addresses(table->attachment->signaling);
	struct addr own = { .ip = all[cfg->media_address].ip, .port = cfg->port };

	if (flow_secure_is_valid(&agreed, cfg->incarnation) &&
		agreed.serial != session->serial) {
		withdraw(session);
		session->slot = cfg->secure - 1;
		session->serial = agreed.serial;
		table->env.identity = identity_of(table, agreed.identity);
		secure_session_apply(session->secure, &agreed, &own, table->now_ms);
		session_settle(table, session);
	}
	explicit_bzero(&agreed, sizeof(agreed));
}

// Brings the leg in step with its record. NULL: it has no session (any more).
static struct slow_session *refresh(struct slow_table *table, uint16_t address, uint16_t port)
{
	struct slow_session **place = place_of(table, address, port);
	struct slow_session *session;
	struct flow_cfg cfg;

	if (place == NULL)
		return NULL;
	session = *place;
	bool is_wanted = flow_read(&table->attachment->view, address, port & 0xfffeu, &cfg) &&
		cfg.secure != 0 && cfg.secure <= table->attachment->view.key_count;
	if (session && (!is_wanted || session->incarnation != cfg.incarnation)) {
		session_end(table, session);
		session = NULL;
	}
	if (!is_wanted)
		return NULL;
	if (!session)
		session = session_begin(table, &cfg);
	if (session)
		session_agree(table, session, &cfg);
	return session;
}

void slow_table_receive(
	struct slow_table *table, const struct slow_arrival *arrival, uint64_t now_ms)
{
	struct slow_session **place = place_of(table, arrival->address, arrival->port);
	struct slow_session *session = place ? *place : NULL;

	table->now_ms = now_ms;
	if (!session || session->incarnation != arrival->incarnation || arrival->len == 0)
		session = refresh(table, arrival->address, arrival->port);
	if (!session || session->serial == 0 || arrival->len == 0 ||
		session->incarnation != arrival->incarnation) // for the call before, or the next
		return;
	secure_session_receive(session->secure, 1u + (arrival->port & 1u), &arrival->source,
		span_make((const char *)arrival->data, arrival->len), now_ms);
	session_settle(table, session);
}

// Sweep -------------------------------------------------------------------------------------------

// An agreement that no hint told of. What the slot says is only where to look.
static void sweep_slot(struct slow_table *table, uint32_t slot)
{
	const struct flow_secure *agreed = &table->attachment->view.secures[slot];
	struct slow_session **place;

	if (agreed->incarnation == 0)
		return;
	place = place_of(table, agreed->media_address, agreed->port);
	if (place && (!*place || (*place)->incarnation != agreed->incarnation ||
			     (*place)->slot != slot))
		refresh(table, agreed->media_address, agreed->port);
}

static void sweep(struct slow_table *table)
{
	uint32_t slots = table->attachment->view.key_count;
	struct slow_session *session;

	for (uint32_t i = 0; i < SWEEP_SLICE && slots; i++) {
		table->sweep_slot = table->sweep_slot + 1 < slots ? table->sweep_slot + 1 : 0;
		sweep_slot(table, table->sweep_slot);
	}
	for (uint32_t i = 0; i < SWEEP_SLICE; i++) {
		session = slab_next(table->sessions, &table->sweep_session);
		if (!session) {
			table->sweep_session = 0;
			break;
		}
		refresh(table, session->address, session->port);
	}
}

void slow_table_run(struct slow_table *table, uint64_t now_ms)
{
	table->now_ms = now_ms;
	if (table->attachment == NULL)
		return;
	if (now_ms - table->swept_ms >= SWEEP_MS) {
		table->swept_ms = now_ms;
		sweep(table);
	}
	timer_wheel_run(table->wheel, now_ms, table);
}

// Life --------------------------------------------------------------------------------------------

// Makes the certificate known and the newest; the one before is kept for those who were told of it.
static void tell_identity(struct slow_table *table, struct dtls_identity *newest)
{
	const struct dtls_fingerprint *from = dtls_identity_fingerprint(newest);
	struct shm_identity *identity = shm_identity_of(table->attachment->media);
	struct dtls_identity *last = table->identities[table->identity & 1];
	struct dtls_identity *oldest = table->identities[~table->identity & 1];
	struct flow_fingerprint value = { .hash = from->hash };

	memcpy(value.value, from->value, sizeof(value.value));
	shm_identity_publish(identity, &value);
	// The file counts on from what an earlier process has left there.
	table->identity = atomic_load_explicit(&identity->serial, memory_order_relaxed);
	table->identities[table->identity & 1] = newest;
	table->identities[~table->identity & 1] = last == newest ? oldest : last;
	if (last != newest)
		dtls_identity_put(oldest);
}

// Whether the file tells of the newest already: its number must not change, calls were told of it.
static bool is_told(const struct slow_table *table)
{
	const struct dtls_identity *newest = table->identities[table->identity & 1];
	const struct dtls_fingerprint *own = dtls_identity_fingerprint(newest);
	struct flow_fingerprint told;
	uint32_t serial = shm_identity_read(shm_identity_of(table->attachment->media), &told);

	return serial && serial == table->identity && told.hash == own->hash &&
		memcmp(told.value, own->value, sizeof(told.value)) == 0;
}

void slow_table_renew(struct slow_table *table, uint64_t unix_s)
{
	struct dtls_identity *newest = table->identities[table->identity & 1];

	if (table->attachment == NULL || unix_s < dtls_identity_due_s(newest))
		return;
	newest = dtls_identity_new(unix_s);
	if (newest)
		tell_identity(table, newest);
}

static void end_all(struct slow_table *table)
{
	struct slow_session *session;
	uint32_t cursor = 0;

	while (table->sessions && (session = slab_next(table->sessions, &cursor)))
		session_end(table, session);
	slab_free(table->sessions);
	free(table->places);
	timer_wheel_free(table->wheel);
	table->sessions = NULL;
	table->places = NULL;
	table->wheel = NULL;
	table->attachment = NULL;
}

int slow_table_attach(
	struct slow_table *table, const struct lane_attachment *attachment, uint64_t now_ms)
{
	end_all(table);
	if (attachment == NULL || attachment->view.key_count == 0)
		return 0;
	table->sessions = slab_new(sizeof(struct slow_session), attachment->view.key_count);
	table->places = calloc((size_t)attachment->view.addresses * PAIRS, sizeof(*table->places));
	table->wheel = timer_wheel_new(now_ms);
	if (!table->sessions || !table->places || !table->wheel) {
		end_all(table);
		return -ENOMEM;
	}
	table->attachment = attachment;
	table->now_ms = now_ms;
	table->sweep_session = table->sweep_slot = 0;
	if (!is_told(table))
		tell_identity(table, table->identities[table->identity & 1]);
	return 0;
}

struct slow_table *slow_table_new(struct slow_link *links, uint32_t lanes, uint64_t unix_s)
{
	struct slow_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->links = links;
	table->lanes = lanes;
	table->env.send = send_datagram;
	table->env.random = draw_random;
	rng_secure(&table->env.cookie_key, sizeof(table->env.cookie_key));
	table->identities[0] = dtls_identity_new(unix_s);
	if (!table->identities[0]) {
		free(table);
		return NULL;
	}
	return table;
}

void slow_table_free(struct slow_table *table)
{
	if (!table)
		return;
	end_all(table);
	for (uint32_t i = 0; i < 2; i++)
		dtls_identity_put(table->identities[i]);
	explicit_bzero(table, sizeof(*table));
	free(table);
}

const struct slow_table_counters *slow_table_counters(const struct slow_table *table)
{
	return &table->counters;
}

const struct secure_env *slow_table_env(const struct slow_table *table)
{
	return &table->env;
}
