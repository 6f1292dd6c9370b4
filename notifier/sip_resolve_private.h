/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the name servers and their answers, kept as long as they hold. sip_resolve_dns.c
 * asks (c-ares), sip_resolve.c draws conclusions. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_SIP_RESOLVE_PRIVATE_H
#define XCAPD_NOTIFIER_SIP_RESOLVE_PRIVATE_H

#include "base/table.h"
#include "notifier/sip_resolve.h"

#include <sys/queue.h>

enum {
	NAME_MOST = 255,   /* RFC 1035 §2.3.4 */
	RECORDS_MOST = 32, /* of one answer */
	QUESTIONS_MOST = 1024,
	TTL_MOST = 3600, /* seconds */
	TTL_ABSENT = 15, /* no such name, or nothing of that kind */
	TTL_FAILED = 2,  /* no answer, or none that can be read */
};

enum question_kind { ASK_NAPTR, ASK_SRV, ASK_ADDRESS };

/* What the kind of the question has. */
struct record {
	unsigned first, second;       /* order and preference, or priority and weight */
	unsigned port;                /* SRV */
	enum sip_transport transport; /* NAPTR */
	char *name;                   /* NAPTR: of an SRV record; SRV: a host, "." for none */
	struct sockaddr_storage address;
	socklen_t length;
};

struct waiter {
	void (*answered)(void *context);
	void *context;
	LIST_ENTRY(waiter) link;
	bool waits;
};

struct question {
	struct table_node node; /* first */
	enum question_kind kind;
	bool pending;
	bool failed; /* the name servers said neither yes nor no */
	size_t holders;
	uint64_t until; /* the answer holds */
	struct record *records;
	size_t count;
	LIST_HEAD(, waiter) waiters;
	TAILQ_ENTRY(question) by_use;
	struct dns *dns;
	char name[];
};

struct dns; /* opaque */

bool dns_new(struct dns **out, struct loop *loop);
void dns_free(struct dns **dns); /* nobody holds a question any more */
bool dns_servers(struct dns *dns, const char *csv);

/* The question, held until dns_release. When it is pending, `waiter` is called once it is not,
 * never from within. NULL: no memory, or too many are held. */
struct question *dns_ask(
	struct dns *dns, enum question_kind kind, struct span name, struct waiter *waiter);
void dns_release(struct question *question, struct waiter *waiter);

#endif
