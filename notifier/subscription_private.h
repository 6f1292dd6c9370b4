/* SPDX-License-Identifier: BSD-2-Clause */
/* For subscription*.c alone. */
#ifndef XCAPD_NOTIFIER_SUBSCRIPTION_PRIVATE_H
#define XCAPD_NOTIFIER_SUBSCRIPTION_PRIVATE_H

#include "base/table.h"
#include "notifier/dialog.h"
#include "notifier/subscription.h"

#define SUBSCRIPTION_TABLE "subscriptions"

/* Somebody who has subscriptions. */
struct person {
	struct table_node node; /* of `people`, by name */
	struct subscription *first;
	uint64_t rests; /* loop time up to which nothing is made for them: it cost much */
	uint32_t count;
	uint8_t role;
	uint8_t size;
	char name[];
};

struct subscription {
	struct table_node node; /* of `table`, by local tag; the hash is its key elsewhere */
	struct subscriptions *all;
	struct person *person;
	struct subscription *sibling, **sibling_link; /* of the same person */
	void *state;                                  /* the package's */
	struct dialog dialog;
	struct timer timer;           /* for what is due next */
	struct sip_outgoing *notify;  /* on its way; NULL: none */
	struct acceptance *accepting; /* answers that wait for the disk */
	const char *reason;           /* it ends: NULL: it does not */
	uint64_t expires;             /* loop time */
	uint64_t notified;            /* loop time of the last NOTIFY; 0: none */
	uint64_t earliest;            /* loop time before which nothing is sent: Retry-After */
	uint64_t told, told_tag;      /* confirmed */
	uint64_t sent, sent_tag;      /* on its way */
	uint64_t crowded;             /* loop time at which all its refreshes are paid for */
	uint64_t login;               /* what its last SUBSCRIBE was proved with; see person_look */
	uint32_t flight;              /* place; 0: none */
	uint32_t interval;            /* milliseconds of max-rate; 0: none was asked for */
	uint8_t package;              /* index */
	uint8_t failures;             /* NOTIFYs not taken in a row */
	bool full_due : 1;            /* the whole state */
	bool news_due : 1;
	bool at_once : 1;  /* what is due need not wait for the pace */
	bool bodiless : 1; /* what is due says only that there is nothing new */
	bool quenched : 1; /* Suppress-If-Match: * */
	bool rate_asked : 1;
	bool confirmed : 1;  /* the SUBSCRIBE that made it was answered with 200 */
	bool last_sent : 1;  /* the NOTIFY on its way is the last one */
	bool stored : 1;     /* there is a row in the store */
	bool unsaved : 1;    /* the row in the store is older than what it says */
	bool unlisted : 1;   /* out of the table and the store already */
	bool short_body : 1; /* the subscriber found the last one too large */
};

/* A SUBSCRIBE that is answered when its row is on disk. */
struct acceptance {
	struct saved saved;
	struct subscriptions *all;
	struct acceptance *next, **link;   /* of all */
	struct acceptance *later;          /* of the same subscription */
	struct subscription *subscription; /* NULL: it went away meanwhile */
	struct sip_incoming *incoming;
	unsigned status;
	uint32_t expires;
	bool first;
	char tag[SIP_TOKEN + 1];
};

enum { PACKAGES = 1 };

struct subscriptions {
	struct notifier *notifier;
	struct table table, people;
	uint64_t key[2]; /* of hashes */
	void *packages[PACKAGES];
	struct arena *arena; /* of one callback */
	struct acceptance *acceptances;
	struct timer sweep;
	size_t sweep_at; /* a bucket of people */
	struct subscription_figures figures;
};

extern const struct event_package *const subscription_packages[PACKAGES];

static inline const struct event_package *package_of(const struct subscription *one)
{
	return subscription_packages[one->package];
}

static inline void *package_state_of(const struct subscription *one)
{
	return one->all->packages[one->package];
}

/* --- subscription.c --- */

/* A new one, listed under its local tag and its person; NULL without memory. */
struct subscription *subscription_new(struct subscriptions *all, struct dialog *dialog,
	const struct principal *who, size_t package);
/* Out of the tables, the store and the flight; it lives until its last NOTIFY was answered. */
void subscription_unlist(struct subscription *one);
/* The end of it. Answers that wait are given all the same. */
void subscription_free(struct subscription *one);
struct subscription *subscription_find(
	struct subscriptions *all, const struct sip_message *message, struct span event_id);
struct person *person_find(struct subscriptions *all, struct span name);

/* --- subscription_login.c --- */

struct login_answer {
	bool known;
	unsigned status; /* of the refusal */
	const char *why;
	struct span headers; /* lines of the refusal */
};

void subscription_login(struct subscriptions *all, const struct sip_incoming *incoming,
	struct principal *who, struct login_answer *answer);

/* --- subscription_notify.c --- */

/* Sends what is due, or sets the timer for it. */
void subscription_look(struct subscription *one);
/* Takes back what the timer or a NOTIFY would do. */
void subscription_still(struct subscription *one);
/* CPU time of this thread, milliseconds: what others do is not the subscriber's cost. */
uint64_t subscription_worked(void);
/* The subscriber has had this thread from `since` on: after much of it they rest. */
void subscription_charge(struct subscription *one, uint64_t since);

/* --- subscription_saved.c --- */

/* Hands its row over; within most_ms on disk. */
bool subscription_save(struct subscription *one, uint64_t most_ms);
/* Says in the flight what is on its way: `sent` is the mark, 0 for nothing. */
void subscription_track(struct subscription *one, uint64_t sent);
bool subscriptions_restore(struct subscriptions *all);

/* --- subscription_sweep.c --- */

enum person_state { PERSON_SAME, PERSON_CHANGED, PERSON_GONE, PERSON_UNKNOWN };

/* What the store says of the one who subscribed; UNKNOWN: it does not answer. *login_out stands for
 * the passwords that prove it: another one is another person, or one who wants other phones out. */
enum person_state person_look(
	struct subscriptions *all, const struct principal *who, uint64_t *login_out);
/* The same of one of its subscriptions. */
enum person_state subscriber_state(
	const struct subscription *one, enum person_state state, uint64_t login);
/* Looks at everybody who has subscriptions, a few at a time; and saves what was not saved. */
void subscriptions_sweep(void *subscriptions);

#endif
