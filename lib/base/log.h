/* SPDX-License-Identifier: BSD-2-Clause */
/* One line an event, to stderr: for people (`text`) or programs (`json`).
 *
 * Any thread may call. Events are written at once. Access lines are collected per thread and
 * written by log_flush, which a daemon calls at least every 100 ms and at its end. Values are
 * escaped so that a line stays one line. Document contents and credentials are never given to the
 * log.
 */
#ifndef XCAPD_BASE_LOG_H
#define XCAPD_BASE_LOG_H

#include "base/text.h"

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Before threads start, and again on reload. */
void log_setup(enum log_level least, enum log_format format);

/* `label` names the part that speaks ("http", "store", "usages", ..). */
void log_event(enum log_level level, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool log_wants(enum log_level level);

/* What is said of one answered request. None-spans are left out. */
struct access {
	struct span id;   /* request id */
	struct span peer; /* address */
	struct span who;
	struct span method;
	struct span target; /* as on the request line */
	unsigned status;
	uint64_t octets; /* of the answer's body */
	uint64_t microseconds;
	struct span why; /* of a refusal */
};

void log_access(const struct access *access);
void log_flush(void);

#endif
