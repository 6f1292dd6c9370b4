/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/nonce.h"

#include <nettle/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { LOCKS = 64, SECRET = 32, STAMP = 16, MAC = 16 };

/* A nonce in use; number 0: nothing here. `seen` is a ring: count c is bit c % NONCE_WINDOW. */
struct used {
	uint64_t number;
	uint64_t seen[NONCE_WINDOW / 64];
	uint32_t highest;
};

/* All nonces up to `floor` that are not here may have been pushed out. */
struct bucket {
	struct used ways[NONCE_WAYS];
	uint64_t floor;
};

struct nonces {
	struct hmac_sha256_ctx keyed; /* with the secret of this process */
	_Atomic uint64_t issued;
	pthread_mutex_t locks[LOCKS];
	struct bucket buckets[NONCE_BUCKETS];
};

bool nonces_new(struct nonces **out)
{
	uint8_t secret[SECRET];
	struct nonces *nonces = calloc(1, sizeof(*nonces));
	if (!nonces || getrandom(secret, SECRET, 0) != SECRET) {
		free(nonces);
		return false;
	}
	hmac_sha256_set_key(&nonces->keyed, SECRET, secret);
	explicit_bzero(secret, SECRET);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&nonces->locks[i], NULL);
	*out = nonces;
	return true;
}

void nonces_free(struct nonces **nonces)
{
	if (!*nonces)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&(*nonces)->locks[i]);
	explicit_bzero(&(*nonces)->keyed, sizeof((*nonces)->keyed));
	free(*nonces);
	*nonces = NULL;
}

static void write_u64(uint64_t value, uint8_t out[8])
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t read_u64(const uint8_t octets[8])
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value = value << 8 | octets[i];
	return value;
}

static void sign(const struct nonces *nonces, const uint8_t stamp[STAMP], struct span realm,
	uint8_t mac[MAC])
{
	struct hmac_sha256_ctx context = nonces->keyed;
	hmac_sha256_update(&context, STAMP, stamp);
	hmac_sha256_update(&context, realm.size, (const uint8_t *)realm.data);
	hmac_sha256_digest(&context, MAC, mac);
	explicit_bzero(&context, sizeof(context));
}

void nonce_issue(struct nonces *nonces, struct span realm, uint64_t now_ms, char out[NONCE_TEXT])
{
	uint8_t octets[STAMP + MAC];
	write_u64(now_ms, octets);
	write_u64(atomic_fetch_add(&nonces->issued, 1) + 1, octets + 8);
	sign(nonces, octets, realm, octets + STAMP);
	hex_encode(octets, sizeof(octets), out);
}

bool nonce_read(const struct nonces *nonces, struct span text, struct span realm, uint64_t now_ms,
	struct nonce *out)
{
	uint8_t octets[STAMP + MAC], mac[MAC];
	char canonical[NONCE_TEXT];
	if (!hex_decode(text, octets, sizeof(octets)))
		return false;
	hex_encode(octets, sizeof(octets), canonical);
	if (!span_equal(text, (struct span){ canonical, NONCE_TEXT }))
		return false;
	sign(nonces, octets, realm, mac);
	struct span given = { (const char *)octets + STAMP, MAC };
	if (!span_equal_constant_time(given, (struct span){ (const char *)mac, MAC }))
		return false;
	*out = (struct nonce){ read_u64(octets), read_u64(octets + 8) };
	if (out->time > now_ms)
		return out->time - now_ms <= NONCE_AHEAD_MS;
	return now_ms - out->time <= NONCE_LIFETIME_MS;
}

static bool is_seen(const struct used *used, uint32_t count)
{
	uint32_t bit = count % NONCE_WINDOW;
	return used->seen[bit / 64] >> (bit % 64) & 1;
}

static void set_seen(struct used *used, uint32_t count, bool seen)
{
	uint32_t bit = count % NONCE_WINDOW;
	uint64_t mask = UINT64_C(1) << (bit % 64);
	used->seen[bit / 64] = seen ? used->seen[bit / 64] | mask : used->seen[bit / 64] & ~mask;
}

static bool take(struct used *used, uint32_t count)
{
	if (count <= used->highest) {
		if (used->highest - count >= NONCE_WINDOW || is_seen(used, count))
			return false;
	} else if (count - used->highest >= NONCE_WINDOW) {
		memset(used->seen, 0, sizeof(used->seen));
		used->highest = count;
	}
	while (used->highest < count)
		set_seen(used, ++used->highest, false);
	set_seen(used, count, true);
	return true;
}

static struct used *find(struct bucket *bucket, uint64_t number)
{
	for (size_t i = 0; i < NONCE_WAYS; i++)
		if (bucket->ways[i].number == number)
			return &bucket->ways[i];
	return NULL;
}

/* A way for a nonce that is used for the first time: a free one, else the oldest gives way. */
static struct used *make_room(struct bucket *bucket, uint64_t number)
{
	if (number <= bucket->floor)
		return NULL;
	struct used *oldest = &bucket->ways[0];
	for (size_t i = 1; i < NONCE_WAYS; i++)
		if (bucket->ways[i].number < oldest->number)
			oldest = &bucket->ways[i];
	if (oldest->number > bucket->floor)
		bucket->floor = oldest->number;
	*oldest = (struct used){ .number = number };
	return oldest;
}

bool nonce_use(struct nonces *nonces, const struct nonce *nonce, uint32_t count)
{
	size_t index = nonce->number % NONCE_BUCKETS;
	struct bucket *bucket = &nonces->buckets[index];
	pthread_mutex_t *lock = &nonces->locks[index % LOCKS];
	pthread_mutex_lock(lock);
	struct used *used = find(bucket, nonce->number);
	if (!used)
		used = make_room(bucket, nonce->number);
	bool taken = used && take(used, count);
	pthread_mutex_unlock(lock);
	return taken;
}
