/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { UDP_BUFFER = 4 * 1024 * 1024, BACKLOG = 1024 };

/* "udp:127.0.0.1:5070", as lib/base has checked it. */
static bool parse(struct listener *listener, struct span text)
{
	static const struct span kinds[] = {
		[SIP_UDP] = { "udp:", 4 }, [SIP_TCP] = { "tcp:", 4 }, [SIP_TLS] = { "tls:", 4 }
	};
	uint64_t port;
	for (listener->kind = SIP_UDP; !span_starts(text, kinds[listener->kind]); listener->kind++)
		if (listener->kind == SIP_TLS)
			return false;
	struct span host = span_from(text, 4), figures = host;
	while (span_find(figures, ':', NULL))
		span_cut(&figures, ':');
	if (figures.size + 1 >= host.size || !parse_u64(figures, &port) || port > UINT16_MAX)
		return false;
	host.size -= figures.size + 1;
	if (span_starts(host, SPAN("[")) && span_ends(host, SPAN("]")))
		host = span_from(span_first(host, host.size - 1), 1);
	if (!address_parse(host, &listener->address, &listener->length))
		return false;
	address_set_port(&listener->address, (unsigned)port);
	listener->wildcard = address_is_wildcard(&listener->address);
	return true;
}

static void set_options(const struct listener *listener, int fd)
{
	int yes = 1, room = UDP_BUFFER;
	if (listener->address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (listener->kind != SIP_UDP) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		return;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

static void accept_again(void *context)
{
	struct listener *listener = context;
	if (!loop_watch(listener->transport->loop, &listener->watch, EPOLLIN))
		timer_set(listener->transport->loop, &listener->rest,
			loop_now(listener->transport->loop) + ACCEPT_REST_MS);
}

static bool open_one(struct listener *listener)
{
	bool udp = listener->kind == SIP_UDP;
	int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(listener->address.ss_family, type, 0);
	listener->watch = (struct watch){ fd, udp ? udp_ready : stream_accept, listener, false };
	listener->rest = (struct timer){ .fire = accept_again, .context = listener };
	if (fd < 0)
		return false;
	set_options(listener, fd);
	return bind(fd, SOCKADDR(&listener->address), listener->length) == 0
	       && getsockname(fd, SOCKADDR(&listener->address), &listener->length) == 0
	       && (udp || listen(fd, BACKLOG) == 0)
	       && loop_watch(listener->transport->loop, &listener->watch, EPOLLIN);
}

bool listeners_open(struct transport *transport, FILE *problems)
{
	const struct span_list *texts = &transport->settings->notifier.listen;
	bool good = true;
	transport->listeners = calloc(texts->count + 1, sizeof(*transport->listeners));
	if (!transport->listeners) {
		fprintf(problems, "notifier.listen: out of memory\n");
		return false;
	}
	for (size_t i = 0; i < texts->count; i++) {
		struct listener *listener = &transport->listeners[i];
		struct span text = texts->items[i];
		*listener = (struct listener){
			.transport = transport, .index = i, .watch = { .fd = -1 }
		};
		transport->listener_count++;
		if (!parse(listener, text))
			fprintf(problems, "notifier.listen: %.*s: not TRANSPORT:ADDR:PORT\n",
				SPAN_ARG(text));
		else if (!open_one(listener))
			fprintf(problems, "notifier.listen: %.*s: %s\n", SPAN_ARG(text),
				error_text(errno));
		else
			continue;
		good = false;
	}
	return good;
}

void listeners_close(struct transport *transport)
{
	for (size_t i = 0; i < transport->listener_count; i++) {
		struct listener *listener = &transport->listeners[i];
		if (listener->watch.fd < 0)
			continue;
		loop_unwatch(transport->loop, &listener->watch);
		timer_stop(transport->loop, &listener->rest);
		close(listener->watch.fd);
	}
	free(transport->listeners);
	transport->listeners = NULL;
	transport->listener_count = 0;
}

static bool ask_system(const struct sockaddr_storage *to, struct sockaddr_storage *out)
{
	struct sockaddr_storage target = *to;
	socklen_t length = sizeof(*out);
	int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (!address_port(&target))
		address_set_port(&target, 5060);
	bool good = connect(fd, SOCKADDR(&target),
			    target.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
							 : sizeof(struct sockaddr_in))
			    == 0
		    && getsockname(fd, SOCKADDR(out), &length) == 0;
	close(fd);
	return good;
}

bool route_from(struct transport *transport, const struct sockaddr_storage *to,
	struct sockaddr_storage *out)
{
	struct in6_addr octets = address_octets(to);
	struct route *route =
		&transport->routes[(octets.s6_addr[15] ^ octets.s6_addr[14]) % ROUTES];
	uint64_t now = loop_now(transport->loop);
	if (route->until <= now || !address_same_host(&route->to, to)) {
		route->until = 0;
		if (!ask_system(to, &route->from))
			return false;
		route->to = *to;
		route->until = now + ROUTE_MS;
	}
	*out = route->from;
	return true;
}

/* One that is bound to the address which the system would send from, else a wildcard one, else
 * any. */
static struct listener *best(struct transport *transport, enum sip_transport kind,
	const struct sockaddr_storage *to, const struct sockaddr_storage *from)
{
	struct listener *found = NULL;
	for (size_t i = 0; i < transport->listener_count; i++) {
		struct listener *listener = &transport->listeners[i];
		if (listener->kind != kind || listener->address.ss_family != to->ss_family)
			continue;
		if (from && address_same_host(&listener->address, from))
			return listener;
		if (!found || (listener->wildcard && !found->wildcard))
			found = listener;
	}
	return found;
}

struct listener *listener_for(struct transport *transport, enum sip_transport kind,
	const struct sockaddr_storage *to, size_t wanted)
{
	struct sockaddr_storage from;
	size_t fitting = 0;
	if (wanted < transport->listener_count && transport->listeners[wanted].kind == kind
		&& transport->listeners[wanted].address.ss_family == to->ss_family)
		return &transport->listeners[wanted];
	for (size_t i = 0; i < transport->listener_count; i++)
		fitting += transport->listeners[i].kind == kind;
	bool ask = fitting > 1 && route_from(transport, to, &from);
	return best(transport, kind, to, ask ? &from : NULL);
}
