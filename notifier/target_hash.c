/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/target_private.h"

#include <string.h>

/* Eight octets at a time, each mixed with a multiplication (the constant is of the golden ratio).
 */
uint64_t stable_hash(uint64_t hash, struct span octets)
{
	const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);
	hash = (hash ^ octets.size) * golden;
	for (size_t at = 0; at < octets.size; at += 8) {
		uint64_t piece = 0;
		size_t left = octets.size - at;
		memcpy(&piece, octets.data + at, left < 8 ? left : 8);
		hash = (hash ^ piece) * golden;
		hash ^= hash >> 29;
	}
	return hash ^ hash >> 32;
}
