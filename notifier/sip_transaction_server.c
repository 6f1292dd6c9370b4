/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A transaction: small, as those that were answered stay for Timer J. */
struct server {
	struct table_node node;   /* first: a node is its transaction */
	struct table_node source; /* by what a request keeps on all its ways (RFC 3261 §8.2.2.2) */
	bool sourced;             /* in that table: until it is refused */
	struct sip_incoming *pending; /* NULL once it is answered */
	struct span response;         /* what is given again, by UDP to this address */
	struct sockaddr_in6 address;  /* holds an IPv4 one too */
	socklen_t length;
	size_t listener;
	uint64_t answered_at;
	struct server *answered_next;
	struct span method, key;
	char texts[];
};

/* Lives in its message's arena. */
struct sip_incoming {
	struct sip *sip;
	struct server *server;
	const struct sip_message *message;
	struct sip_flow flow;
	struct hop way_back;
};

bool sip_key(struct sip *sip, const struct sip_message *request, struct sip_key *out)
{
	const struct sip_via *via = &request->via;
	if (span_starts(via->branch, SPAN("z9hG4bK")) && via->branch.size > 7)
		out->text = arena_format(request->arena, "%.*s %u %.*s", SPAN_ARG(via->branch),
			via->port, SPAN_ARG(via->host));
	else
		out->text = arena_format(request->arena, "%.*s %u %.*s %.*s %.*s %u %.*s %.*s",
			SPAN_ARG(via->branch), via->port, SPAN_ARG(via->host),
			SPAN_ARG(request->uri), SPAN_ARG(request->call_id), request->cseq,
			SPAN_ARG(request->from_tag), SPAN_ARG(request->to_tag));
	out->hash = text_hash(sip->secret, out->text);
	out->method = request->method;
	out->source = 0;
	if (out->text.data && !request->to_tag.size && !request->fault) {
		struct span source = arena_format(request->arena, "%.*s %.*s %u %.*s",
			SPAN_ARG(request->from_tag), SPAN_ARG(request->call_id), request->cseq,
			SPAN_ARG(request->method));
		out->source = text_hash(sip->secret, source);
	}
	return out->text.data;
}

static struct server *next_of_key(
	const struct sip *sip, const struct sip_key *key, struct server *after)
{
	struct table_node *node =
		after ? table_again(&after->node) : table_find(&sip->servers, key->hash);
	for (; node; node = table_again(node)) {
		struct server *server = (struct server *)node;
		if (span_equal(server->key, key->text))
			return server;
	}
	return NULL;
}

static void send_response(struct sip *sip, const struct hop *way_back, struct span response)
{
	struct sip_flow flow;
	const char *why = NULL;
	if (transport_send(sip->transport, way_back, response, &flow, &why) == TRANSPORT_SENT)
		sip->figures.responses_out++;
	else
		log_event(LEVEL_DEBUG, "sip", "a response did not leave: %s", why ? why : "");
}

static void send_again(struct sip *sip, const struct server *server)
{
	struct hop hop = { .flow = { .transport = SIP_UDP, .listener = server->listener } };
	memcpy(&hop.flow.address, &server->address, server->length);
	hop.flow.length = server->length;
	send_response(sip, &hop, server->response);
}

bool sip_servers_absorb(struct sip *sip, const struct sip_key *key)
{
	struct server *server = NULL;
	while ((server = next_of_key(sip, key, server))) {
		if (!span_equal(server->method, key->method))
			continue;
		sip->figures.retransmissions_in++;
		if (server->response.data)
			send_again(sip, server);
		return true;
	}
	return false;
}

bool sip_servers_know(const struct sip *sip, const struct sip_key *key)
{
	return next_of_key(sip, key, NULL) != NULL;
}

static void forget_source(struct sip *sip, struct server *server)
{
	if (server->sourced)
		table_remove(&sip->sources, &server->source);
	server->sourced = false;
}

bool sip_servers_merged(const struct sip *sip, const struct sip_key *key)
{
	return key->source && table_find(&sip->sources, key->source);
}

static void drop(struct sip *sip, struct server *server)
{
	forget_source(sip, server);
	struct arena *arena = server->pending ? server->pending->message->arena : NULL;
	arena_free(&arena);
	table_remove(&sip->servers, &server->node);
	sip->kept -= server->response.size;
	free((char *)server->response.data);
	free(server);
}

static void drop_oldest(struct sip *sip)
{
	struct server *oldest = sip->answered_first;
	sip->answered_first = oldest->answered_next;
	if (!sip->answered_first)
		sip->answered_last = NULL;
	drop(sip, oldest);
}

/* Those that were answered at least that long ago. */
static void drop_older(struct sip *sip, uint64_t age)
{
	uint64_t now = loop_now(sip->loop);
	while (sip->answered_first && now - sip->answered_first->answered_at >= age)
		drop_oldest(sip);
}

static void on_timer_j(void *context)
{
	struct sip *sip = context;
	drop_older(sip, SIP_TIMER_J);
	if (sip->answered_first)
		timer_set(sip->loop, &sip->timer_j, sip->answered_first->answered_at + SIP_TIMER_J);
}

