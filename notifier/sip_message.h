/* SPDX-License-Identifier: BSD-2-Clause */
/* One SIP message, read (RFC 3261 §7, §20, §25): its lines as they came, and what transactions and
 * dialogs need of them. For sip*.c alone; everyone else uses the calls of sip.h.
 *
 * The message and all of its spans live in the arena it was read into. Header lines are unfolded;
 * values keep their octets otherwise. URIs, Vias and media types are taken apart by libosip2, whose
 * memory is the arena too, and checked again, as it is lenient. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_SIP_MESSAGE_H
#define XCAPD_NOTIFIER_SIP_MESSAGE_H

#include "base/text.h"
#include "notifier/sip.h"

/* Header fields with a compact name, with a list of values, or that may stand once only. */
enum { FIELD_LIST = 1, FIELD_SINGLE = 2 };

/* Sets *field_out to the place in the table of known fields, and gives its flags; 0 and -1 for any
 * other. */
unsigned sip_field(struct span name, int *field_out);
const char *sip_field_name(int field); /* the long one, lower case */

struct sip_line {
	struct span name, value;
	int field; /* -1: none that is known */
	unsigned flags;
};

/* "Ann" <sip:ann@a.org>;tag=1 (RFC 3261 §20.10). False: it is not well-formed. */
struct sip_name_addr {
	struct span uri;
	struct span parameters; /* from the first semicolon on; empty: none */
	bool bracketed;
};
bool sip_name_addr(struct span value, struct sip_name_addr *out);
bool sip_parameters_valid(struct span parameters);
bool sip_token_valid(struct span text); /* RFC 3261 §25.1, not empty */
/* Cuts the next value off a comma list; quotes and angle brackets are not looked into. */
struct span sip_list_cut(struct span *rest);

struct sip_uri {
	bool secure;      /* sips */
	struct span host; /* without brackets */
	unsigned port;    /* 0: none was given */
	struct span transport, maddr;
	bool loose;   /* lr */
	bool headers; /* ?name=value */
};
enum sip_uri_result { SIP_URI_GOOD, SIP_URI_FOREIGN, SIP_URI_BAD };
/* FOREIGN: a well-formed URI of another scheme. */
enum sip_uri_result sip_uri_read(struct arena *arena, struct span text, struct sip_uri *out);

struct sip_via {
	struct span transport; /* "UDP" */
	struct span host;      /* none: it cannot be read */
	unsigned port;         /* 0: none was given */
	struct span branch, maddr;
	bool rport; /* wants it (RFC 3581) */
};
/* False: not well-formed, though out->host may have been found. */
bool sip_via_read(struct arena *arena, struct span value, struct sip_via *out);
/* "type/subtype" in lower case; none when it is not well-formed. */
struct span sip_media_type(struct arena *arena, struct span value);

struct sip_message {
	struct arena *arena;
	struct span method, uri, version;
	struct sip_uri target; /* the Request-URI */
	bool foreign;          /* it is of another scheme */
	unsigned status;       /* 0: a request */
	struct sip_line *lines;
	size_t line_count;
	struct sip_via via; /* the topmost */
	struct span from_uri, from_tag, to_uri, to_tag, call_id, contact_uri, content_type;
	uint32_t cseq;
	struct span cseq_method;
	struct span body;
	bool truncated;  /* Content-Length says more than came */
	unsigned fault;  /* 0: well-formed; else the status to refuse it with (400, 505) */
	const char *why; /* of the fault */
};

/* NULL: nothing that SIP could answer or use, or no memory. In a datagram the body ends with it,
 * whatever is past Content-Length is cut off. */
struct sip_message *sip_message_read(struct arena *arena, struct span octets, bool datagram);
/* Checks and fills in what the header fields say; sets the fault. For sip_message_read. */
void sip_message_read_fields(struct sip_message *message);
/* The line of a field, by its long name in lower case; NULL when there is none. */
const struct sip_line *sip_message_line(const struct sip_message *message, const char *name);

#endif
