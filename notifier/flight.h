/* SPDX-License-Identifier: BSD-2-Clause */
/* What is on its way, in memory that outlives the process: a small file mapped into memory, of
 * records that are written before a message leaves and need no sync. After SIGKILL the next process
 * finds exactly what this one had sent; after a crash of the machine (another boot id) or under
 * another generation of the store it finds nothing, and `lost` says so.
 *
 * The loop's thread. Records are of 64 octets and of the caller's meaning; `kind` 0 is a free one.
 */
#ifndef XCAPD_NOTIFIER_FLIGHT_H
#define XCAPD_NOTIFIER_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flight; /* opaque */

struct flight_record {
	uint32_t kind;     /* enum flight_kind; 0: free */
	uint32_t state;    /* of the kind */
	uint64_t owner;    /* a hash of the target's name, or a subscription's key */
	uint64_t from, to; /* numbers of the feed */
	uint64_t extra[4];
};

enum flight_kind { FLIGHT_FREE, FLIGHT_TELLING, FLIGHT_SUBSCRIPTION };

/* Opens or makes `path`; grows it when it is full. *lost_out: what was on its way in the former
 * process is not known (first start, machine crashed, another generation), though something may
 * have been. False: errno. */
bool flight_open(struct flight **out, const char *path, uint64_t generation, bool *lost_out);
/* `clean`: the state in the store says everything; the next flight_open finds no records and
 * `lost` is false. */
void flight_close(struct flight **flight, bool clean);

/* For the start: calls visit for every record that is not free; false from it frees the record. */
void flight_visit(struct flight *flight,
	bool (*visit)(void *context, size_t place, const struct flight_record *record),
	void *context);

/* Takes a free record and fills it in; 0: no room (no memory, disk full): the caller goes on
 * without. Places are 1, 2, .. */
size_t flight_take(struct flight *flight, const struct flight_record *record);
/* Overwrites it: what a killed process leaves is the former or the new one. place 0: nothing. */
void flight_set(struct flight *flight, size_t place, const struct flight_record *record);
void flight_release(struct flight *flight, size_t place);

#endif
