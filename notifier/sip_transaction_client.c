/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BRANCH = 7 + SIP_TOKEN };
#define COOKIE "z9hG4bK"

/* A connection and what waits for an answer over it. */
struct line {
	struct table_node node; /* first: a node is its line */
	uint64_t connection;
	struct sip_outgoing *first;
};

struct sip_outgoing {
	struct table_node node; /* by branch, first: a node is its transaction */
	struct sip *sip;
	struct arena *arena; /* holds this too */
	struct span sent_by;
	char branch[BRANCH + 1];
	bool listed;                       /* in the table of branches */
	struct sip_outgoing *next, **link; /* of all */
	sip_on_result *done;
	void *context;

	struct span method;
	struct sip_draft draft;
	struct span text; /* as it was sent last */
	struct span host; /* of the next hop, for the certificate */
	bool contact, tls_verify, big;

	bool resolved; /* or there is nothing to resolve */
	struct resolution *resolution;
	struct sip_flow *ways; /* to try in order */
	size_t way_count, next_way;

	struct sip_flow flow; /* by which it was sent last */
	bool sent;
	struct line *line;
	struct sip_outgoing *line_next, **line_link;
	struct timer timer;
	uint64_t begun, next_retransmission, interval; /* of this try; interval 0: reliable */
	bool provisional;
	const char *why;
	struct post again; /* when it has to go on outside of the caller's call */
};

static uint64_t branch_hash(const struct sip *sip, struct span branch)
{
	return text_hash(sip->secret, branch);
}

/* --- which transactions wait on which connection --- */

static struct line *line_find(const struct sip *sip, uint64_t connection)
{
	return (struct line *)table_find(&sip->lines, connection);
}

static void line_join(struct sip_outgoing *out, uint64_t connection)
{
	struct line *line = line_find(out->sip, connection);
	if (!line) {
		line = calloc(1, sizeof(*line));
		if (!line || !table_add(&out->sip->lines, &line->node, connection)) {
			free(line);
			return; /* its loss is noticed when time is up */
		}
		line->connection = connection;
	}
	out->line = line;
	out->line_next = line->first;
	out->line_link = &line->first;
	if (line->first)
		line->first->line_link = &out->line_next;
	line->first = out;
}

static void line_leave(struct sip_outgoing *out)
{
	struct line *line = out->line;
	if (!line)
		return;
	*out->line_link = out->line_next;
	if (out->line_next)
		out->line_next->line_link = out->line_link;
	out->line = NULL;
	if (line->first)
		return;
	table_remove(&out->sip->lines, &line->node);
	free(line);
}

/* --- its end --- */

static void delist(struct sip_outgoing *out)
{
	if (out->listed)
		table_remove(&out->sip->clients, &out->node);
	out->listed = false;
}

static void drop(struct sip_outgoing *out)
{
	struct arena *arena = out->arena;
	timer_stop(out->sip->loop, &out->timer);
	loop_unpost(out->sip->loop, &out->again);
	resolve_forget(&out->resolution);
	line_leave(out);
	delist(out);
	*out->link = out->next;
	if (out->next)
		out->next->link = out->link;
	out->sip->figures.client_transactions--;
	arena_free(&arena);
}

static void finish(struct sip_outgoing *out, struct sip_result *result)
{
	sip_on_result *done = out->done;
	if (out->sent)
		result->flow = &out->flow;
	timer_stop(out->sip->loop, &out->timer);
	line_leave(out);
	delist(out);
	out->done = NULL;
	if (done)
		done(out->context, result);
	drop(out);
}

static void finish_unanswered(struct sip_outgoing *out, enum sip_failure failure)
{
	struct sip_result result = { .failure = failure, .why = out->why };
	result.status = failure == SIP_TIMED_OUT ? 408 : 503;
	out->sip->figures.timeouts += failure == SIP_TIMED_OUT;
	if (!result.why)
		result.why = "no way to it";
	finish(out, &result);
}

/* --- one try --- */

static void blame(struct sip_outgoing *out, const char *why)
{
	out->why = why ? arena_text(out->arena, span_of(why)) : NULL;
}

static bool set_timer(struct sip_outgoing *out)
{
	uint64_t due = out->begun + SIP_TIMER_F;
	if (out->interval && out->next_retransmission < due)
		due = out->next_retransmission;
	return timer_set(out->sip->loop, &out->timer, due);
}

