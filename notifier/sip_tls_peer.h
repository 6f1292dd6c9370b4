/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose certificate is it? RFC 5922 §7.1, §7.2, with iPAddress names (RFC 5280 §4.2.1.6) for peers
 * that are known by a literal address. For sip_tls.c and its tests. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_SIP_TLS_PEER_H
#define XCAPD_NOTIFIER_SIP_TLS_PEER_H

#include "base/text.h"

/* After a client's handshake (`session` is GnuTLS's): why its peer is not believed to be `name`
 * (NULL: any name will do); NULL if it is. The text is static. */
const char *peer_refused(void *session, const char *name);

/* Does a certificate (`certificate` is GnuTLS's) name that host? */
bool peer_is_named(void *certificate, struct span name);

bool peer_name_is_address(const char *name);

#endif
