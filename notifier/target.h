/* SPDX-License-Identifier: BSD-2-Clause */
/* The presence servers that are told of changes: each follows the feed at its own pace, in order
 * for each owner's documents, merged where nothing has left yet, again until it is confirmed
 * (CONTRACT: Targets, Merging, Failure; ARCHITECTURE: notifier). The loop's thread.
 *
 * Memory is bounded whatever the feed holds: an owner whose message fails is parked in the store
 * (store/delivery.h) with all that waits behind it, and the feed goes on.
 */
#ifndef XCAPD_NOTIFIER_TARGET_H
#define XCAPD_NOTIFIER_TARGET_H

#include "notifier/notifier.h"

bool targets_new(struct targets **out, struct notifier *notifier, FILE *problems);
/* Says in the store where each target is. What is on its way is given `grace_ms` to be answered by
 * targets_drain before. */
void targets_free(struct targets **targets);
/* Begins nothing new; `done` is called when nothing is on its way any more. */
void targets_drain(struct targets *targets, void (*done)(void *context), void *context);
/* The notifier's settings were replaced. False: problems were told, nothing has changed. */
bool targets_reload(struct targets *targets, FILE *problems);

struct target_figures {
	struct span name;
	uint64_t position, newest; /* of the feed: told up to here, and where it ends */
	uint64_t lag_ms;           /* age of the oldest change that is not confirmed; 0: none */
	uint64_t parked;           /* owners who wait for another try */
	uint64_t in_flight, told, failed;
	struct span last_error; /* empty: none since the last success of that owner */
	uint64_t latency_us_sum, latency_count; /* commit to confirmation */
};

size_t targets_count(const struct targets *targets);
void targets_figures(const struct targets *targets, size_t index, struct target_figures *out);

#endif
