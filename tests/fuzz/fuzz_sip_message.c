/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets as a SIP message, by datagram and by stream: read, checked and answered on a fake
 * network. Whatever is answered is a well-formed response that goes to the source alone, and is no
 * longer than what came allows; whatever is asked of a message stays within its octets. */
#include "notifier/sip_message.h"
#include "tests/unit/sip_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip *sip;

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void look_at(const struct sip_message *message)
{
	static const char *const names[] = { "via", "from", "event", "contact", "require",
		"authorization", "expires", "accept", "record-route", "x" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span value;
		for (size_t n = 0; n < 8 && (value = sip_header(message, names[i], n)).data; n++) {
			struct span before = sip_value(value);
			struct span inside = sip_parameter(value, "tag");
			require(before.size <= value.size && inside.size <= value.size);
			sip_parameter(value, "diff-processing");
		}
	}
	if (message->status || message->fault)
		return;
	require(sip_from_uri(message).size && sip_to_uri(message).size);
	require(sip_call_id(message).size && sip_method(message).size && sip_uri(message).size);
	require(message->via.host.size > 0);
	require(!span_find(sip_contact_uri(message), '\r', NULL));
}

static void on_request(void *context, struct sip_incoming *incoming)
{
	const struct sip_answer answer = { .status = 200,
		.contact = true,
		.content_type = SPAN("text/plain"),
		.body = SPAN("hello") };
	(void)context;
	require(!sip_incoming_message(incoming)->fault);
	look_at(sip_incoming_message(incoming));
	sip_answer(incoming, &answer);
}

/* An answer of ours is read without a fault when the request had none. */
static void check_answer(struct arena *arena, bool well)
{
	const struct sent *sent = world_sent(0);
	struct sip_message *answer =
		sip_message_read(arena, (struct span){ sent->text, sent->size }, true);
	require(answer && answer->status >= 200 && answer->via.host.data && !answer->truncated);
	require(!well || !answer->fault);
	const struct sockaddr_in *four = (const struct sockaddr_in *)&sent->flow.address;
	require(four->sin_addr.s_addr == htonl(0xC0000221));
}

static void receive(enum sip_transport transport, struct span octets)
{
	struct sip_flow from = world_flow(transport, "192.0.2.33", 40000);
	size_t before = world_net.sent_count;
	struct arena *arena = arena_new(4096);
	from.connection = transport == SIP_UDP ? 0 : 9;
	struct sip_message *message = sip_message_read(arena, octets, transport == SIP_UDP);
	if (message)
		look_at(message);
	world_receive(&from, octets);
	require(world_net.sent_count - before <= 1);
	if (world_net.sent_count > before) {
		require(message && !message->status);
		require(world_sent(0)->size < octets.size * 2 + 1024);
		check_answer(arena, !message->fault);
	}
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sip_events events = { .request = on_request };
	struct span octets = { (const char *)data, size };
	if (size > 65536)
		return 0;
	sip = world_begin(&events);
	receive(SIP_UDP, octets);
	receive(SIP_TCP, octets);
	world_wait(32000);
	world_end(&sip);
	return 0;
}
