/* SPDX-License-Identifier: BSD-2-Clause */
/* `users.tsv` of an export: a line a user, three columns with a tab between them:
 *
 *   XUI      percent-encoded like a file name
 *   role     user, reader or admin
 *   digests  one blank between them, each ALGORITHM:REALM:LOGIN:HA1, REALM and LOGIN
 *            percent-encoded, also ':' in them, HA1 in hex (RFC 7616 §3.4.2); may be empty
 *
 * An empty line or one that begins with '#' counts for nothing. Pure text.
 */
#ifndef XCAPD_XCAPCTL_PEOPLE_H
#define XCAPD_XCAPCTL_PEOPLE_H

#include "xcap/principal.h"

/* With the line's end. Look at the buffer's `failed`. */
void person_write(struct buffer *out, const struct user *user);

/* One line, without its end. NULL: *out is in the arena; otherwise what is wrong with it. The name
 * is as it stands there: whether it is canonical is for the caller to see. */
const char *person_read(struct arena *arena, struct span line, struct user *out);

#endif
