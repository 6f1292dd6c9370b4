/* SPDX-License-Identifier: BSD-2-Clause */
/* Lanes: the edits of one document's parts, in arrival order, each prepared on the result of the
 * one before it, whether that is on disk already or still waiting for its sync. So sixty-four edits
 * of one list are prepared outside of the store's transaction and share a commit (RFC 4825 §8.2:
 * none of them is lost).
 */
#ifndef XCAPD_XCAPD_LANE_H
#define XCAPD_XCAPD_LANE_H

#include "xcapd/request.h"

struct lanes; /* opaque */

bool lanes_new(struct lanes **out, struct server *server);
void lanes_free(struct lanes **lanes); /* when no request is under way */

/* Prepares and commits one edit: PUT or DELETE of an element or attribute. Always answers later. */
void lane_enter(struct lanes *lanes, struct request *request);

#endif
