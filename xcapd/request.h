/* SPDX-License-Identifier: BSD-2-Clause */
/* One HTTP request on its way through the pipeline (RFC 4825 §8; the order of checks is
 * CONTRACT's).
 *
 * http.c makes it, feeds it headers and body, lets it act, and sends its reply. One thread at a
 * time works on it; while an answer is LATER that is the committer, a lane or a pool thread, and
 * `wake` hands it back: perhaps before request_act has returned, and on its own thread.
 */
#ifndef XCAPD_XCAPD_REQUEST_H
#define XCAPD_XCAPD_REQUEST_H

#include "auids/usage.h"
#include "xcap/selector.h"
#include "xcapd/commit.h"
#include "xcapd/identity.h"
#include "xcapd/pool.h"
#include "xcapd/server.h"

/* One line: an outcome, its HTTP status, what is said when nobody said it better. */
#define OUTCOMES(X)                                                               \
	X(NONE, 0, "")                                                            \
	X(CONTENT, 200, "")                                                       \
	X(REPLACED, 200, "")                                                      \
	X(REMOVED, 200, "")                                                       \
	X(OPTIONS, 200, "")                                                       \
	X(CREATED, 201, "")                                                       \
	X(UNCHANGED, 304, "")                                                     \
	X(MALFORMED, 400, "the request cannot be understood")                     \
	X(CHALLENGE, 401, "credentials are needed")                               \
	X(FORBIDDEN, 403, "this is not yours to touch")                           \
	X(ABSENT, 404, "there is nothing here")                                   \
	X(NOT_ALLOWED, 405, "this cannot be done here")                           \
	X(CONFLICT, 409, "the change is refused")                                 \
	X(STALE, 412, "the document is not the version that the condition names") \
	X(TOO_LARGE, 413, "the body is larger than limits.document allows")       \
	X(URI_TOO_LONG, 414, "a part of the URI is too long")                     \
	X(UNSUPPORTED, 415, "the media type is not the one of this resource")     \
	X(TOO_MANY, 429, "too many failed logins; wait a little")                 \
	X(UNKNOWN_METHOD, 501, "the method is not known")                         \
	X(UNKNOWN_CODING, 501, "the transfer coding is not known")                \
	X(BUSY, 503, "the server cannot take the change right now; try again")    \
	X(FULL, 507, "the store is full")

#define OUTCOME_MEMBER(name, status, text) OUTCOME_##name,
enum outcome { OUTCOMES(OUTCOME_MEMBER) };
#undef OUTCOME_MEMBER

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_OTHER,
	METHOD_UNKNOWN
};

struct request {
	/* set by http.c */
	struct server *server;
	struct live *live;
	struct arena *arena;
	struct span method_text, raw_target;
	const struct sockaddr *peer;
	uint64_t started;                      /* clock_microseconds */
	void (*wake)(struct request *request); /* from any thread, once for each LATER */
	void *wake_data;
	atomic_uint holders;  /* of the arena: http.c, and whoever prepares on this result */
	bool tls, needs_host; /* HTTP/1.1: RFC 9112 §3.2 */
	bool alone; /* as it acts, its thread serves nobody else, and others serve who comes: that
		       thread, and no other, may wait for the disk */

	/* from the headers */
	struct span accept, host, authorization, content_type, content_encoding, content_length,
		content_range, transfer_encoding, origin, preflight_method;
	size_t authorizations, hosts, content_lengths, transfer_encodings, origins;
	struct forwarding forwarding;
	struct conditions conditions;
	bool conditions_malformed, forwarded, expects_continue, header_malformed;

	/* found out on the way */
	char id[17];
	enum method method;
	const struct sockaddr *client; /* the peer, or whom a trusted proxy speaks for */
	struct sockaddr_storage client_room;
	struct target target;
	struct selector *selector; /* NULL: the whole document */
	const struct usage *usage;
	struct principal who;
	struct span realm;
	bool challenge_stale;
	unsigned retry_after;
	struct buffer body;
	struct verdict verdict;
	struct ticket ticket;
	struct job job; /* for the pool */

	/* lane.c's, for an edit of a part */
	struct request *lane_next;
	struct request *base; /* whose result this one is prepared on; held */
	uint64_t lane_arrival;
	unsigned overtaken; /* times that it was prepared for nothing */
	bool part_created;
	bool on_template; /* the edit makes the document, from its usage's template */

	/* the answer */
	enum outcome outcome;
	struct span why; /* of a refusal; NULL: the outcome's own words */
	struct conflict conflict;
	struct etag etag; /* number 0: none */
	struct span content, media_type;
	size_t unchanged;  /* of a 304: octets of what is not sent */
	const char *allow; /* of a 405 */
	bool is_view;      /* the content is a view of the document, chosen by Accept */
};

void request_start(struct request *request);
void request_header(struct request *request, struct span name, struct span value);

enum body_plan {
	BODY_KEEP,   /* give it to request_body */
	BODY_DRAIN,  /* already refused: read it and forget it, then answer */
	BODY_REFUSE, /* answer at once and close the connection */
};

/* All headers are there: locate, identify, permit. */
enum body_plan request_head(struct request *request);
void request_body(struct request *request, struct span part);

enum progress { ANSWER_NOW, ANSWER_LATER };

/* The body is complete. */
enum progress request_act(struct request *request);

/* Ends the walk with this outcome; why NULL: the outcome's own words. Returns false, for steps. */
bool request_refuse(struct request *request, enum outcome outcome, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* Does the user whose home is asked for exist, as far as the asker may learn it? If not, it is
 * refused. */
bool request_knows_owner(struct request *request);

/* Frees the arena, the request within it, and its hold on settings when nobody holds it any more.
 */
void request_hold(struct request *request);
void request_release(struct request *request);

#endif
