/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS of the public listeners (http.tls-certificate, tls-key, tls-client-ca): 1.2 and 1.3 with
 * authenticated encryption and forward secrecy only (RFC 9325 §4.2).
 *
 * A struct tls is one certificate with its key and the authorities of client certificates. It never
 * changes and is counted: a reload makes another one for connections to come, those that are open
 * keep theirs, and the last one frees it. Any thread.
 *
 * A client certificate is asked for when there is an authority; one that is sent is verified, and a
 * bad one ends the handshake. It names nobody: who asks is still told by a login.
 */
#ifndef XCAPD_XCAPD_TLS_H
#define XCAPD_XCAPD_TLS_H

#include "base/settings.h"

struct tls; /* opaque */

/* What GnuTLS may negotiate. */
extern const char tls_priority[];

/* Reads the files of the settings; *out is NULL when there is no certificate in them. False: what
 * is wrong was told to `problems`, a line each, with the file's name. */
bool tls_load(struct tls **out, const struct settings *settings, FILE *problems);
struct tls *tls_hold(struct tls *tls); /* NULL stays NULL */
void tls_release(struct tls *tls);

/* Before the handshake; `session` is GnuTLS's, and borrows `tls` until its end. */
bool tls_attach(struct tls *tls, void *session);

/* The address of a gnutls_certificate_retrieve_function3 that has none: for a session that nothing
 * was attached to. */
void *tls_no_certificate(void);

#endif
