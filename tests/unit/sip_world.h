/* SPDX-License-Identifier: BSD-2-Clause */
/* The SIP stack in a world of its own: a clock that moves when it is told to, a network that is a
 * list of what was sent, and names that are known from a table. It takes the place of loop.c,
 * sip_transport*.c and sip_resolve*.c in a test program.
 */
#ifndef TESTS_UNIT_SIP_WORLD_H
#define TESTS_UNIT_SIP_WORLD_H

#include "notifier/sip_resolve.h"
#include "notifier/sip_transport.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_TIMERS = 32768, WORLD_SENT = 256, WORLD_NAMES = 8 };

struct loop {
	uint64_t now;
	struct timer **timers; /* a heap from 1 on */
	size_t timer_count;
	struct post *first, **last;
};

struct sent {
	struct sip_flow flow;
	bool tls_verify;
	char tls_name[64];
	char *text;
	size_t size;
};

struct transport {
	struct transport_events events;
	struct sent sent[WORLD_SENT]; /* the newest ones */
	size_t sent_count;
	uint64_t last_connection;
	bool refuses[3], lacks[3];
	bool forgets; /* counts what is sent and keeps nothing */
};

struct name {
	const char *host;
	struct resolved addresses[4];
	size_t count;
};

struct resolution {
	struct post post;
	struct loop *loop;
	struct resolver *resolver;
	struct resolve_wish wish;
	char host[256], transport[16];
	resolve_done *done;
	void *context;
};

struct resolver {
	struct loop *loop;
	struct name names[WORLD_NAMES];
	size_t name_count;
	struct resolve_wish last_wish;
	char last_host[256];
};

static struct loop world_loop;
static struct transport world_net;
static struct resolver world_names;

/* --- the clock --- */

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

static void heap_put(struct loop *loop, size_t place, struct timer *timer)
{
	loop->timers[place] = timer;
	timer->place = place;
}

static void heap_settle(struct loop *loop, size_t place, struct timer *timer)
{
	for (; place > 1 && loop->timers[place / 2]->due > timer->due; place /= 2)
		heap_put(loop, place, loop->timers[place / 2]);
	for (size_t child; (child = place * 2) <= loop->timer_count; place = child) {
		if (child < loop->timer_count
			&& loop->timers[child + 1]->due < loop->timers[child]->due)
			child++;
		if (loop->timers[child]->due >= timer->due)
			break;
		heap_put(loop, place, loop->timers[child]);
	}
	heap_put(loop, place, timer);
}

bool timer_set(struct loop *loop, struct timer *timer, uint64_t due)
{
	if (!loop->timers)
		loop->timers = calloc(WORLD_TIMERS, sizeof(struct timer *));
	timer_stop(loop, timer);
	assert(loop->timers && loop->timer_count + 1 < WORLD_TIMERS);
	timer->due = due;
	heap_settle(loop, ++loop->timer_count, timer);
	return true;
}

void timer_stop(struct loop *loop, struct timer *timer)
{
	size_t place = timer->place;
	if (!place)
		return;
	timer->place = 0;
	struct timer *last = loop->timers[loop->timer_count--];
	if (last != timer)
		heap_settle(loop, place, last);
}

void loop_post(struct loop *loop, struct post *post)
{
	if (post->posted)
		return;
	post->posted = true;
	post->next = NULL;
	if (!loop->first)
		loop->last = &loop->first;
	*loop->last = post;
	loop->last = &post->next;
}

void loop_unpost(struct loop *loop, struct post *post)
{
	if (!post->posted)
		return;
	struct post **at = &loop->first;
	while (*at != post)
		at = &(*at)->next;
	*at = post->next;
	if (loop->last == &post->next)
		loop->last = at;
	post->posted = false;
}

static void world_run_posts(void)
{
	while (world_loop.first) {
		struct post *post = world_loop.first;
		loop_unpost(&world_loop, post);
		post->run(post->context);
	}
}

