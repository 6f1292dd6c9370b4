/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents, users, the change feed and former versions.
 *
 * An engine (LMDB) stands behind it, and no transaction of that engine is ever seen here: what is
 * read is copied into the caller's arena. Any thread may call; several processes may have the same
 * store open. Open it once per process, after any fork. Times are milliseconds since 1970.
 */
#ifndef XCAPD_STORE_STORE_H
#define XCAPD_STORE_STORE_H

#include "xcap/claim.h"
#include "xcap/etag.h"
#include "xcap/principal.h"
#include "xcap/uri.h"

#include <stdio.h>

struct store; /* opaque */
struct settings;

enum store_result {
	STORE_OK,
	STORE_ABSENT,   /* no such document, user or version */
	STORE_STALE,    /* the write's conditions do not hold: 412 */
	STORE_MOVED,    /* the document is not the version that the body was computed from: prepare
			   again */
	STORE_CROWDED,  /* the owner has as many documents as allowed */
	STORE_TAKEN,    /* a claimed value belongs to another document, or to a user */
	STORE_FULL,     /* no room in the map or on the disk */
	STORE_UNUSABLE, /* store_open only: unreadable, foreign, or of a newer format;
			   store_problem() says why */
	STORE_FAILED,   /* the engine failed (I/O error, no memory); store_problem() says what */
};

struct store_settings {
	const char *path;  /* a folder; made (0700) when absent and `create` */
	uint64_t max_size; /* of the map, octets */
	bool sync;         /* false gives up durability: tests only */
	bool create;
	unsigned history_versions; /* former versions kept of each document */
	uint64_t feed_keep_ms;
};

/* What a configuration says, with its path (which it must outlive); `create` is false. */
struct store_settings store_settings_of(const struct settings *settings);

enum store_result store_open(struct store **out, const struct store_settings *settings);
void store_close(struct store **store); /* leaves NULL behind */

/* What was wrong with this thread's last call, for people: never NULL, valid until its next call.
 */
const char *store_problem(void);

/* The engine failed in a way that only another start can mend: a daemon ends with status 1. */
bool store_broken(const struct store *store);

/* Renewed when a store is made or restored; never 0. */
uint64_t store_generation(const struct store *store);

/* A cheap proof that the store answers: reads its own header. */
enum store_result store_probe(struct store *store);

/* --- documents --- */

struct snapshot {
	struct etag etag;
	uint64_t time;
	size_t size;
	struct span body; /* in the arena; none when only the head was asked for */
};

enum store_want { STORE_HEAD, STORE_BODY };

enum store_result store_read(struct store *store, struct arena *arena, const struct doc_id *id,
	enum store_want want, struct snapshot *out);
/* With the body when it has at most `most` octets, else the head alone. */
enum store_result store_read_small(struct store *store, struct arena *arena,
	const struct doc_id *id, size_t most, struct snapshot *out);

enum change_what { CHANGE_DOCUMENT, CHANGE_ELEMENT, CHANGE_ATTRIBUTE };

/* The feed's row of a write. */
struct change {
	enum change_what what;
	struct span
		selector; /* of an element or attribute, percent-decoded; empty for a document */
	struct bindings bindings;
	struct span component; /* the element's or attribute's octets that were put; empty for a
				  document */
	struct span who;       /* principal's name */
	struct span request;   /* request id */
};

/* A prepared write: what to change, and what must still be true when it is changed. The caller owns
 * it and all that it borrows until store_apply returns. */
struct write {
	struct doc_id id;
	bool remove;                         /* DELETE of the document */
	struct span body;                    /* the whole new document, unless remove */
	const struct conditions *conditions; /* NULL: none */
	bool computed;                       /* body was computed from one version: */
	struct etag computed_from;           /* .. this one (number 0: from its absence) */
	const struct write
		*after; /* .. or the one that this earlier write makes; NULL: computed_from */
	unsigned quota; /* creation: most documents the owner may have; 0: no matter */
	const struct claim *claims; /* what the new version claims; the old one's are given up */
	size_t claim_count;
	struct change change;
	/* filled in by store_apply */
	enum store_result result;
	bool created;   /* there was no document before */
	bool forgotten; /* removed without keeping former versions: there is no room for them */
	struct etag previous; /* number 0: there was none; also set when it is refused */
	struct etag etag;     /* the new version's; the change's number when removed */
	size_t taken;         /* STORE_TAKEN: which claim */
	struct span packed;   /* the store's own: the body as rows hold it */
};

/* Applies them in order, later ones on the results of earlier ones, in one transaction with one
 * sync. Each has its own result: one that is refused, or does not fit, does not take the others
 * along. When it returns, what is STORE_OK is on disk. Returns STORE_OK, or STORE_FAILED when none
 * could be applied. A DELETE of what is not there is STORE_ABSENT, whatever its conditions.
 *
 * Room: a reserve (1/16 of the map, 512 KiB to 64 MiB) serves removals only. When it is reached, a
 * put makes deleted documents forget their former versions, those first that were deleted first,
 * before it is STORE_FULL; a removal then keeps none either (`forgotten`), and may trim the feed.
 * An owner who creates with a quota keeps at most that many deleted documents. A program that may
 * be under a file size limit has to ignore SIGXFSZ. */
