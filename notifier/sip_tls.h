/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS on a connected, non-blocking socket: 1.2 and 1.3 (RFC 9325), server and client. For
 * sip_transport*.c alone. The loop's thread.
 *
 * Keys are notifier.tls-certificate with tls-key (shown by the server, and by the client when
 * asked) and the authorities of notifier.tls-ca, else the system's. They never change and are
 * counted: after a reload a session keeps those it began with.
 *
 * Who the peer of a client session is goes by RFC 5922 §7: sip: URIs in subjectAltName, else DNS
 * names there, without wildcards; iPAddress for literal addresses.
 */
#ifndef XCAPD_NOTIFIER_SIP_TLS_H
#define XCAPD_NOTIFIER_SIP_TLS_H

#include "base/settings.h"

#include <stdio.h>

struct sip_tls_keys; /* opaque */
struct sip_tls;      /* opaque: one session */

/* False: what is wrong was told to `problems`, a line each. */
bool sip_tls_keys_load(struct sip_tls_keys **out, const struct settings *settings, FILE *problems);
void sip_tls_keys_release(struct sip_tls_keys **keys);

enum sip_tls_result {
	SIP_TLS_DONE,
	SIP_TLS_WAIT_IN,  /* go on when there is something to read */
	SIP_TLS_WAIT_OUT, /* go on when something can be written */
	SIP_TLS_END,      /* the peer has said that this is all */
	SIP_TLS_FAILED,   /* sip_tls_why */
};

/* The fd stays the caller's. NULL without memory. */
struct sip_tls *sip_tls_accept(struct sip_tls_keys *keys, int fd);
/* `name`, NUL-terminated: whose certificate it has to be; NULL: not checked by name, nor asked for.
 * It is copied. */
struct sip_tls *sip_tls_connect(struct sip_tls_keys *keys, int fd, const char *name, bool verify);
/* Says goodbye if that is possible at once. NULL inside is fine. */
void sip_tls_end(struct sip_tls **tls);

enum sip_tls_result sip_tls_handshake(struct sip_tls *tls);
/* One piece. DONE: *size_out octets, at least one. */
enum sip_tls_result sip_tls_read(struct sip_tls *tls, char *data, size_t room, size_t *size_out);
bool sip_tls_pending(const struct sip_tls *tls); /* more can be read without the socket */
/* DONE: *size_out octets left. After WAIT the same octets have to come again, more may follow. */
enum sip_tls_result sip_tls_write(
	struct sip_tls *tls, const char *data, size_t size, size_t *size_out);
const char *sip_tls_why(const struct sip_tls *tls); /* static */

#endif
