/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_resolve_private.h"
#include "notifier/sip_transport_address.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	PORT = 5060,
	PORT_TLS = 5061,
	PATIENCE_MS = 5000,
	ASKS_MOST = 24,
	SERVICES_MOST = 8,
	RESULTS_MOST = 32,
	TRANSPORTS = 3,
};

struct resolver {
	struct loop *loop;
	struct dns *dns;
	LIST_HEAD(, resolution) on_their_way;
};

/* A question that the resolution holds. */
struct ask {
	struct question *question;
	struct waiter waiter;
};

/* Where SRV records may stand. */
struct service {
	enum sip_transport transport;
	const char *name;
	unsigned order, preference;
	const struct question *question;
};

/* A host with a port, before its addresses are known. */
struct place {
	enum sip_transport transport;
	struct span host;
	unsigned port;
	const struct question *question;
};

struct resolution {
	struct resolver *resolver;
	struct arena *arena;
	LIST_ENTRY(resolution) link;
	struct resolve_wish wish;
	resolve_done *done;
	void *context;
	void (*next)(struct resolution *); /* when nothing is waited for */
	struct post post;
	struct timer patience;
	struct ask asks[ASKS_MOST];
	size_t ask_count, waiting;
	struct service services[SERVICES_MOST];
	size_t service_count;
	struct place places[ASKS_MOST];
	size_t place_count;
};

/* --- a resolution's life --- */

static void run(void *context)
{
	struct resolution *resolution = context;
	resolution->next(resolution);
}

static void answered(void *context)
{
	struct resolution *resolution = context;
	if (--resolution->waiting == 0)
		loop_post(resolution->resolver->loop, &resolution->post);
}

static void release(struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->ask_count; i++)
		dns_release(resolution->asks[i].question, &resolution->asks[i].waiter);
	timer_stop(resolution->resolver->loop, &resolution->patience);
	loop_unpost(resolution->resolver->loop, &resolution->post);
	LIST_REMOVE(resolution, link);
}

static void finish(struct resolution *resolution, const struct resolved *addresses, size_t count,
	const char *why)
{
	struct arena *arena = resolution->arena;
	release(resolution);
	resolution->done(resolution->context, addresses, count, count ? NULL : why);
	arena_free(&arena);
}

static void out_of_patience(void *context)
{
	finish(context, NULL, 0, "the name servers do not answer");
}

static const struct question *ask(
	struct resolution *resolution, enum question_kind kind, struct span name)
{
	if (resolution->ask_count == ASKS_MOST)
		return NULL;
	struct ask *one = &resolution->asks[resolution->ask_count];
	one->waiter = (struct waiter){ .answered = answered, .context = resolution };
	one->question = dns_ask(resolution->resolver->dns, kind, name, &one->waiter);
	if (!one->question)
		return NULL;
	resolution->ask_count++;
	resolution->waiting += one->question->pending;
	return one->question;
}

static void then(struct resolution *resolution, void (*next)(struct resolution *))
{
	resolution->next = next;
	if (!resolution->waiting)
		loop_post(resolution->resolver->loop, &resolution->post);
}

/* --- addresses: the last step (RFC 3263 §4.2) --- */

static unsigned standard_port(enum sip_transport transport)
{
	return transport == SIP_TLS ? PORT_TLS : PORT;
}

static size_t add_addresses(const struct place *place, struct resolved *results, size_t count)
{
	for (size_t i = 0; i < place->question->count && count < RESULTS_MOST; i++) {
		const struct record *record = &place->question->records[i];
		results[count] =
			(struct resolved){ place->transport, record->length, record->address };
		address_set_port(&results[count++].address, place->port);
	}
	return count;
}

/* What is big goes by a stream first (RFC 3261 §18.1.1). */
static size_t collect(const struct resolution *resolution, struct resolved *results)
{
	size_t count = 0;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < resolution->place_count; i++) {
			const struct place *place = &resolution->places[i];
			bool late = resolution->wish.big && place->transport == SIP_UDP;
			if (place->question && late == (round == 1))
				count = add_addresses(place, results, count);
		}
	return count;
}

