/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of target*.c share; nothing else includes it, but their tests. The loop's thread.
 *
 * A target reads the feed (target_read.c) into changes, queued for their owner in the order in
 * which they came and merged there (target_owner.c); the first of each queue is told
 * (target_send.c). Changes are numbered in the order in which they were read, by `first` and `last`
 * step: rows of the feed, or documents walked in a resync. The mark is where the oldest change that
 * is neither confirmed nor parked begins; it is written now and then (target_mark.c). Owners who
 * wait are parked: each of their changes has a row in the store too, and those that are too many
 * for the memory have only that (target_park.c). What may have left is in the flight's records.
 */
#ifndef XCAPD_NOTIFIER_TARGET_PRIVATE_H
#define XCAPD_NOTIFIER_TARGET_PRIVATE_H

#include "base/table.h"
#include "notifier/merge.h"
#include "notifier/target.h"
#include "notifier/teller.h"

/* flight_record.state of FLIGHT_TELLING; extra: hash of the document, previous etag, etag, time */
enum telling_state {
	TELLING_LEFT = 1,
	TELLING_CONFIRMED,
	TELLING_APART, /* rows up to `to` are told one by one: a former process may have told them
			*/
};

/* The same in every process. */
uint64_t stable_hash(uint64_t hash, struct span octets);

struct owner;

/* One change that is to be told; `struct change` is the store's. */
struct news {
	struct table_node bond; /* by document */
	struct delivery_change told;
	uint64_t first, last;         /* steps */
	struct news *older, *younger; /* of the target; not when parked */
	struct news *next;            /* of the owner */
	struct owner *owner;
	size_t place;  /* in the flight; 0: none */
	bool parked;   /* has a row in the store, */
	bool unsaved;  /* .. which says something else */
	bool repeated; /* a former process had it on its way */
	char text[];   /* of told.id */
};

struct change_list {
	struct news *oldest, *youngest;
	size_t count;
};

/* Where an owner stands. */
enum stand { STANDS_IDLE, STANDS_READY, STANDS_WAITING, STANDS_TELLING, STANDS_LEAVING };

struct owner {
	struct table_node bond; /* by XUI */
	struct peer *target;
	struct news *first, *last; /* never empty, but in STANDS_LEAVING */
	size_t count;
	enum stand stand;
	struct owner_list *in; /* the list of its stand */
	struct owner *before, *behind;
	bool parked;
	uint64_t put; /* target->puts of the last row of its own */
	struct timer timer;
	struct tell *tell;
	struct telling telling;
	uint64_t sent_ms, answers; /* when, and how many answers there had been by then */
	unsigned tries;
	char error[160];
	struct span xui;
	char text[];
};

struct owner_list {
	struct owner *head, *tail;
	size_t count;
};

/* When a document was told last, while its interval lasts. */
struct recent {
	struct table_node bond;
	struct recent *next;
	uint64_t ms;
};

/* A flight's record that may go once the mark has passed `last`, and puts are on disk. */
struct landed {
	uint64_t last, put;
	size_t place;
};

struct landed_list {
	struct landed *items;
	size_t count, capacity;
};

/* A record of a former process. */
struct restored {
	struct table_node bond; /* by document */
	struct restored *next;
	struct flight_record record;
	size_t place;
};

/* A copy that stays. */
struct kept_id {
	struct doc_id id;
	char text[URI_AUID_MAX + URI_XUI_MAX + URI_PATH_MAX];
};

struct target_limits {
	size_t window;       /* changes in memory that are not parked */
	size_t tells;        /* on their way */
	size_t parked_tells; /* .. of parked owners */
	size_t parked;       /* parked owners in memory */
	size_t landed;       /* confirmed above the mark */
	size_t recents;
	size_t apart;      /* changes in one queue past which rows may be merged whatever */
	uint64_t slow_ms;  /* a first change that takes longer is parked */
	uint64_t round_ms; /* in which those on disk have their turn */
	uint64_t least_wait_ms, most_wait_ms; /* of back-off */
};

/* One target; `struct target` is what a URI names. */
struct peer {
	struct targets *targets;
	struct notifier *notifier;
	struct peer *next;
	struct span name;
	uint64_t hash, fingerprint;
	const struct target_settings *settings; /* the notifier's */
	struct teller *teller;
	struct span *wanted; /* AUIDs in order; NULL: all */
	size_t wanted_count;
	struct arena *arena; /* of name and wanted */

	/* A reload brought it: it begins when what was handed to the saver before is on disk. */
	enum { JOINED, JOINS, JOINS_WITH_COMMIT } joining;
	bool renewed; /* whatever a former process had told is void */

	/* reading */
	enum delivery_phase phase;
	uint64_t read;  /* the feed up to here was read; in a resync: follows from here */
	uint64_t steps; /* likewise in steps */
	bool more;      /* there may be more to read */
	bool gap;       /* the feed begins behind what was read */
	uint64_t since; /* resync */
	enum delivery_stage stage;
	struct kept_id walked; /* resync: read up to here */
	size_t usage;          /* .. of the wanted ones */
	uint64_t scanned;      /* .. DELIVERY_REMOVALS */
	uint64_t apart;        /* rows up to here are never merged; 0: none */
	struct table restored;
	struct restored *restored_first;
	uint64_t restored_last; /* no record of the former process knows a later row */

