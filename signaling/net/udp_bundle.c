#include "net/udp_bundle.h"

#include "base/check.h"
#include "sip/token.h"

#include <string.h>

// Of the Call-ID; two calls of one print only keep an order that nobody asked for. 0: no Call-ID.
static uint64_t print_call(struct span data)
{
	struct span call_id;
	uint64_t print, word;

	if (!sip_scan_callid(data, &call_id))
		return 0;
	print = call_id.len;
	for (uint32_t i = 0; i < call_id.len; i += (uint32_t)sizeof(word)) {
		uint32_t len = call_id.len - i;
		word = 0;
		memcpy(&word, call_id.ptr + i, len < sizeof(word) ? len : sizeof(word));
		print = (print ^ word) * 0x9e3779b97f4a7c15u;
		print ^= print >> 29;
	}
	return print;
}

// The first message with the same target.
static uint32_t first_of_target(const struct udp_message *messages, uint32_t i)
{
	uint32_t first = 0;

	while (!addr_eq(&messages[first].target, &messages[i].target))
		first++;
	return first;
}

// Smaller keys leave first. Target, then how many of the same call come before, then length; the
// index tells equals apart.
static uint64_t sort_key(uint32_t target, uint32_t before, uint32_t len, uint32_t i)
{
	return (uint64_t)target << 48 | (uint64_t)before << 40 | (uint64_t)(UINT16_MAX - len) << 8 |
		i;
}

void udp_bundle_sort(const struct udp_message *messages, uint32_t count, uint8_t *order)
{
	uint64_t prints[UDP_BUNDLE_SORT_MAX], keys[UDP_BUNDLE_SORT_MAX];
	uint8_t targets[UDP_BUNDLE_SORT_MAX];

	CHECK(count <= UDP_BUNDLE_SORT_MAX);
	if (count == 1) {
		order[0] = 0;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t before = 0, at = i;
		uint32_t len = messages[i].data.len;

		targets[i] = (uint8_t)first_of_target(messages, i);
		prints[i] = print_call(messages[i].data);
		for (uint32_t k = 0; k < i; k++)
			before += prints[k] == prints[i] && targets[k] == targets[i];
		uint64_t key = sort_key(targets[i], before, len < UINT16_MAX ? len : UINT16_MAX, i);
		for (; at > 0 && keys[at - 1] > key; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
	for (uint32_t i = 0; i < count; i++)
		order[i] = (uint8_t)keys[i];
}

uint32_t udp_bundle_count(const struct udp_message *messages, const uint8_t *order, uint32_t count,
	uint32_t len_max)
{
	const struct udp_message *first = &messages[order[0]];
	uint32_t len = first->data.len, bytes = len, n = 1;

	if (len == 0 || len > len_max)
		return 1;
	while (n < count && n < UDP_BUNDLE_COUNT_MAX) {
		const struct udp_message *next = &messages[order[n]];
		if (next->data.len == 0 || next->data.len > len ||
			bytes + next->data.len > UDP_BUNDLE_BYTES_MAX ||
			!addr_eq(&next->target, &first->target))
			break;
		bytes += next->data.len;
		n++;
		if (next->data.len < len)
			break;
	}
	return n;
}