static void addresses_known(struct resolution *resolution)
{
	struct resolved results[RESULTS_MOST];
	const char *why = "no such host";
	for (size_t i = 0; i < resolution->place_count; i++)
		if (!resolution->places[i].question)
			why = "too many names at once";
		else if (resolution->places[i].question->failed)
			why = "the name servers have no answer";
	size_t count = collect(resolution, results);
	finish(resolution, results, count, why);
}

static void add_place(struct resolution *resolution, enum sip_transport transport, struct span host,
	unsigned port)
{
	if (resolution->place_count == ASKS_MOST)
		return;
	struct place *place = &resolution->places[resolution->place_count++];
	*place = (struct place){ transport, host, port, NULL };
}

/* A host that stands there twice is asked for once. */
static const struct question *question_of(struct resolution *resolution, size_t index)
{
	const struct place *place = &resolution->places[index];
	for (size_t i = 0; i < index; i++)
		if (span_equal_nocase(resolution->places[i].host, place->host))
			return resolution->places[i].question;
	return ask(resolution, ASK_ADDRESS, place->host);
}

static void ask_addresses(struct resolution *resolution)
{
	if (!resolution->place_count) {
		finish(resolution, NULL, 0, "that domain offers no SIP we can speak");
		return;
	}
	for (size_t i = 0; i < resolution->place_count; i++)
		resolution->places[i].question = question_of(resolution, i);
	then(resolution, addresses_known);
}

/* --- which transports, where nobody says (§4.1) --- */

struct choice {
	enum sip_transport list[TRANSPORTS];
	size_t count;
};

/* The transport parameter; false: there is none, or none that we know. */
static bool named_transport(const struct resolve_wish *wish, enum sip_transport *out)
{
	static const char *const names[] = {
		[SIP_UDP] = "udp", [SIP_TCP] = "tcp", [SIP_TLS] = "tls"
	};
	for (*out = SIP_UDP; *out <= SIP_TLS; ++*out)
		if (span_equal_nocase(wish->transport, span_of(names[*out])))
			break;
	if (wish->secure && *out == SIP_TCP)
		*out = SIP_TLS;
	return *out <= SIP_TLS;
}

static void choose(struct choice *choice, const struct resolve_wish *wish, enum sip_transport one)
{
	if (wish->has[one])
		choice->list[choice->count++] = one;
}

/* Without DNS: UDP, or TLS for sips; what is big goes by TCP before UDP. */
static struct choice simple_choice(const struct resolve_wish *wish)
{
	struct choice choice = { .count = 0 };
	enum sip_transport named;
	if (wish->transport.size) {
		if (named_transport(wish, &named) && (!wish->secure || named == SIP_TLS))
			choose(&choice, wish, named);
		return choice;
	}
	if (wish->secure) {
		choose(&choice, wish, SIP_TLS);
		return choice;
	}
	if (wish->big)
		choose(&choice, wish, SIP_TCP);
	choose(&choice, wish, SIP_UDP);
	if (!choice.count)
		choose(&choice, wish, SIP_TCP);
	return choice;
}

/* The host itself, by the transports that need no record. */
static void add_host(struct resolution *resolution)
{
	const struct resolve_wish *wish = &resolution->wish;
	struct choice choice = simple_choice(wish);
	for (size_t i = 0; i < choice.count; i++)
		add_place(resolution, choice.list[i], wish->host,
			wish->port ? wish->port : standard_port(choice.list[i]));
}

/* --- SRV (§4.2, RFC 2782) --- */

static uint32_t random_below(uint32_t bound)
{
	uint32_t value = 0;
	if (getrandom(&value, sizeof(value), 0) < 0)
		value = 0;
	return (uint32_t)((uint64_t)value * bound >> 32);
}

/* Weight 0 is chosen by a very small chance. */
static uint32_t share(const struct record *record)
{
	return record->second ? record->second * 64 : 1;
}