	/* what is known */
	struct table owners, documents, recents;
	struct change_list order;
	struct recent *recent_first, *recent_last;
	struct landed_list landed; /* a heap by `last` */

	/* sending */
	struct owner_list ready, ready_parked, waiting_parked, telling_parked, leaving;
	size_t tells, parked_tells;
	uint64_t answers;
	bool silent; /* nobody answers: one probe at a time */
	unsigned silent_tries;
	uint64_t silent_owner; /* who was the only one not answered since the last answer */
	struct timer probe;
	struct post again;

	/* the mark */
	struct kept_id resynced; /* resync: of the last change that was the oldest, and is done, */
	uint64_t resynced_steps; /* .. and its steps */
	bool moved;              /* the mark is to be written */
	uint64_t puts, saving, saved;
	uint64_t mark_put, mark_saving, mark_saved; /* steps */
	uint64_t parked;                            /* owners, those on disk included */
	size_t parked_here;                         /* in memory */
	struct kept_id turn; /* those on disk up to this XUI had their turn; none: all have */

	/* figures */
	uint64_t told, failed, latency_us_sum, latency_count;
	char error[160];
	uint64_t error_time, error_owner, warned_ms;
};

struct targets {
	struct notifier *notifier;
	struct peer *first;
	size_t count;
	struct target_limits limits;
	struct follower follower;
	struct timer tick; /* slow ones, turns */
	struct timer flush;
	struct saved saved;
	bool saving;
	struct arena *scratch, *rows; /* for one call; for one page */
	uint64_t random;
	bool draining;
	void (*drained)(void *context);
	void *drained_context;
	struct post drained_post;
};

/* --- target.c --- */

void target_pump(struct peer *target); /* reads and sends what may be */
void targets_rang(void *targets);      /* there may be more to read */
void target_told(struct peer *target); /* the number of tells has fallen */
/* As the notifier's settings say; false: problems were told, those made are in the list. */
bool targets_make(struct targets *targets, FILE *problems);
/* What may have left is in the store then, and nothing else above the mark was told. */
void target_settle(struct peer *target);
void target_free(struct peer *target);

/* --- target_owner.c --- */

/* Of this store; number 0: none. */
struct etag etag_numbered(const struct peer *target, uint64_t number);
uint64_t document_hash(const struct doc_id *id);
bool kept_copy(struct kept_id *to, const struct doc_id *id); /* false: too long, emptied */
struct owner *owner_find(const struct peer *target, struct span xui);
struct owner *owner_make(struct peer *target, struct span xui); /* NULL without memory */
void owner_free(struct owner *owner);                           /* with its changes */
void owner_stands(struct owner *owner, enum stand stand);
/* Idle, and something to tell: ready. */
void owner_wake(struct owner *owner);
/* The last change of the document; NULL: nothing waits. */
struct news *change_latest(const struct peer *target, const struct doc_id *id);
/* A copy at the end of the owner's queue; NULL without memory. */
struct news *change_append(struct owner *owner, const struct delivery_change *from);
void change_parts(struct news *change); /* out of the order of the target */
void change_free(struct news *change);  /* out of all lists, but not out of the flight */
/* It was told, or has vanished. The owner may be gone afterwards. */
void change_confirmed(struct news *change);
/* Takes in what was read. False without memory: it has to be read again. */
bool target_take(struct peer *target, const struct delivery_change *next, uint64_t step);

/* --- target_read.c --- */

/* Reads a page; false: there is no room, or nothing to read. */
bool target_read(struct peer *target);
void target_resync(struct peer *target, uint64_t since);

/* --- target_send.c --- */

void target_send(struct peer *target);
void owner_timer(void *owner);
void target_probe(void *target);
void owner_forget_tell(struct owner *owner); /* as if it had not been answered yet */
void recents_expire(struct peer *target);

/* --- target_park.c --- */

bool owner_park(struct owner *owner); /* false without memory: it is not */
bool pending_put(struct news *change);
void pending_remove(struct news *change);
/* Brings an owner back who is only on disk; NULL and true: there is none. */
bool owner_load(struct peer *target, struct span xui, struct owner **out);
void target_turns(struct peer *target, uint64_t elapsed_ms); /* gives those on disk theirs */
void target_park_slow(struct peer *target);                  /* whoever holds up the mark */
bool target_park_all(struct peer *target);
/* At the start: counts them, and settles what the former process had on its way. */
bool target_load_parked(struct peer *target);
bool target_drop_parked(struct peer *target); /* another generation */
void target_saved(struct peer *target);       /* after each commit */

/* --- target_mark.c --- */

bool target_load_mark(struct peer *target);
void target_join(struct peer *target);  /* after a commit, if it joins */
void target_moved(struct peer *target); /* write it soon */
void targets_flush_soon(struct targets *targets, uint64_t ms);
bool target_put_mark(struct peer *target, uint64_t most_ms);
uint64_t target_done(const struct peer *target); /* steps */
void targets_flush(void *targets);
void targets_saved(void *targets, bool well);
/* The flight's records. */
void change_leaves(struct news *change);
void change_lands(struct news *change);
void targets_restore(struct targets *targets);
/* NULL: none knows this number of the document. */
struct restored *restored_find(struct peer *target, uint64_t document, uint64_t number);
/* Those that end at `to` or before have nothing more to say; `release`: nor ever had. */
void restored_free(struct peer *target, uint64_t to, bool release);
void landed_release(struct peer *target);
void landed_rebase(struct peer *target);

#endif