void sip_servers_start(struct sip *sip)
{
	sip->timer_j = (struct timer){ .fire = on_timer_j, .context = sip };
}

static bool has_room(struct sip *sip)
{
	if (sip->servers.count < sip->server_most)
		return true;
	if (sip->answered_first
		&& loop_now(sip->loop) - sip->answered_first->answered_at >= SIP_KEEP_LEAST)
		drop_oldest(sip);
	return sip->servers.count < sip->server_most;
}

static struct span keep_text(char **at, struct span text)
{
	struct span kept = { *at, text.size };
	memcpy(*at, text.data, text.size);
	*at += text.size;
	return kept;
}

static struct server *server_new(
	struct sip *sip, const struct sip_key *key, const struct sip_flow *way_back)
{
	struct server *server = calloc(1, sizeof(*server) + key->text.size + key->method.size);
	if (!server)
		return NULL;
	char *at = server->texts;
	server->key = keep_text(&at, key->text);
	server->method = keep_text(&at, key->method);
	server->listener = way_back->listener;
	server->length = way_back->length;
	assert(server->length <= sizeof(server->address));
	memcpy(&server->address, &way_back->address, server->length);
	if (!table_add(&sip->servers, &server->node, key->hash)) {
		free(server);
		return NULL;
	}
	server->sourced = key->source && table_add(&sip->sources, &server->source, key->source);
	return server;
}

struct sip_incoming *sip_servers_take(struct sip *sip, const struct sip_message *request,
	const struct sip_flow *from, const struct sip_key *key)
{
	struct sip_incoming *incoming = arena_zero(request->arena, sizeof(*incoming));
	if (!incoming || !sip_build_way_back(request, from, &incoming->way_back) || !has_room(sip))
		return NULL;
	struct server *server = server_new(sip, key, &incoming->way_back.flow);
	if (!server)
		return NULL;
	server->pending = incoming;
	incoming->sip = sip;
	incoming->server = server;
	incoming->flow = *from;
	incoming->message = request;
	assert(sip->scratch == request->arena);
	sip->scratch = NULL;
	return incoming;
}

const struct sip_message *sip_incoming_message(const struct sip_incoming *incoming)
{
	return incoming->message;
}

const struct sip_flow *sip_incoming_flow(const struct sip_incoming *incoming)
{
	return &incoming->flow;
}

bool sip_incoming_secure(const struct sip_incoming *incoming)
{
	return incoming->flow.transport == SIP_TLS;
}

/* RFC 3261 §12.1.1: our Contact is sips where the request or its first Record-Route is. */
static bool wants_sips(const struct sip_message *request)
{
	struct sip_name_addr route;
	struct span first = sip_header(request, "record-route", 0);
	struct span uri = request->uri;
	if (span_equal_nocase(span_first(uri, 5), SPAN("sips:")))
		return true;
	uri = first.data && sip_name_addr(first, &route) ? route.uri : request->contact_uri;
	return span_equal_nocase(span_first(uri, 5), SPAN("sips:"));
}

/* By UDP the request may come again: the answer is kept for Timer J, the request is not. */
static void keep_answer(struct sip *sip, struct server *server, struct span response)
{
	struct arena *arena = server->pending->message->arena;
	char *kept = malloc(response.size);
	if (!kept) {
		drop(sip, server);
		return;
	}
	memcpy(kept, response.data, response.size);
	server->response = (struct span){ kept, response.size };
	server->pending = NULL;
	arena_free(&arena);
	server->answered_at = loop_now(sip->loop);
	if (sip->answered_last)
		sip->answered_last->answered_next = server;
	else
		sip->answered_first = server;
	sip->answered_last = server;
	if (!timer_is_set(&sip->timer_j))
		timer_set(sip->loop, &sip->timer_j, server->answered_at + SIP_TIMER_J);
	sip->kept += response.size;
	while (sip->kept > SIP_KEPT_MOST)
		drop_oldest(sip);
}

void sip_answer(struct sip_incoming *incoming, const struct sip_answer *answer)
{
	struct sip *sip = incoming->sip;
	const struct sip_message *request = incoming->message;
	struct span contact = { NULL, 0 };
	assert(incoming->server->pending == incoming); /* answered once */
	if (answer->contact) {
		struct span us = sip_build_sent_by(sip, request->arena, &incoming->flow);
		contact = sip_build_contact(
			request->arena, us, incoming->flow.transport, wants_sips(request));
	}
	struct span response =
		sip_build_response(request->arena, request, &incoming->flow, answer, contact);
	if (answer->status >= 300)
		forget_source(sip, incoming->server);
	if (response.data)
		send_response(sip, &incoming->way_back, response);
	bool brief = answer->status < 300 || response.size <= SIP_REFUSAL_MOST;
	if (response.data && brief && incoming->flow.transport == SIP_UDP)
		keep_answer(sip, incoming->server, response);
	else
		drop(sip, incoming->server);
}

void sip_servers_free(struct sip *sip)
{
	size_t place = 0;
	timer_stop(sip->loop, &sip->timer_j);
	for (struct table_node *node; (node = table_any(&sip->servers, &place));)
		drop(sip, (struct server *)node);
	table_free(&sip->servers);
	table_free(&sip->sources);
}
