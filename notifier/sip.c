/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip.h"
#include "notifier/sip_build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A batch of the system's random octets; what was used is wiped. */
static _Thread_local struct {
	unsigned char octets[4096];
	size_t left;
} batch;

static void refill(void)
{
	size_t size = 0;
	while (size < sizeof(batch.octets)) {
		ssize_t got = getrandom(batch.octets + size, sizeof(batch.octets) - size, 0);
		if (got > 0)
			size += (size_t)got;
	}
	batch.left = sizeof(batch.octets);
}

void sip_random(void *out, size_t size)
{
	if (batch.left < size)
		refill();
	batch.left -= size;
	memcpy(out, batch.octets + batch.left, size);
	memset(batch.octets + batch.left, 0, size);
}

void sip_token(char out[SIP_TOKEN + 1])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char octets[SIP_TOKEN];
	sip_random(octets, sizeof(octets));
	for (size_t i = 0; i < SIP_TOKEN; i++)
		out[i] = digits[octets[i] & 63];
	out[SIP_TOKEN] = '\0';
}

static void response_received(struct sip *sip, const struct sip_message *response)
{
	struct span second = sip_header(response, "via", 1);
	if (!response->via.host.data || !response->cseq_method.data || response->truncated
		|| second.data) {
		sip->figures.malformed++;
		return;
	}
	sip->figures.responses_in++;
	sip_clients_response(sip, response);
}

static void on_message(void *context, const struct sip_flow *from, struct span octets)
{
	enum { SCRATCH = 8192 };
	struct sip *sip = context;
	if (!sip->scratch)
		sip->scratch = arena_new(SCRATCH);
	if (!sip->scratch)
		return;
	struct sip_message *message = NULL;
	if (octets.size <= sip->settings->limits.sip_message)
		message = sip_message_read(sip->scratch, octets, from->transport == SIP_UDP);
	if (!message)
		sip->figures.malformed++;
	else if (message->status)
		response_received(sip, message);
	else
		sip_request_received(sip, message, from);
	if (sip->scratch)
		arena_reset(sip->scratch);
}

static void on_closed(void *context, uint64_t connection, const char *why)
{
	sip_clients_closed(context, connection, why);
}

static bool start(struct sip *sip, FILE *problems)
{
	const struct transport_events events = {
		.message = on_message, .closed = on_closed, .context = sip
	};
	if (!resolver_new(&sip->resolver, sip->loop)) {
		fprintf(problems, "DNS: the resolver cannot be set up\n");
		return false;
	}
	return transport_new(&sip->transport, sip->loop, sip->settings, &events, problems);
}

bool sip_new(struct sip **out, struct loop *loop, const struct settings *settings,
	const struct sip_events *events, FILE *problems)
{
	struct sip *sip = calloc(1, sizeof(*sip));
	*out = NULL;
	if (!sip) {
		fprintf(problems, "no memory\n");
		return false;
	}
	sip->loop = loop;
	sip->settings = settings;
	sip->server_most = SIP_SERVER_MOST;
	sip_random(&sip->secret, sizeof(sip->secret));
	sip_servers_start(sip);
	if (events)
		sip->events = *events;
	if (!start(sip, problems)) {
		sip_free(&sip);
		return false;
	}
	*out = sip;
	return true;
}

void sip_free(struct sip **sip)
{
	if (!*sip)
		return;
	sip_clients_free(*sip);
	sip_servers_free(*sip);
	if ((*sip)->transport)
		transport_free(&(*sip)->transport);
	if ((*sip)->resolver)
		resolver_free(&(*sip)->resolver);
	arena_free(&(*sip)->scratch);
	free(*sip);
	*sip = NULL;
}

bool sip_reload(struct sip *sip, const struct settings *settings, FILE *problems)
{
	if (!transport_reload(sip->transport, settings, problems))
		return false;
	sip->settings = settings;
	return true;
}

void sip_figures(const struct sip *sip, struct sip_figures *out)
{
	*out = sip->figures;
	out->connections = transport_connections(sip->transport);
	out->server_transactions = sip->servers.count;
}