/* Of those that are left of the least priority, one by chance and weight. */
static size_t pick(const struct record *const *left, size_t count)
{
	uint32_t sum = 0, chance;
	unsigned priority = left[0]->first;
	for (size_t i = 1; i < count; i++)
		priority = left[i]->first < priority ? left[i]->first : priority;
	for (size_t i = 0; i < count; i++)
		if (left[i]->first == priority)
			sum += share(left[i]);
	chance = random_below(sum);
	for (size_t i = 0;; i++) {
		if (left[i]->first != priority)
			continue;
		if (chance < share(left[i]))
			return i;
		chance -= share(left[i]);
	}
}

static void add_srv(struct resolution *resolution, const struct service *service)
{
	const struct record *left[RECORDS_MOST];
	size_t count = service->question->count;
	for (size_t i = 0; i < count; i++)
		left[i] = &service->question->records[i];
	while (count) {
		size_t chosen = pick(left, count);
		const struct record *record = left[chosen];
		left[chosen] = left[--count];
		if (strcmp(record->name, ".") != 0)
			add_place(resolution, service->transport, span_of(record->name),
				record->port);
	}
}

static void srv_known(struct resolution *resolution)
{
	bool any = false;
	for (size_t i = 0; i < resolution->service_count; i++) {
		const struct service *service = &resolution->services[i];
		if (!service->question || !service->question->count)
			continue;
		any = true;
		add_srv(resolution, service);
	}
	if (!any)
		add_host(resolution);
	ask_addresses(resolution);
}

static void ask_srv(struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->service_count; i++) {
		struct service *service = &resolution->services[i];
		service->question = ask(resolution, ASK_SRV, span_of(service->name));
	}
	then(resolution, srv_known);
}

static void add_service(struct resolution *resolution, enum sip_transport transport)
{
	static const char *const prefixes[] = {
		[SIP_UDP] = "_sip._udp.", [SIP_TCP] = "_sip._tcp.", [SIP_TLS] = "_sips._tcp."
	};
	struct span name = arena_format(
		resolution->arena, "%s%.*s", prefixes[transport], SPAN_ARG(resolution->wish.host));
	if (name.data && resolution->wish.has[transport])
		resolution->services[resolution->service_count++] =
			(struct service){ .transport = transport, .name = name.data };
}

/* --- NAPTR (§4.1) --- */

static int by_order(const void *a, const void *b)
{
	const struct service *one = a, *other = b;
	if (one->order != other->order)
		return one->order < other->order ? -1 : 1;
	return one->preference < other->preference ? -1 : one->preference > other->preference;
}

static void take_naptr(struct resolution *resolution, const struct question *question)
{
	const struct resolve_wish *wish = &resolution->wish;
	for (size_t i = 0; i < question->count; i++) {
		const struct record *record = &question->records[i];
		if (!wish->has[record->transport] || (wish->secure && record->transport != SIP_TLS)
			|| resolution->service_count == SERVICES_MOST)
			continue;
		resolution->services[resolution->service_count++] =
			(struct service){ record->transport, record->name, record->first,
				record->second, NULL };
	}
	qsort(resolution->services, resolution->service_count, sizeof(*resolution->services),
		by_order);
}

static void naptr_known(struct resolution *resolution)
{
	const struct question *question = resolution->asks[0].question;
	take_naptr(resolution, question);
	if (!resolution->service_count && question->count) {
		ask_addresses(resolution);
		return;
	}
	if (!resolution->service_count && !resolution->wish.secure) {
		add_service(resolution, SIP_UDP);
		add_service(resolution, SIP_TCP);
	}
	if (!resolution->service_count && resolution->wish.secure)
		add_service(resolution, SIP_TLS);
	ask_srv(resolution);
}

/* --- the first step --- */

