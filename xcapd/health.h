/* SPDX-License-Identifier: BSD-2-Clause */
/* What the admin listener answers: /healthz (the process lives), /readyz (the store answers and
 * usages are loaded), /metrics (figures for Prometheus). Any thread. */
#ifndef XCAPD_XCAPD_HEALTH_H
#define XCAPD_XCAPD_HEALTH_H

#include "xcapd/server.h"

struct health {
	unsigned status;
	const char *type;
	struct span text; /* static, or in the arena; none without memory */
};

/* `connections`: how many are open. */
struct health health_answer(
	struct server *server, struct arena *arena, struct span path, size_t connections);

#endif
