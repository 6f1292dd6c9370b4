/* SPDX-License-Identifier: BSD-2-Clause */
/* The event package xcap-diff (RFC 5875, RFC 5874): what a subscriber asked for, what it was told
 * of it, and what is new. For xcap_diff*.c alone; the core sees xcap_diff_package. The loop's
 * thread.
 *
 * What a subscriber was told of a document is the version of it that there was at one number of
 * the feed, `told`: no table of documents is kept for it.
 */
#ifndef XCAPD_NOTIFIER_XCAP_DIFF_H
#define XCAPD_NOTIFIER_XCAP_DIFF_H

#include "notifier/package.h"
#include "notifier/subscription.h"
#include "notifier/subscription_row.h"
#include "notifier/watch.h"
#include "xcap/diff.h"

enum diff_mode { MODE_NO_PATCHING, MODE_XCAP_PATCHING, MODE_AGGREGATE };

enum { DIFF_ITEM_ROOM = 256 }; /* octets that an item has beside its sel, at most */

enum { DIGEST_ABSENT = 0, DIGEST_UNKNOWN = 1 }; /* of what was told of a part */

/* One uri of the list. */
struct diff_entry {
	uint64_t digest; /* of a part: what was told last */
	uint32_t size;   /* of its text */
};

struct diff_package {
	struct notifier *notifier;
	struct watches watches;
	struct follower follower;
	struct post go_on;   /* the feed had more rows than one turn takes */
	uint64_t position;   /* of the feed: handed out up to here */
	struct arena *arena; /* of one look at the feed, or of one document whose parts are told */
	struct usages *usages;     /* that the watches were made with */
	struct diff_state *states; /* all, for a reload */
};

struct diff_state {
	struct diff_package *package;
	struct subscription *subscription;
	struct diff_state *next, **link;
	uint64_t told;     /* confirmed, when `known` */
	uint64_t mark;     /* told by the last body, confirmed or not */
	uint64_t upto;     /* the next news goes no further; 0: no matter */
	uint64_t tag;      /* of the state at `mark`; 0: unknown */
	uint64_t *changes; /* numbers of rows after `mark`, in order */
	uint16_t change_count, change_room;
	uint8_t mode;
	bool scan : 1;  /* not all rows are in `changes`: read the feed from `mark` */
	bool known : 1; /* the subscriber may know of what is gone by now */
	bool caps : 1;  /* the server's capabilities have changed */
	uint32_t entry_count, watcher_count;
	/* of a full state that takes several bodies: where the next one begins */
	uint64_t part_base, part_tag;
	uint32_t part_entry;
	char *part_after;
	struct watcher *watchers;
	char *text; /* of all entries, one behind the other */
	struct diff_entry entries[];
};

/* Numbers of the feed as marks of the package: an empty feed's 0 is something told too. */
static inline uint64_t diff_mark(uint64_t number)
{
	return number + 1;
}

static inline uint64_t diff_number(uint64_t mark)
{
	return mark - 1;
}

/* --- what an entry means: xcap_diff_target.c --- */

enum diff_kind { DIFF_NOTHING, DIFF_WHOLE, DIFF_PART, DIFF_FOLDER };

enum { DIFF_KEYS = 2 };

struct diff_target {
	enum diff_kind kind;
	struct span raw; /* as the subscriber wrote it */
	struct diff_entry *entry;
	const struct usage *usage;
	struct doc_id id;          /* of DIFF_WHOLE and DIFF_PART */
	struct selector *selector; /* of DIFF_PART */
	struct bindings bindings;
	struct watch_key keys[DIFF_KEYS]; /* none: nothing that this subscriber may read */
	size_t key_count;
};

struct diff_targets {
	struct diff_target *items;
	size_t count;
	bool has_parts;
};

/* What one entry means for that reader with those usages. False without memory. */
bool diff_target_read(struct notifier *notifier, const struct usages *usages, struct arena *arena,
	const struct principal *who, struct span raw, struct diff_target *out);
bool diff_targets_read(struct diff_state *state, const struct usages *usages, struct arena *arena,
	struct diff_targets *out);

/* Which target tells of a document: the first that names it, else the first folder; NULL: none, or
 * it may not be read. */
