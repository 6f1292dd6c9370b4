/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip_transport_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT = MESSAGE_MOST + 1, ROUNDS = 4, KEEPALIVE_MOST = 4 };

struct udp_batch {
	struct mmsghdr headers[UDP_BATCH];
	struct iovec pieces[UDP_BATCH];
	struct sockaddr_storage from[UDP_BATCH];
	char octets[UDP_BATCH][SLOT];
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *batch = malloc(sizeof(*batch));
	if (!batch)
		return NULL;
	memset(batch->headers, 0, sizeof(batch->headers));
	for (size_t i = 0; i < UDP_BATCH; i++) {
		batch->pieces[i] = (struct iovec){ batch->octets[i], SLOT };
		batch->headers[i].msg_hdr.msg_name = &batch->from[i];
		batch->headers[i].msg_hdr.msg_iov = &batch->pieces[i];
		batch->headers[i].msg_hdr.msg_iovlen = 1;
	}
	return batch;
}

void udp_batch_free(struct udp_batch **batch)
{
	free(*batch);
	*batch = NULL;
}

/* What is no message but keeps a NAT's binding alive: line ends, a few octets (RFC 5626 §3.5). */
static struct span without_keepalive(struct span octets)
{
	size_t blank = 0;
	while (blank < octets.size && (octets.data[blank] == '\r' || octets.data[blank] == '\n'))
		blank++;
	octets = span_from(octets, blank);
	return octets.size > KEEPALIVE_MOST ? octets : span_first(octets, 0);
}

static void deliver(struct listener *listener, const struct mmsghdr *header)
{
	struct transport *transport = listener->transport;
	const struct iovec *piece = header->msg_hdr.msg_iov;
	struct span octets = { piece->iov_base, header->msg_len };
	struct sip_flow flow = { .transport = SIP_UDP,
		.length = header->msg_hdr.msg_namelen,
		.listener = listener->index };
	if (octets.size > transport->settings->limits.sip_message)
		return;
	octets = without_keepalive(octets);
	memcpy(&flow.address, header->msg_hdr.msg_name, flow.length);
	if (octets.size)
		transport->events.message(transport->events.context, &flow, octets);
}

static size_t receive(struct listener *listener, struct udp_batch *batch)
{
	for (size_t i = 0; i < UDP_BATCH; i++)
		batch->headers[i].msg_hdr.msg_namelen = sizeof(batch->from[i]);
	int count = recvmmsg(listener->watch.fd, batch->headers, UDP_BATCH, MSG_DONTWAIT, NULL);
	return count < 0 ? 0 : (size_t)count;
}

void udp_ready(void *context, uint32_t events)
{
	struct listener *listener = context;
	struct transport *transport = listener->transport;
	size_t count = UDP_BATCH;
	(void)events;
	transport_enter(transport);
	for (size_t round = 0; round < ROUNDS && count == UDP_BATCH && !transport->dead; round++) {
		count = receive(listener, transport->batch);
		for (size_t i = 0; i < count && !transport->dead; i++)
			deliver(listener, &transport->batch->headers[i]);
	}
	transport_leave(transport);
}

/* What is no room in the socket's buffer is a datagram lost: it is sent again. An error told of an
 * earlier datagram is taken off by the first try. */
static int send_by(const struct listener *listener, const struct hop *to, struct span octets)
{
	for (int i = 0; i < 2; i++) {
		ssize_t sent = sendto(listener->watch.fd, octets.data, octets.size, MSG_DONTWAIT,
			CONST_SOCKADDR(&to->flow.address), to->flow.length);
		if (sent >= 0 || errno == EAGAIN || errno == ENOBUFS)
			return 0;
		if (errno != ECONNREFUSED && errno != EINTR)
			break;
	}
	return errno;
}

/* Requests go to one host each, whatever a Contact or a Route says. */
static bool is_multicast(const struct sockaddr_storage *address)
{
	const struct in6_addr octets = address_octets(address);
	return IN6_IS_ADDR_V4MAPPED(&octets) ? octets.s6_addr[12] >> 4 == 14
					     : IN6_IS_ADDR_MULTICAST(&octets);
}

enum transport_result udp_send(struct transport *transport, const struct hop *to,
	struct span octets, struct sip_flow *flow_out, const char **why_out)
{
	const struct sockaddr_storage *address = &to->flow.address;
	struct listener *listener = listener_for(transport, SIP_UDP, address, to->flow.listener);
	if (!listener || is_multicast(address)) {
		*why_out = listener ? "a multicast address"
				    : "no UDP listener for that kind of address";
		return TRANSPORT_REFUSED;
	}
	int error = send_by(listener, to, octets);
	if (error && error != EMSGSIZE) {
		listener = listener_for(transport, SIP_UDP, address, SIZE_MAX);
		if (listener->index != to->flow.listener)
			error = send_by(listener, to, octets);
	}
	if (error) {
		*why_out = error_text(error);
		return TRANSPORT_REFUSED;
	}
	*flow_out = to->flow;
	flow_out->connection = 0;
	flow_out->listener = listener->index;
	return TRANSPORT_SENT;
}