static enum transport_result send_text(struct sip_outgoing *out, const struct sip_flow *to)
{
	struct hop hop = { .flow = *to, .tls_verify = out->tls_verify };
	if (out->tls_verify)
		hop.tls_name = out->host;
	const char *why = NULL;
	enum transport_result result =
		transport_send(out->sip->transport, &hop, out->text, &out->flow, &why);
	if (result != TRANSPORT_SENT)
		blame(out, why);
	return result;
}

static bool write_text(struct sip_outgoing *out, const struct sip_flow *to)
{
	struct span contact = { NULL, 0 };
	char token[SIP_TOKEN + 1];
	sip_token(token);
	memcpy(out->branch, COOKIE, sizeof(COOKIE) - 1);
	memcpy(out->branch + sizeof(COOKIE) - 1, token, SIP_TOKEN + 1);
	out->sent_by = sip_build_sent_by(out->sip, out->arena, to);
	if (out->contact) {
		contact = sip_build_contact(
			out->arena, out->sent_by, to->transport, out->draft.secure);
		if (!contact.data)
			return false;
	}
	out->text = sip_build_request(out->arena, out->method, &out->draft, to->transport,
		out->sent_by, (struct span){ out->branch, BRANCH }, contact);
	return out->text.data;
}

/* A new transaction to there (RFC 3263 §4.3). False: that way is none. */
static bool try_at(struct sip_outgoing *out, const struct sip_flow *to)
{
	struct sip *sip = out->sip;
	line_leave(out);
	delist(out);
	out->why = "no memory";
	if (!write_text(out, to)
		|| !table_add(&sip->clients, &out->node,
			branch_hash(sip, (struct span){ out->branch, BRANCH })))
		return false;
	out->listed = true;
	out->why = NULL;
	if (send_text(out, to) != TRANSPORT_SENT)
		return false;
	sip->figures.requests_out++;
	out->sent = true;
	out->provisional = false;
	out->begun = loop_now(sip->loop);
	out->interval = out->flow.transport == SIP_UDP ? SIP_T1 : 0;
	out->next_retransmission = out->begun + out->interval;
	if (out->flow.connection)
		line_join(out, out->flow.connection);
	return set_timer(out);
}

static bool same_address(const struct sip_flow *a, const struct sip_flow *b)
{
	return a->length == b->length && !memcmp(&a->address, &b->address, a->length);
}

/* Is this way TCP for the size's sake alone: could the same address have it by UDP? */
static bool has_udp_too(const struct sip_outgoing *out, size_t way)
{
	if (out->ways[way].transport != SIP_TCP)
		return false;
	for (size_t i = way + 1; i < out->way_count; i++)
		if (out->ways[i].transport == SIP_UDP
			&& same_address(&out->ways[i], &out->ways[way]))
			return true;
	return false;
}

static struct sip_without_tcp *without_tcp(
	struct sip *sip, const struct sip_flow *way, uint64_t *hash_out)
{
	*hash_out =
		text_hash(sip->secret, (struct span){ (const char *)&way->address, way->length });
	return &sip->without_tcp[*hash_out % SIP_WITHOUT_TCP];
}

static bool is_without_tcp(struct sip *sip, const struct sip_flow *way)
{
	uint64_t hash;
	const struct sip_without_tcp *place = without_tcp(sip, way, &hash);
	return place->hash == hash && loop_now(sip->loop) < place->until;
}

/* The way that was tried last is none. */
static void way_failed(struct sip_outgoing *out)
{
	uint64_t hash;
	size_t way = out->next_way - 1;
	if (!out->next_way || !has_udp_too(out, way))
		return;
	struct sip_without_tcp *place = without_tcp(out->sip, &out->ways[way], &hash);
	place->hash = hash;
	place->until = loop_now(out->sip->loop) + SIP_WITHOUT_TCP_MS;
}

static bool try_ways(struct sip_outgoing *out)
{
	while (out->next_way < out->way_count) {
		size_t way = out->next_way++;
		struct sip_flow to = out->ways[way];
		if (has_udp_too(out, way) && is_without_tcp(out->sip, &to))
			continue;
		if (try_at(out, &to))
			return true;
		way_failed(out);
	}
	return false;
}

static void add_way(struct sip_outgoing *out, const struct sip_flow *way)
{
	for (size_t i = 0; i < out->way_count; i++)
		if (out->ways[i].transport == way->transport && same_address(&out->ways[i], way))
			return;
	out->ways[out->way_count++] = *way;
}

