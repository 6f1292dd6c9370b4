/* SPDX-License-Identifier: BSD-2-Clause */
/* A keyed hash (SipHash-2-4), so that nobody can choose values that collide in our tables. Any
 * thread, after keyed_start.
 */
#ifndef XCAPD_AUIDS_KEYED_H
#define XCAPD_AUIDS_KEYED_H

#include "base/text.h"

void keyed_start(void); /* takes a random key, once a process */

/* Of the text, under a key that also depends on `salt`. */
uint64_t keyed_hash(uint64_t salt, struct span text);

#endif
