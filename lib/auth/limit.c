/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/limit.h"

#include <netinet/in.h>
#include <nettle/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { LOCKS = 64, SECRET = 32, KEY = 16 };

/* count 0: nothing here. */
struct failures {
	uint8_t key[KEY];
	uint64_t since; /* the first one's time */
	uint32_t count;
};

struct limiter {
	struct hmac_sha256_ctx keyed; /* with the secret of this process */
	_Atomic uint64_t newest;      /* time of a failure; 0: there was none */
	pthread_mutex_t locks[LOCKS];
	struct failures buckets[LIMIT_BUCKETS][LIMIT_WAYS];
};

bool limiter_new(struct limiter **out)
{
	uint8_t secret[SECRET];
	struct limiter *limiter = calloc(1, sizeof(*limiter));
	if (!limiter || getrandom(secret, SECRET, 0) != SECRET) {
		free(limiter);
		return false;
	}
	hmac_sha256_set_key(&limiter->keyed, SECRET, secret);
	explicit_bzero(secret, SECRET);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&limiter->locks[i], NULL);
	*out = limiter;
	return true;
}

void limiter_free(struct limiter **limiter)
{
	if (!*limiter)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&(*limiter)->locks[i]);
	explicit_bzero(&(*limiter)->keyed, sizeof((*limiter)->keyed));
	free(*limiter);
	*limiter = NULL;
}

/* IPv4 as ::ffff:a.b.c.d; all zero for anything that is no internet address. */
static struct in6_addr address_of(const struct sockaddr *peer)
{
	struct in6_addr address = { 0 };
	if (peer && peer->sa_family == AF_INET6) {
		address = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	} else if (peer && peer->sa_family == AF_INET) {
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(&address.s6_addr[12],
			&((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	}
	return address;
}

enum scope { SCOPE_NAME, SCOPE_ADDRESS };

static void hash(const struct limiter *limiter, enum scope scope, const struct in6_addr *address,
	struct span name, uint8_t out[KEY])
{
	struct hmac_sha256_ctx context = limiter->keyed;
	uint8_t tag = (uint8_t)scope;
	hmac_sha256_update(&context, 1, &tag);
	hmac_sha256_update(&context, sizeof(*address), address->s6_addr);
	hmac_sha256_update(&context, name.size, (const uint8_t *)name.data);
	hmac_sha256_digest(&context, KEY, out);
}

void limiter_key(const struct limiter *limiter, const struct sockaddr *peer, struct span name,
	struct limit_key *out)
{
	struct in6_addr address = address_of(peer);
	hash(limiter, SCOPE_NAME, &address, name, out->pair);
	if (!IN6_IS_ADDR_V4MAPPED(&address) && !IN6_IS_ADDR_LOOPBACK(&address))
		memset(&address.s6_addr[8], 0, 8);
	hash(limiter, SCOPE_ADDRESS, &address, SPAN(""), out->address);
}

bool limiter_quiet(const struct limiter *limiter, uint64_t now_ms)
{
	uint64_t newest = atomic_load_explicit(&limiter->newest, memory_order_acquire);
	return !newest || (now_ms > newest && now_ms - newest >= LIMIT_PERIOD_MS);
}

/* Clocks of threads differ a little: a start that is just ahead is as live as one just past. */
static bool is_live(const struct failures *failures, uint64_t now)
{
	uint64_t apart = now > failures->since ? now - failures->since : failures->since - now;
	return failures->count && apart < LIMIT_PERIOD_MS;
}

static struct failures *lock_bucket(
	struct limiter *limiter, const uint8_t key[KEY], pthread_mutex_t **lock_out)
{
	size_t index = ((size_t)key[0] << 8 | key[1]) % LIMIT_BUCKETS;
	*lock_out = &limiter->locks[index % LOCKS];
	pthread_mutex_lock(*lock_out);
	return limiter->buckets[index];
}

static struct failures *find(struct failures *ways, const uint8_t key[KEY], uint64_t now)
{
	for (size_t i = 0; i < LIMIT_WAYS; i++)
		if (is_live(&ways[i], now) && !memcmp(ways[i].key, key, KEY))
			return &ways[i];
	return NULL;
}

static struct failures *make_room(struct failures *ways, uint64_t now)
{
	struct failures *oldest = &ways[0];
	for (size_t i = 0; i < LIMIT_WAYS; i++) {
		if (!is_live(&ways[i], now))
			return &ways[i];
		if (ways[i].since < oldest->since)
			oldest = &ways[i];
	}
	return oldest;
}

static unsigned wait_for(
	struct limiter *limiter, const uint8_t key[KEY], uint64_t most, uint64_t now)
{
	pthread_mutex_t *lock;
	struct failures *found = find(lock_bucket(limiter, key, &lock), key, now);
	uint64_t left = found && found->count >= most ? found->since + LIMIT_PERIOD_MS - now : 0;
	pthread_mutex_unlock(lock);
	return (unsigned)((left + 999) / 1000);
}

unsigned limiter_wait(
	struct limiter *limiter, const struct limit_key *key, uint64_t most, uint64_t now_ms)
{
	if (!most)
		return 0;
	uint64_t in_all = most < UINT32_MAX ? most * LIMIT_NAMES : UINT64_MAX;
	unsigned pair = wait_for(limiter, key->pair, most, now_ms);
	unsigned address = wait_for(limiter, key->address, in_all, now_ms);
	return pair > address ? pair : address;
}

static void count(struct limiter *limiter, const uint8_t key[KEY], uint64_t now)
{
	pthread_mutex_t *lock;
	struct failures *ways = lock_bucket(limiter, key, &lock);
	struct failures *found = find(ways, key, now);
	if (!found) {
		found = make_room(ways, now);
		*found = (struct failures){ .since = now };
		memcpy(found->key, key, KEY);
	}
	if (found->count < UINT32_MAX)
		found->count++;
	pthread_mutex_unlock(lock);
}

/* Not quiet any more, before a count is seen. */
static void wake_up(struct limiter *limiter, uint64_t now_ms)
{
	uint64_t newest = atomic_load_explicit(&limiter->newest, memory_order_relaxed);
	while (newest < now_ms
		&& !atomic_compare_exchange_weak_explicit(&limiter->newest, &newest, now_ms,
			memory_order_release, memory_order_relaxed))
		;
}

void limiter_failed(struct limiter *limiter, const struct limit_key *key, uint64_t now_ms)
{
	wake_up(limiter, now_ms);
	count(limiter, key->pair, now_ms);
	count(limiter, key->address, now_ms);
}