/* Over 1300 octets TCP comes first at every address that is for UDP (RFC 3261 §18.1.1). */
static void add_ways(struct sip_outgoing *out, const struct sip_flow *way)
{
	if (out->big && way->transport == SIP_UDP && transport_has(out->sip->transport, SIP_TCP)) {
		struct sip_flow reliable = *way;
		reliable.transport = SIP_TCP;
		add_way(out, &reliable);
	}
	add_way(out, way);
}

/* Room for that many addresses more; what was tried is kept, so that it is not tried again. */
static bool make_room(struct sip_outgoing *out, size_t count)
{
	size_t most = out->way_count + 2 * count;
	struct sip_flow *ways = arena_alloc(out->arena, most * sizeof(*ways));
	if (!ways)
		return false;
	if (out->way_count)
		memcpy(ways, out->ways, out->way_count * sizeof(*ways));
	out->ways = ways;
	return true;
}

static void go_on(struct sip_outgoing *out);

static void on_resolved(
	void *context, const struct resolved *addresses, size_t count, const char *why)
{
	struct sip_outgoing *out = context;
	out->resolution = NULL;
	out->resolved = true;
	if (!count && !out->sent)
		blame(out, why);
	if (!make_room(out, count))
		count = 0;
	for (size_t i = 0; i < count; i++) {
		struct sip_flow way = { .transport = addresses[i].transport, .listener = SIZE_MAX };
		way.address = addresses[i].address;
		way.length = addresses[i].length;
		add_ways(out, &way);
	}
	go_on(out);
}

/* False: there is nothing that could be asked. */
static bool ask(struct sip_outgoing *out)
{
	struct sip_uri uri;
	struct resolve_wish wish = { .big = out->big };
	out->resolved = true;
	if (sip_uri_read(out->arena, out->draft.next_hop, &uri) != SIP_URI_GOOD) {
		out->why = "not a SIP URI";
		return false;
	}
	wish.secure = uri.secure;
	wish.host = uri.maddr.size ? uri.maddr : uri.host;
	wish.port = uri.port;
	wish.transport = uri.transport;
	for (int i = SIP_UDP; i <= SIP_TLS; i++)
		wish.has[i] = transport_has(out->sip->transport, (enum sip_transport)i);
	out->resolution = resolve(out->sip->resolver, &wish, on_resolved, out);
	out->resolved = !out->resolution;
	if (!out->resolution)
		out->why = "no memory";
	return out->resolution != NULL;
}

/* To the next address; to its end when there is none. Never within sip_send. */
static void go_on(struct sip_outgoing *out)
{
	if (try_ways(out))
		return;
	if (!out->resolved && (out->resolution || ask(out)))
		return;
	finish_unanswered(out, SIP_UNREACHABLE);
}

static void on_again(void *context)
{
	go_on(context);
}

/* No answer of any kind: another address may do (RFC 3263 §4.3), the same one by another transport
 * would not. */
static void time_is_up(struct sip_outgoing *out)
{
	while (out->next_way < out->way_count
		&& same_address(&out->ways[out->next_way], &out->flow))
		out->next_way++;
	out->why = "no answer in 32 s";
	if (out->provisional || out->next_way == out->way_count) {
		finish_unanswered(out, SIP_TIMED_OUT);
		return;
	}
	out->sip->figures.timeouts++;
	go_on(out);
}

static void on_timer(void *context)
{
	struct sip_outgoing *out = context;
	struct sip_flow same = out->flow;
	uint64_t now = loop_now(out->sip->loop);
	if (now >= out->begun + SIP_TIMER_F) {
		time_is_up(out);
		return;
	}
	out->sip->figures.retransmissions_out++;
	out->interval = out->provisional || out->interval * 2 > SIP_T2 ? SIP_T2 : out->interval * 2;
	out->next_retransmission = now + out->interval;
	set_timer(out);
	send_text(out, &same);
}

/* --- what comes back --- */

static struct sip_outgoing *find_client(const struct sip *sip, const struct sip_message *response)
{
	struct span branch = response->via.branch;
	if (branch.size != BRANCH)
		return NULL;
	struct table_node *node = table_find(&sip->clients, branch_hash(sip, branch));
	for (; node; node = table_again(node)) {
		struct sip_outgoing *out = (struct sip_outgoing *)node;
		if (!memcmp(out->branch, branch.data, BRANCH)
			&& span_equal(out->method, response->cseq_method))
			return out;
	}
	return NULL;
}