const struct diff_target *diff_teller(const struct diff_state *state,
	const struct diff_targets *targets, const struct doc_id *id);

/* --- one subscription's state: xcap_diff_state.c --- */

/* The entries of a list, each once, at least as they came. */
struct diff_list {
	const struct span *items;
	size_t count;
};

struct diff_state *diff_state_new(struct diff_package *package, struct subscription *subscription,
	const struct diff_list *list, enum diff_mode mode);
void diff_state_free(struct diff_state *state);
/* It is not known any more what the subscriber knows beyond `told`. */
void diff_state_doubt(struct diff_state *state);
void diff_state_drop_part(struct diff_state *state);
/* A row of the feed that it watches. */
void diff_state_change(struct diff_state *state, uint64_t number);
void diff_save(void *package, const void *state, struct buffer *to);
bool diff_restore(void *package, struct subscription *subscription, struct span saved,
	const struct package_past *past, void **state);

/* --- the list in a SUBSCRIBE's body: xcap_diff_list.c --- */

/* False: *answer says why. */
bool diff_list_read(struct notifier *notifier, struct arena *arena, struct span body,
	struct diff_list *out, struct package_answer *answer);

/* --- the whole state: xcap_diff_full.c --- */

/* A document as it is, or as it has to be from the start. STORE_ABSENT: there is none. */
enum store_result diff_read(struct diff_state *state, struct arena *arena,
	const struct diff_target *target, enum store_want want, struct snapshot *out);
/* Looks for a part and remembers its digest as told; *changed_out: it is not what was told. False:
 * no memory. */
bool diff_part_look(struct diff_target *target, struct arena *arena, struct span document,
	struct diff_part *out, bool *changed_out);
/* Writes it, without its content where that would go past `most`. */
void diff_part_write(struct diff_writer *diff, const struct diff_target *target,
	const struct diff_part *part, size_t most);

void diff_full(
	void *package, void *state, struct arena *arena, size_t most, struct package_body *out);
/* The tag of all that there is at this moment; 0: too much for that, or it cannot be read. */
uint64_t diff_tag_now(struct diff_state *state, struct diff_targets *targets, struct arena *arena);
bool diff_current(void *package, void *state, struct arena *arena, struct package_body *out);

/* What an item adds to the state's tag: tags of items are summed up, so that order is no matter. */
uint64_t diff_tag_document(struct arena *arena, const struct doc_id *id, struct etag etag);
uint64_t diff_tag_part(struct span raw, uint64_t digest);

/* --- what is new: xcap_diff_news.c, xcap_diff_rows.c --- */

/* All rows of one document, in order. */
struct diff_group {
	struct diff_group *next;
	struct doc_id id;
	const struct diff_target *teller; /* NULL: only parts of it are watched */
	const struct usage *usage;
	struct feed_row **rows;
	size_t count;
	size_t cost; /* octets of the shortest items that tell of it */
};

struct diff_rows {
	struct diff_group *first, **last;
	size_t cost;   /* of all groups */
	uint64_t mark; /* all rows up to here were looked at */
	bool more;     /* there are more behind it */
	bool lost;     /* the feed does not go back so far */
};

/* The rows since state->mark that are this subscriber's, as many as can be told in `most` octets.
 * False: the store does not answer, or no memory. */
bool diff_rows_read(struct diff_state *state, const struct diff_targets *targets,
	struct arena *arena, size_t most, struct diff_rows *out);

void diff_news(
	void *package, void *state, struct arena *arena, size_t most, struct package_body *out);
/* What was told of a group before, and what there is at its end; number 0: nothing. */
void diff_group_ends(
	const struct diff_group *group, struct etag *previous_out, struct etag *now_out);

/* --- patches: xcap_diff_patch.c --- */

/* What a body may still take. */
struct diff_room {
	size_t end;  /* octets at which it has to end */
	size_t work; /* octets of documents that were compared for it so far */
};

/* Tells of the group by the mode of the subscription. Bare etags are written where patches do not
 * do. */
void diff_group_write(const struct diff_state *state, struct arena *arena,
	const struct diff_group *group, struct diff_room *room, struct diff_writer *diff);

#endif
