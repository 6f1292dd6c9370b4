/* SPDX-License-Identifier: BSD-2-Clause */
#include "auids/keyed.h"

#include <string.h>
#include <sys/random.h>

static uint64_t key[2] = { UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd1b54a32d192ed03) };

struct state {
	uint64_t a, b, c, d;
};

void keyed_start(void)
{
	uint64_t fresh[2];
	if (getrandom(fresh, sizeof(fresh), 0) == (ssize_t)sizeof(fresh))
		memcpy(key, fresh, sizeof(key));
}

static uint64_t turn(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void stir(struct state *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = turn(s->b, 13) ^ s->a;
	s->d = turn(s->d, 16) ^ s->c;
	s->a = turn(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = turn(s->b, 17) ^ s->c;
	s->d = turn(s->d, 21) ^ s->a;
	s->c = turn(s->c, 32);
}

static void absorb(struct state *s, uint64_t word)
{
	s->d ^= word;
	stir(s);
	stir(s);
	s->a ^= word;
}

uint64_t keyed_hash(uint64_t salt, struct span text)
{
	struct state s = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word;
	absorb(&s, salt);
	size_t i = 0;
	for (; text.size - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, text.data + i, sizeof(word));
		absorb(&s, word);
	}
	word = (uint64_t)text.size << 56;
	for (unsigned shift = 0; i < text.size; i++, shift += 8)
		word |= (uint64_t)(unsigned char)text.data[i] << shift;
	absorb(&s, word);
	s.c ^= 0xff;
	for (int i_round = 0; i_round < 4; i_round++)
		stir(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
