// Bulk number contacts (RFC 6140).
#include "unit/unit.h"

#include "sip/bulk.h"

static void contacts(void **state)
{
	static const struct {
		const char *uri;
		enum sip_bulk bulk;
		const char *number, *contact;
	} cases[] = {
		{ "sip:198.51.100.3;bnc", SIP_BULK_CONTACT, "+12145550105",
			"sip:+12145550105@198.51.100.3" },
		{ "sip:198.51.100.3:5070;transport=tcp;BNC", SIP_BULK_CONTACT, "100",
			"sip:100@198.51.100.3:5070;transport=tcp" },
		{ "sips:pbx.example.com:5071;bnc;ob", SIP_BULK_CONTACT, "a b",
			"sips:a%20b@pbx.example.com:5071;ob" },
		{ "sip:[2001:db8::1];bnc", SIP_BULK_CONTACT, "1", "sip:1@[2001:db8::1]" },
		{ "sip:100@198.51.100.3;bnc", SIP_BULK_INVALID, NULL, NULL },
		{ "sip:198.51.100.3;bnc=1", SIP_BULK_INVALID, NULL, NULL },
		{ "tel:+1;bnc", SIP_BULK_INVALID, NULL, NULL },
		{ "sip:198.51.100.3", SIP_BULK_NONE, NULL, NULL },
		{ "sip:198.51.100.3;bncx", SIP_BULK_NONE, NULL, NULL },
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sip_uri uri;
		struct sip_writer w;

		assert_int_equal(sip_uri_parse(span_str(cases[i].uri), &uri), 0);
		assert_int_equal(sip_bulk_of(&uri), cases[i].bulk);
		if (!cases[i].contact)
			continue;
		sip_writer_init(&w, out, sizeof(out));
		sip_bulk_put(&w, &uri, span_str(cases[i].number));
		assert_false(w.is_overflowed);
		if (!span_eq(sip_writer_text(&w), span_str(cases[i].contact)))
			fail_msg("%s gave " SPAN_FMT, cases[i].uri, SPAN_ARG(sip_writer_text(&w)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(contacts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