enum store_result store_apply(struct store *store, struct write *const *writes, size_t count);

struct document_row {
	struct doc_id id;
	struct etag etag;
	uint64_t time;
	size_t size;
	struct span body; /* none unless asked for */
};

struct document_filter {
	struct span auid; /* none: every usage */
	bool only_global;
	struct span xui; /* none: every user */
};

/* The next documents behind *after (NULL: from the start), in order, at most `most` and about 8 MiB
 * of bodies. rows live in the arena. *count_out 0: that was all. */
enum store_result store_list(struct store *store, struct arena *arena,
	const struct document_filter *filter, const struct doc_id *after, enum store_want want,
	size_t most, struct document_row **rows_out, size_t *count_out);

struct deleted_row {
	struct doc_id id;
	uint64_t number;      /* of the deletion in the feed */
	struct etag previous; /* the version that was deleted */
};

/* Likewise the deleted documents of which former versions are kept. */
enum store_result store_list_deleted(struct store *store, struct arena *arena,
	const struct document_filter *filter, const struct doc_id *after, size_t most,
	struct deleted_row **rows_out, size_t *count_out);

/* --- claims: what documents claim within one scope, without a look at the documents --- */

/* Of everything in the scope that has content: changes with the first and last claim, and with each
 * content. */
enum store_result store_claims_etag(struct store *store, struct span scope, struct etag *out);
/* Who holds the value, and with what content (empty: none)? STORE_ABSENT: nobody; *etag_out is the
 * scope's either way. */
enum store_result store_claim_read(struct store *store, struct arena *arena, struct span scope,
	struct span value, struct span *content_out, struct etag *etag_out);
/* Appends all contents of the scope, in an order that stays, to the buffer; STORE_CROWDED when it
 * would hold more than `most` octets. One look at one moment. */
enum store_result store_claims_append(struct store *store, struct span scope, size_t most,
	struct buffer *to, struct etag *etag_out);

/* --- former versions, newest first; a deleted document has some too --- */

struct version {
	struct etag etag;
	uint64_t time;
	size_t size;
	bool removed; /* a deletion: there is no body */
	struct span who;
};

enum store_result store_versions(struct store *store, struct arena *arena, const struct doc_id *id,
	struct version **out, size_t *count_out);
/* One of them, or the version that is. */
enum store_result store_version(struct store *store, struct arena *arena, const struct doc_id *id,
	uint64_t number, struct version *out);
enum store_result store_version_read(struct store *store, struct arena *arena,
	const struct doc_id *id, uint64_t number, struct span *body_out);

/* --- the change feed --- */

struct feed_row {
	uint64_t number;
	uint64_t time;
	struct doc_id id;
	bool removed;
	struct etag previous; /* number 0: created */
	struct etag etag;
	struct change change;
};

/* Rows with number > after, oldest first, at most `most` and about 8 MiB. */
enum store_result store_feed(struct store *store, struct arena *arena, uint64_t after, size_t most,
	struct feed_row **rows_out, size_t *count_out);
/* The oldest and newest number that the feed holds; 0, 0 when it is empty and never held one. */
enum store_result store_feed_range(struct store *store, uint64_t *oldest_out, uint64_t *newest_out);
/* Removes at most `most` rows older than feed_keep_ms (never the newest row). *more_out: call
 * again. */
enum store_result store_trim(struct store *store, uint64_t now, size_t most, bool *more_out);

/* A nonblocking socket that gets a datagram after each commit of documents or users, of any
 * process: for the one follower (a later call takes the bell over). The caller closes it. -1:
 * errno. */
int store_doorbell(struct store *store);

/* --- users --- */

enum store_result store_user_read(
	struct store *store, struct arena *arena, struct span name, struct user *out);
/* One transaction for all of them; a user that is already exactly so is not written. *written_out
 * may be NULL. */
enum store_result store_users_put(
	struct store *store, const struct user *users, size_t count, size_t *written_out);
/* The user, and with it all documents (told in the feed), former versions and claims, in steps of
 * about 1000 rows: the login goes first, and a call that was cut off may be made again.
 * STORE_ABSENT: neither user nor documents. */
enum store_result store_user_remove(struct store *store, struct span name, struct span who);
enum store_result store_user_list(struct store *store, struct arena *arena, struct span after,
	size_t most, struct user **users_out, size_t *count_out);

/* --- upkeep --- */

/* Gives the store another generation, as a restore has to: no etag of before is valid any more. No
 * other process may have the store open. */
enum store_result store_renew_generation(struct store *store);

/* Clears reader slots of processes that died: at open, and every minute. */
enum store_result store_clear_readers(struct store *store);

struct store_stats {
	uint64_t documents, users, feed_oldest, feed_newest, feed_oldest_time;
	uint64_t size_used, size_max; /* octets */
};

enum store_result store_stats(struct store *store, struct store_stats *out);

#endif
