/* SPDX-License-Identifier: BSD-2-Clause */
/* What the admin listener answers: /healthz (the process lives), /readyz (the store answers and
 * usages are loaded). Any thread. */
#ifndef XCAPD_XCAPD_HEALTH_H
#define XCAPD_XCAPD_HEALTH_H

#include "xcapd/server.h"

struct health {
	unsigned status;
	const char *text; /* one line, static */
};

struct health health_answer(struct server *server, struct span path);

#endif