/* Time passes; timers fire in their order. */
static inline void world_wait(uint64_t ms)
{
	uint64_t end = world_loop.now + ms;
	world_run_posts();
	while (world_loop.timer_count && world_loop.timers[1]->due <= end) {
		struct timer *timer = world_loop.timers[1];
		if (timer->due > world_loop.now)
			world_loop.now = timer->due;
		timer_stop(&world_loop, timer);
		timer->fire(timer->context);
		world_run_posts();
	}
	world_loop.now = end;
}

/* --- the network --- */

bool transport_new(struct transport **out, struct loop *loop, const struct settings *settings,
	const struct transport_events *events, FILE *problems)
{
	(void)loop, (void)settings, (void)problems;
	world_net.events = *events;
	*out = &world_net;
	return true;
}

static void world_forget_sent(void)
{
	for (size_t i = 0; i < WORLD_SENT; i++) {
		free(world_net.sent[i].text);
		world_net.sent[i] = (struct sent){ 0 };
	}
	world_net.sent_count = 0;
}

void transport_free(struct transport **transport)
{
	world_forget_sent();
	*transport = NULL;
}

bool transport_reload(struct transport *transport, const struct settings *settings, FILE *problems)
{
	(void)transport, (void)settings, (void)problems;
	return true;
}

enum transport_result transport_send(struct transport *transport, const struct hop *to,
	struct span octets, struct sip_flow *flow_out, const char **why_out)
{
	if (transport->refuses[to->flow.transport]) {
		*why_out = "refused";
		return TRANSPORT_REFUSED;
	}
	*flow_out = to->flow;
	if (to->flow.transport != SIP_UDP && !to->flow.connection)
		flow_out->connection = ++transport->last_connection;
	struct sent *sent = &transport->sent[transport->sent_count++ % WORLD_SENT];
	if (transport->forgets)
		return TRANSPORT_SENT;
	free(sent->text);
	*sent = (struct sent){ .flow = *flow_out, .tls_verify = to->tls_verify };
	sent->text = calloc(1, octets.size + 1);
	assert(sent->text && to->tls_name.size < sizeof(sent->tls_name));
	memcpy(sent->text, octets.data, octets.size);
	sent->size = octets.size;
	if (to->tls_name.size)
		memcpy(sent->tls_name, to->tls_name.data, to->tls_name.size);
	return TRANSPORT_SENT;
}

struct span transport_sent_by(
	struct transport *transport, struct arena *arena, const struct sip_flow *flow)
{
	if (transport->lacks[flow->transport])
		return (struct span){ NULL, 0 };
	return arena_copy(arena,
		flow->transport == SIP_TLS ? SPAN("192.0.2.1:5071") : SPAN("192.0.2.1:5070"));
}

bool transport_is_ours(const struct transport *transport, struct span host, unsigned port)
{
	(void)transport;
	return (span_equal_text(host, "192.0.2.1") || span_equal_text(host, "2001:db8::1"))
	       && (!port || port == 5070 || port == 5071);
}

bool transport_has(const struct transport *transport, enum sip_transport wanted)
{
	return !transport->lacks[wanted];
}

size_t transport_connections(const struct transport *transport)
{
	(void)transport;
	return 0;
}

static inline const struct sent *world_sent(size_t back) /* 0: the newest */
{
	assert(world_net.sent_count > back);
	return &world_net.sent[(world_net.sent_count - 1 - back) % WORLD_SENT];
}

static inline struct sip_flow world_flow(
	enum sip_transport transport, const char *host, unsigned port)
{
	struct sip_flow flow = { .transport = transport };
	struct sockaddr_in *four = (struct sockaddr_in *)&flow.address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&flow.address;
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		flow.length = sizeof(*four);
	} else {
		assert(inet_pton(AF_INET6, host, &six->sin6_addr) == 1);
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		flow.length = sizeof(*six);
	}
	return flow;
}

static inline void world_receive(const struct sip_flow *from, struct span octets)
{
	/* a copy of its own, so that reading past it is seen */
	char *copy = malloc(octets.size ? octets.size : 1);
	assert(copy);
	if (octets.size)
		memcpy(copy, octets.data, octets.size);
	world_net.events.message(
		world_net.events.context, from, (struct span){ copy, octets.size });
	free(copy);
}

