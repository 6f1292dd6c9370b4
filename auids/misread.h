/* SPDX-License-Identifier: BSD-2-Clause */
/* Where Kamailio's reading of presence rules (presence_xml 5.6) is another than that of RFC 4745
 * and RFC 5025. It does not change what is stored: it is said, so that an operator knows. Any
 * thread.
 */
#ifndef XCAPD_AUIDS_MISREAD_H
#define XCAPD_AUIDS_MISREAD_H

#include "xcap/xml.h"

struct misreading {
	struct span rule; /* its id, in the arena; empty: the rule set as a whole */
	const char *what; /* what Kamailio makes of it */
};

/* Of a document that was accepted, at most `most`; how many were found. 0 for what has no <ruleset>
 * as its root, and without memory. */
size_t misread_rules(struct arena *arena, struct span body, const struct xml_limits *limits,
	struct misreading *out, size_t most);

#endif
