/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 and IPv6 socket addresses. For sip_transport*.c and sip_resolve*.c. Any thread. */
#ifndef XCAPD_NOTIFIER_SIP_TRANSPORT_ADDRESS_H
#define XCAPD_NOTIFIER_SIP_TRANSPORT_ADDRESS_H

#include "base/text.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define SOCKADDR(storage) ((struct sockaddr *)(void *)(storage))
#define CONST_SOCKADDR(storage) ((const struct sockaddr *)(const void *)(storage))

unsigned address_port(const struct sockaddr_storage *address);
void address_set_port(struct sockaddr_storage *address, unsigned port);
bool address_is_wildcard(const struct sockaddr_storage *address);
/* ::ffff:a.b.c.d for IPv4. */
struct in6_addr address_octets(const struct sockaddr_storage *address);
bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
bool address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* A literal address without brackets and port. */
bool address_parse(struct span host, struct sockaddr_storage *out, socklen_t *length_out);
/* "127.0.0.1:5070", "[::1]:5070". */
enum { ADDRESS_TEXT_MOST = 64 };
void address_print(const struct sockaddr_storage *address, char out[ADDRESS_TEXT_MOST]);
struct span address_text(struct arena *arena, const struct sockaddr_storage *address);
const char *error_text(int error); /* of errno; static */

#endif
