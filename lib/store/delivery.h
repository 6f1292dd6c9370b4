/* SPDX-License-Identifier: BSD-2-Clause */
/* What xcap-notifier keeps for each target in kv.h's tables, as rows: written by the notifier, read
 * by it and by `xcapctl feed status`. Encoding and decoding only; versions of the layout are told
 * apart by the first octet. Any thread.
 *
 *   table "targets":  NAME                       -> struct delivery_mark
 *   table "pending":  NAME 0 OWNER 0 FROM(8, BE) -> struct delivery_change, of owners who wait
 */
#ifndef XCAPD_STORE_DELIVERY_H
#define XCAPD_STORE_DELIVERY_H

#include "store/kv.h"

#define DELIVERY_TARGETS "targets"
#define DELIVERY_PENDING "pending"

enum delivery_phase { DELIVERY_FOLLOWS, DELIVERY_RESYNC };

/* What a resync tells, in this order. */
enum delivery_stage {
	DELIVERY_DOCUMENTS, /* that are */
	DELIVERY_DELETED,   /* of which former versions are kept */
	DELIVERY_REMOVALS,  /* of which only the feed's row is left */
};

struct delivery_mark {
	uint64_t generation;  /* of the store: another one asks for a resync */
	uint64_t fingerprint; /* of the target's settings: another server, or other usages, ask for
				 a resync too */
	enum delivery_phase phase;
	uint64_t position; /* everything up to here is confirmed, or pending; in a resync: the
			      number that it brings the target to */
	/* in a resync: */
	uint64_t since;            /* what is not younger was told before */
	enum delivery_stage stage; /* which it is at */
	struct doc_id resynced;    /* everything up to and with this document, in this stage; auid
				      none: nothing yet */
	/* always: */
	uint64_t parked;     /* owners */
	uint64_t time;       /* when this was written */
	uint64_t error_time; /* 0: no error so far */
	struct span error;   /* the last one */
	bool away;           /* nobody answers there */
};

/* One unsent or unconfirmed change: all of a document's rows from `from` to `to`, merged. */
struct delivery_change {
	struct doc_id id;
	uint64_t from, to;          /* numbers of the feed */
	uint64_t time;              /* of the first of them */
	struct etag previous, etag; /* number 0: there was none, it is removed */
	bool left;                  /* may have left already: to be repeated exactly so */
	unsigned tries;
	struct span error; /* of the last try */
};

/* None without memory. */
struct span delivery_mark_encode(struct arena *arena, const struct delivery_mark *mark);
/* What is decoded points into the value. False: it is none. */
bool delivery_mark_decode(struct span value, struct delivery_mark *out);
/* Such keys fit a kv pair: the longest name of a target is DELIVERY_NAME_MAX. */
enum { DELIVERY_NAME_MAX = 100 };
struct span delivery_key(struct arena *arena, struct span target, struct span owner, uint64_t from);
bool delivery_key_parse(
	struct span key, struct span *target_out, struct span *owner_out, uint64_t *from_out);
struct span delivery_change_encode(struct arena *arena, const struct delivery_change *change);
bool delivery_change_decode(struct span value, struct delivery_change *out);

#endif