/* --- names --- */

bool resolver_new(struct resolver **out, struct loop *loop)
{
	world_names.loop = loop;
	*out = &world_names;
	return true;
}

void resolver_free(struct resolver **resolver)
{
	*resolver = NULL;
}

static void resolution_run(void *context)
{
	struct resolution *resolution = context;
	const struct resolver *names = resolution->resolver;
	const struct name *found = NULL;
	struct resolved literal = { 0 };
	struct span host = span_of(resolution->host), wanted = span_of(resolution->transport);
	for (size_t i = 0; i < names->name_count; i++)
		if (span_equal_text(host, names->names[i].host))
			found = &names->names[i];
	resolve_done *done = resolution->done;
	void *done_context = resolution->context;
	const struct resolve_wish *wish = &resolution->wish;
	if (!found && (strchr("0123456789", host.data[0]) || strchr(host.data, ':'))) {
		struct sip_flow flow = world_flow(SIP_UDP, resolution->host,
			wish->port     ? wish->port
			: wish->secure ? 5061
				       : 5060);
		literal.address = flow.address;
		literal.length = flow.length;
		literal.transport = wish->secure || span_equal_nocase(wanted, SPAN("tls")) ? SIP_TLS
				    : span_equal_nocase(wanted, SPAN("tcp"))               ? SIP_TCP
									     : SIP_UDP;
	}
	free(resolution);
	if (found)
		done(done_context, found->addresses, found->count, "no such name");
	else
		done(done_context, &literal, literal.length ? 1 : 0, "no such name");
}

struct resolution *resolve(struct resolver *resolver, const struct resolve_wish *wish,
	resolve_done *done, void *context)
{
	struct resolution *resolution = calloc(1, sizeof(*resolution));
	assert(resolution && wish->host.size < sizeof(resolution->host));
	resolution->wish = *wish;
	resolution->loop = resolver->loop;
	resolution->resolver = resolver;
	memcpy(resolution->host, wish->host.data, wish->host.size);
	if (wish->transport.size && wish->transport.size < sizeof(resolution->transport))
		memcpy(resolution->transport, wish->transport.data, wish->transport.size);
	resolver->last_wish = *wish;
	memcpy(resolver->last_host, resolution->host, sizeof(resolver->last_host));
	resolution->done = done;
	resolution->context = context;
	resolution->post = (struct post){ .run = resolution_run, .context = resolution };
	loop_post(resolver->loop, &resolution->post);
	return resolution;
}

void resolve_forget(struct resolution **resolution)
{
	if (*resolution) {
		loop_unpost((*resolution)->loop, &(*resolution)->post);
		free(*resolution);
	}
	*resolution = NULL;
}

static inline void world_name(const char *host, const struct sip_flow *addresses, size_t count)
{
	struct name *name = &world_names.names[world_names.name_count++];
	*name = (struct name){ .host = host, .count = count };
	for (size_t i = 0; i < count; i++) {
		name->addresses[i].transport = addresses[i].transport;
		name->addresses[i].address = addresses[i].address;
		name->addresses[i].length = addresses[i].length;
	}
}

/* --- the stack in it --- */

static struct settings world_settings;

static inline struct sip *world_begin(const struct sip_events *events)
{
	static struct span domains[2];
	struct sip *sip;
	domains[0] = SPAN("example.com");
	domains[1] = SPAN("example.net");
	world_settings = (struct settings){ 0 };
	world_settings.auth.domains = (struct span_list){ domains, 2 };
	world_settings.limits.sip_message = 65536;
	free(world_loop.timers);
	world_loop = (struct loop){ .now = 1000000 };
	world_net = (struct transport){ .last_connection = 100 };
	world_names = (struct resolver){ 0 };
	bool well = sip_new(&sip, &world_loop, &world_settings, events, stderr);
	assert(well);
	return sip;
}

static inline void world_end(struct sip **sip)
{
	sip_free(sip);
	world_run_posts();
	assert(!world_loop.timer_count && !world_loop.first);
	free(world_loop.timers);
	world_loop.timers = NULL;
}

#endif