/* RFC 3261 §18.1.2: the sent-by is ours as we wrote it. */
static bool sent_by_matches(const struct sip_outgoing *out, const struct sip_message *response)
{
	char text[300];
	const struct sip_via *via = &response->via;
	bool six = span_find(via->host, ':', NULL);
	int size = snprintf(text, sizeof(text), "%s%.*s%s", six ? "[" : "", SPAN_ARG(via->host),
		six ? "]" : "");
	if (via->port && size > 0 && (size_t)size < sizeof(text))
		size += snprintf(text + size, sizeof(text) - (size_t)size, ":%u", via->port);
	return size > 0 && span_equal_nocase(out->sent_by, (struct span){ text, (size_t)size });
}

static unsigned read_retry_after(const struct sip_message *response)
{
	uint64_t seconds;
	struct span value = sip_header(response, "retry-after", 0);
	size_t end = 0;
	while (end < value.size && value.data[end] >= '0' && value.data[end] <= '9')
		end++;
	if (!parse_u64(span_first(value, end), &seconds))
		return 0;
	return seconds > UINT32_MAX ? UINT32_MAX : (unsigned)seconds;
}

void sip_clients_response(struct sip *sip, const struct sip_message *response)
{
	struct sip_outgoing *out = find_client(sip, response);
	if (!out || !sent_by_matches(out, response))
		return;
	if (response->status < 200) {
		out->provisional = true;
		return;
	}
	if (response->status == 503 && out->next_way < out->way_count) {
		out->why = "503";
		go_on(out);
		return;
	}
	struct sip_result result = { .failure = SIP_ANSWERED, .response = response };
	result.status = response->status;
	result.retry_after = read_retry_after(response);
	finish(out, &result);
}

void sip_clients_closed(struct sip *sip, uint64_t connection, const char *why)
{
	struct line *line = line_find(sip, connection);
	while (line && line->first) {
		struct sip_outgoing *out = line->first;
		bool last = !out->line_next;
		line_leave(out); /* the last one takes the line with it */
		delist(out);
		timer_stop(sip->loop, &out->timer);
		blame(out, why);
		way_failed(out);
		loop_post(sip->loop, &out->again);
		if (last)
			return;
	}
}

/* --- the caller's side --- */

static bool take_request(struct sip_outgoing *out, const struct sip_request *request)
{
	struct sip_uri uri;
	out->done = request->done;
	out->context = request->context;
	out->contact = request->contact;
	out->tls_verify = request->tls_verify;
	out->method = arena_copy(out->arena, request->method);
	if (!out->method.data || !sip_build_draft(out->arena, request, &out->draft))
		return false;
	if (request->next_hop.data)
		out->draft.next_hop = request->next_hop;
	out->draft.uri = arena_copy(out->arena, out->draft.uri);
	out->draft.next_hop = arena_copy(out->arena, out->draft.next_hop);
	if (sip_uri_read(out->arena, out->draft.next_hop, &uri) == SIP_URI_GOOD)
		out->host = uri.host;
	enum { VIA = 95, CONTACT = 44, SMALL_MOST = 1300 }; /* IPv4 at its longest */
	size_t size = out->draft.rest.size + out->draft.uri.size + out->method.size + VIA;
	out->big = size + (out->contact ? CONTACT : 0) > SMALL_MOST;
	if (!out->draft.uri.data || !out->draft.next_hop.data)
		return false;
	if (request->flow && make_room(out, 1))
		add_ways(out, request->flow);
	return true;
}

struct sip_outgoing *sip_send(struct sip *sip, const struct sip_request *request)
{
	size_t text = request->headers.size + request->body.size;
	struct arena *arena = arena_new(sizeof(struct sip_outgoing) + 2 * text + 3072);
	struct sip_outgoing *out = arena ? arena_zero(arena, sizeof(*out)) : NULL;
	if (!out) {
		arena_free(&arena);
		return NULL;
	}
	out->sip = sip;
	out->arena = arena;
	out->next = sip->outgoing;
	out->link = &sip->outgoing;
	if (out->next)
		out->next->link = &out->next;
	sip->outgoing = out;
	out->timer = (struct timer){ .fire = on_timer, .context = out };
	out->again = (struct post){ .run = on_again, .context = out };
	sip->figures.client_transactions++;
	if (!take_request(out, request)) {
		drop(out);
		return NULL;
	}
	if (!try_ways(out) && !ask(out))
		loop_post(sip->loop, &out->again);
	return out;
}

void sip_forget(struct sip_outgoing **outgoing)
{
	if (*outgoing)
		(*outgoing)->done = NULL;
	*outgoing = NULL;
}

void sip_clients_free(struct sip *sip)
{
	while (sip->outgoing)
		drop(sip->outgoing);
	table_free(&sip->clients);
	table_free(&sip->lines);
}