static void literal(struct resolution *resolution, struct resolved *one)
{
	struct resolved results[TRANSPORTS];
	const struct resolve_wish *wish = &resolution->wish;
	struct choice choice = simple_choice(wish);
	for (size_t i = 0; i < choice.count; i++) {
		results[i] = *one;
		results[i].transport = choice.list[i];
		address_set_port(&results[i].address,
			wish->port ? wish->port : standard_port(choice.list[i]));
	}
	finish(resolution, results, choice.count, "no transport that we can speak");
}

static bool is_host_name(struct span name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "-._";
	for (size_t i = 0; i < name.size; i++)
		if (!name.data[i] || !strchr(good, name.data[i]))
			return false;
	return name.size && name.size <= NAME_MOST && name.data[0] != '.';
}

static void first_step(struct resolution *resolution)
{
	const struct resolve_wish *wish = &resolution->wish;
	struct resolved one;
	enum sip_transport named;
	if (address_parse(wish->host, &one.address, &one.length)) {
		literal(resolution, &one);
	} else if (!is_host_name(wish->host)) {
		finish(resolution, NULL, 0, "no host name");
	} else if (!simple_choice(wish).count) {
		finish(resolution, NULL, 0, "no transport that we can speak");
	} else if (wish->port || span_equal_nocase(wish->host, SPAN("localhost"))) {
		add_host(resolution);
		ask_addresses(resolution);
	} else if (wish->transport.size && named_transport(wish, &named)) {
		add_service(resolution, named);
		ask_srv(resolution);
	} else if (ask(resolution, ASK_NAPTR, wish->host)) {
		then(resolution, naptr_known);
	} else {
		finish(resolution, NULL, 0, "too many names at once");
	}
}

struct resolution *resolve(struct resolver *resolver, const struct resolve_wish *wish,
	resolve_done *done, void *context)
{
	struct arena *arena = arena_new(sizeof(struct resolution) + NAME_MOST + 1);
	struct resolution *resolution = arena ? arena_zero(arena, sizeof(*resolution)) : NULL;
	if (!resolution) {
		arena_free(&arena);
		return NULL;
	}
	resolution->resolver = resolver;
	resolution->arena = arena;
	resolution->wish = *wish;
	resolution->wish.host = arena_copy(arena, wish->host);
	resolution->wish.transport = arena_copy(arena, wish->transport);
	resolution->done = done;
	resolution->context = context;
	resolution->next = first_step;
	resolution->post = (struct post){ .run = run, .context = resolution };
	resolution->patience = (struct timer){ .fire = out_of_patience, .context = resolution };
	if (!resolution->wish.host.data || !resolution->wish.transport.data
		|| !timer_set(resolver->loop, &resolution->patience,
			loop_now(resolver->loop) + PATIENCE_MS)) {
		arena_free(&arena);
		return NULL;
	}
	LIST_INSERT_HEAD(&resolver->on_their_way, resolution, link);
	loop_post(resolver->loop, &resolution->post);
	return resolution;
}

void resolve_forget(struct resolution **resolution)
{
	struct resolution *gone = *resolution;
	*resolution = NULL;
	if (!gone)
		return;
	struct arena *arena = gone->arena;
	release(gone);
	arena_free(&arena);
}

bool resolver_new(struct resolver **out, struct loop *loop)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	*out = NULL;
	if (!resolver)
		return false;
	resolver->loop = loop;
	LIST_INIT(&resolver->on_their_way);
	if (!dns_new(&resolver->dns, loop)) {
		free(resolver);
		return false;
	}
	*out = resolver;
	return true;
}

void resolver_free(struct resolver **resolver)
{
	struct resolver *gone = *resolver;
	*resolver = NULL;
	if (!gone)
		return;
	while (!LIST_EMPTY(&gone->on_their_way)) {
		struct resolution *resolution = LIST_FIRST(&gone->on_their_way);
		resolve_forget(&resolution);
	}
	dns_free(&gone->dns);
	free(gone);
}

bool resolver_servers(struct resolver *resolver, const char *csv)
{
	return dns_servers(resolver->dns, csv);
}
