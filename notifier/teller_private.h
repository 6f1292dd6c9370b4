/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ways to tell a target share. For teller*.c and rpc.c alone. The loop's thread. */
#ifndef XCAPD_NOTIFIER_TELLER_PRIVATE_H
#define XCAPD_NOTIFIER_TELLER_PRIVATE_H

#include "notifier/credentials.h"
#include "notifier/teller.h"

struct rpc;          /* notifier/rpc.h */
struct publications; /* notifier/publications.h */

struct teller {
	struct notifier *notifier;
	const struct target_settings *target;
	struct credentials credentials;
	struct publications *publications; /* method publish; else NULL */
	struct rpc *rpc;                   /* method rpc; else NULL */
	struct tell *tells;                /* on their way */
	struct rules_warner *warner;
};

enum { CALLS_MOST = 8 };

struct tell {
	struct teller *teller;
	struct tell *next, **link;
	told_done *done;
	void *context;
	struct arena *arena;
	struct telling what; /* its texts in the arena */
	struct span owner;   /* a URI */
	/* by SIP */
	struct sip_outgoing *outgoing;
	unsigned challenges; /* answered so far */
	bool renewed;        /* the publication was begun anew */
	struct post failed;  /* to say without a message that it did not work */
	/* by RPC */
	struct rpc_call *call;
	struct span calls[CALLS_MOST]; /* bodies */
	size_t call_count, call_next;
	/* how it ended, for `failed` */
	struct told_result result;
};

/* Ends a tell: takes it out, calls `done`, frees it. Not from within tell(). */
void tell_end(struct tell *tell, enum told told, unsigned retry_after, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same at the loop's next turn. */
void tell_end_soon(struct tell *tell, enum told told, const char *why);

/* Sends it (again). False without memory. */
bool teller_sip_send(struct tell *tell);
bool teller_rpc_start(struct tell *tell);

#endif
