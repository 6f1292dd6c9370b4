/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and texts as rows of the store: fixed-size big-endian numbers, texts behind their sizes.
 */
#ifndef XCAPD_NOTIFIER_SUBSCRIPTION_ROW_H
#define XCAPD_NOTIFIER_SUBSCRIPTION_ROW_H

#include "base/text.h"

static inline void row_number(struct buffer *to, uint64_t number, size_t octets)
{
	while (octets--)
		buffer_octet(to, (char)(number >> 8 * octets & 0xff));
}

static inline void row_text(struct buffer *to, struct span text)
{
	row_number(to, text.size, 4);
	buffer_append(to, text);
}

/* What was read so far was as long as it said, unless `failed`. */
struct row_reader {
	struct span rest;
	bool failed;
};

static inline struct span row_take(struct row_reader *from, size_t size)
{
	struct span taken = span_first(from->rest, size);
	from->failed |= size > from->rest.size;
	from->rest = span_from(from->rest, size);
	return from->failed ? SPAN("") : taken;
}

static inline uint64_t row_take_number(struct row_reader *from, size_t octets)
{
	uint64_t number = 0;
	struct span taken = row_take(from, octets);
	for (size_t i = 0; i < taken.size; i++)
		number = number << 8 | (unsigned char)taken.data[i];
	return number;
}

static inline struct span row_take_text(struct row_reader *from)
{
	return row_take(from, (size_t)row_take_number(from, 4));
}

#endif
