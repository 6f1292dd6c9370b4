/* links: notifier_core */
/* SPDX-License-Identifier: BSD-2-Clause */
/* The first four octets seed how the rest, a stream, is cut: however it is, the same messages come
 * out. */
#include "notifier/sip_transport_private.h"

#include <stdlib.h>
#include <string.h>

#undef NDEBUG
#include <assert.h>

enum { MOST = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One way through the stream. */
struct reader {
	struct frame_scan scan;
	struct span stream;
	size_t at;     /* done with */
	size_t known;  /* have come */
	unsigned seed; /* 0: all comes at once */
};

struct event {
	enum frame_result result;
	size_t begin, size;
};

static void more_comes(struct reader *reader)
{
	size_t left = reader->stream.size - reader->known;
	size_t piece = left;
	if (reader->seed && left)
		piece = 1 + (size_t)rand_r(&reader->seed) % (left < 40 ? left : 40);
	reader->known += piece;
}

static struct event next(struct reader *reader)
{
	for (;;) {
		size_t start, size, count = reader->known - reader->at;
		char *octets = malloc(count + !count); /* its end is the sanitizer's */
		assert(octets);
		if (count)
			memcpy(octets, reader->stream.data + reader->at, count);
		enum frame_result result = frame_go_on(
			&reader->scan, (struct span){ octets, count }, MOST, &start, &size);
		free(octets);
		assert(start + size <= count && size <= MOST);
		assert(result != FRAME_MORE || !size);
		struct event event = { result, reader->at + start, size };
		reader->at += start + size;
		if (result != FRAME_MORE || reader->known == reader->stream.size)
			return event;
		more_comes(reader);
	}
}

static void check_message(struct span message)
{
	size_t start, size;
	assert(frame_next(message, MOST, &start, &size) == FRAME_MESSAGE);
	assert(!start && size == message.size);
	assert(!memchr("\r\n \t", message.data[0], 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	struct reader whole = { .stream = { (const char *)data + 4, size - 4 } }, cut = whole;
	memcpy(&cut.seed, data, 4);
	cut.seed |= 1;
	whole.known = whole.stream.size;
	for (;;) {
		struct event one = next(&whole), other = next(&cut);
		assert(one.result == other.result);
		if (one.result == FRAME_BROKEN)
			return 0;
		if (one.result == FRAME_MORE) {
			assert(whole.at == cut.at);
			return 0;
		}
		assert(one.begin == other.begin && one.size == other.size);
		if (one.result == FRAME_MESSAGE)
			check_message((struct span){ whole.stream.data + one.begin, one.size });
	}
}
