/* SPDX-License-Identifier: BSD-2-Clause */
/* A dialog that a SUBSCRIBE made, from the notifier's side (RFC 3261 §12, RFC 6665 §4.4.1), packed
 * so that many of them fit into little memory. The loop's thread.
 */
#ifndef XCAPD_NOTIFIER_DIALOG_H
#define XCAPD_NOTIFIER_DIALOG_H

#include "notifier/sip.h"
#include "notifier/subscription_row.h"

enum dialog_part {
	DIALOG_CALL_ID,
	DIALOG_LOCAL_TAG,
	DIALOG_REMOTE_TAG,
	DIALOG_LOCAL_URI,
	DIALOG_REMOTE_URI,
	DIALOG_TARGET, /* the subscriber's Contact */
	DIALOG_EVENT_ID,
	DIALOG_ROUTES, /* Record-Route values, a line each */
	DIALOG_PARTS,
};

enum { DIALOG_TEXT_MAX = 4096 };

/* Where the last SUBSCRIBE came from. */
struct dialog_flow {
	uint64_t connection;
	uint8_t address[16]; /* IPv4: the first four */
	uint32_t scope;
	uint16_t port, listener; /* host order */
	uint8_t family, transport;
};

struct dialog {
	char *text; /* the parts, one behind the other */
	uint16_t sizes[DIALOG_PARTS];
	bool has_event_id; /* an empty one is not the same as none (RFC 6665 §8.2.1) */
	uint32_t local_cseq, remote_cseq;
	struct dialog_flow flow;
};

enum dialog_result {
	DIALOG_OK,
	DIALOG_MALFORMED, /* no Contact that a request could go to, or longer than can be kept */
	DIALOG_NO_MEMORY,
};

/* Begins the dialog of an initial SUBSCRIBE. */
enum dialog_result dialog_begin(struct dialog *out, const struct sip_message *message,
	const struct sip_flow *flow, struct span local_tag, struct span event_id);
/* A SUBSCRIBE within it refreshes its target, the way to it and the remote CSeq. */
enum dialog_result dialog_refresh(
	struct dialog *dialog, const struct sip_message *message, const struct sip_flow *flow);
void dialog_end(struct dialog *dialog);

struct span dialog_part(const struct dialog *dialog, enum dialog_part part);
/* Is the request within this very dialog, and about the same subscription? */
bool dialog_holds(
	const struct dialog *dialog, const struct sip_message *message, struct span event_id);

/* Fills in where a request goes and who it is from; takes the next CSeq. False without memory. */
bool dialog_address(struct dialog *dialog, struct arena *arena, struct sip_request *out,
	struct sip_flow *flow_room);

void dialog_write(const struct dialog *dialog, struct buffer *to);
bool dialog_read(struct dialog *out, struct row_reader *from);

#endif
