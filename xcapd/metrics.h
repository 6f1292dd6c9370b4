/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process has done, as figures for Prometheus (text format 0.0.4).
 *
 * There is one set for the whole process, like the log. Recording takes no lock and any thread may
 * do it: a few atomic additions. Labels are bounded: methods that we know, usages that were loaded
 * (at most METRICS_USAGES, then "other"), our outcomes.
 */
#ifndef XCAPD_XCAPD_METRICS_H
#define XCAPD_XCAPD_METRICS_H

#include "xcapd/request.h"

enum { METRICS_USAGES = 64 };

/* An answered request. `usage` is the canonical AUID, none when the target named no loaded usage;
 * OUTCOME_NONE: the client went away before its answer. */
void metrics_request(
	enum method method, struct span usage, enum outcome outcome, uint64_t microseconds);

/* One transaction with its sync. */
void metrics_commit(size_t writes, uint64_t microseconds);

void metrics_reload(bool accepted);

/* What is not counted but looked up when somebody asks. */
struct metrics_now {
	struct store_stats store;
	bool store_answers; /* else `store` is left out */
	uint64_t connections, login_failures, time_ms;
};

/* All figures, NUL-terminated, in the arena; none without memory. */
struct span metrics_text(struct arena *arena, const struct metrics_now *now);

#endif
