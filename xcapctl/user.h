/* SPDX-License-Identifier: BSD-2-Clause */
/* What user.c and import.c share: names, realms and passwords of users. One thread. */
#ifndef XCAPD_XCAPCTL_USER_H
#define XCAPD_XCAPCTL_USER_H

#include "xcapctl/command.h"

enum { PASSWORD_MAX = 255 };

/* The name a user of that role is kept under: a canonical XUI; for a reader or admin also a bare
 * name as it was typed. False when it is none. */
bool user_name(struct run *run, struct span typed, enum role role, struct span *out);

/* The realms that a user gets hashes for: the domains served, and auth.realm. `out` is in the
 * arena. False without memory. */
bool user_realms(struct run *run, struct span_list *out);
bool user_is_served(const struct span_list *realms, struct span name);

/* Names that would log in by the same bare name as this one: sip:NAME@REALM for each realm, or the
 * bare NAME. Returns how many were put into `out`, which lives in the arena; -1 without memory. */
int user_rivals(struct arena *arena, const struct span_list *realms, struct span name,
	const struct span **out);

/* One line of stdin, or typed twice at a terminal without echo. Complains unless EXIT_WELL. */
enum exit_status password_read(struct run *run, struct span *out);

#endif
