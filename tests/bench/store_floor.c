/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: bench_store_floor FOLDER DOCUMENTS FILE BATCH SECONDS [packed]
 * LMDB alone: durable commits of the rows that a PUT of FILE makes (document, body, row of the
 * feed; the oldest of 20 former bodies goes), BATCH of them in each. "packed": the body's row holds
 * it as xcapd packs it, and the document's row does, too. Prints how many a second.
 */
#include <lmdb.h>
#include <lz4.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HISTORY = 20, DOCUMENT_ROW = 32, FEED_ROW = 150, SIZE_MOST = 1 << 20, IN_ROW_MOST = 2048 };

static MDB_env *env;
static MDB_dbi documents, bodies, feed;
static uint64_t (*versions)[HISTORY + 1]; /* of each document, newest first */
static uint64_t last;
static char octets[SIZE_MOST];
static size_t in_row;

static void must(int rc, const char *what)
{
	if (rc == MDB_SUCCESS)
		return;
	fprintf(stderr, "%s: %s\n", what, mdb_strerror(rc));
	exit(1);
}

static double now(void)
{
	struct timespec clock;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	return (double)clock.tv_sec + (double)clock.tv_nsec / 1e9;
}

static void number_octets(uint64_t number, uint8_t out[8])
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(number >> (56 - 8 * i));
}

static void put_numbered(MDB_txn *txn, MDB_dbi table, size_t size)
{
	uint8_t number[8];
	number_octets(last, number);
	MDB_val key = { sizeof(number), number }, value = { size, octets };
	must(mdb_put(txn, table, &key, &value, MDB_APPEND), "put");
}

static void put(MDB_txn *txn, uint64_t document, size_t size)
{
	char name[80];
	uint64_t *own = versions[document];
	char row[DOCUMENT_ROW + sizeof(versions[0]) + IN_ROW_MOST];
	size_t count = 0;
	last++;
	if (own[HISTORY]) {
		uint8_t number[8];
		number_octets(own[HISTORY], number);
		MDB_val key = { sizeof(number), number };
		must(mdb_del(txn, bodies, &key, NULL), "delete");
	}
	memmove(own + 1, own, HISTORY * sizeof(*own));
	own[0] = last;
	while (count <= HISTORY && own[count])
		count++;
	memset(row, (int)last, sizeof(row));
	memcpy(row, own, sizeof(versions[0]));
	memset(octets, (int)last, 8);
	MDB_val key = { 0, name }, value = { DOCUMENT_ROW + (count - 1) * 8 + in_row, row };
	key.mv_size = (size_t)snprintf(name, sizeof(name),
		"resource-lists/u/sip:u%07llu@example.com/index", (unsigned long long)document);
	must(mdb_put(txn, documents, &key, &value, 0), "put");
	put_numbered(txn, bodies, size);
	put_numbered(txn, feed, FEED_ROW);
}

static void open_all(const char *folder)
{
	MDB_txn *txn;
	must(mdb_env_create(&env), "create");
	must(mdb_env_set_mapsize(env, (size_t)16 << 30), "map");
	must(mdb_env_set_maxdbs(env, 8), "tables");
	must(mdb_env_open(env, folder, MDB_NOTLS, 0600), folder);
	must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	must(mdb_dbi_open(txn, "documents", MDB_CREATE, &documents), "table");
	must(mdb_dbi_open(txn, "bodies", MDB_CREATE, &bodies), "table");
	must(mdb_dbi_open(txn, "feed", MDB_CREATE, &feed), "table");
	must(mdb_txn_commit(txn), "commit");
}

static void commit_batch(uint64_t count, size_t size, size_t batch)
{
	MDB_txn *txn;
	must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
	for (size_t i = 0; i < batch; i++)
		put(txn, last % count, size);
	must(mdb_txn_commit(txn), "commit");
}

static size_t read_body(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = file ? fread(octets, 1, sizeof(octets), file) : 0;
	if (file)
		fclose(file);
	return size;
}

static size_t packed_size(size_t size)
{
	static char room[LZ4_COMPRESSBOUND(SIZE_MOST)];
	return (size_t)LZ4_compress_default(octets, room, (int)size, sizeof(room));
}

int main(int words, char **word)
{
	if (words != 6 && words != 7)
		return 2;
	uint64_t count = strtoull(word[2], NULL, 10);
	size_t size = read_body(word[3]), batch = strtoull(word[4], NULL, 10);
	double seconds = atof(word[5]);
	if (words == 7)
		size = in_row = packed_size(size);
	versions = calloc(count, sizeof(*versions));
	if (!versions || !count || size < 8 || !batch || in_row > IN_ROW_MOST)
		return 2;
	open_all(word[1]);
	while (last < count * (HISTORY + 2)) /* until the file grows no more */
		commit_batch(count, size, 64);
	uint64_t before = last;
	double start = now();
	while (now() - start < seconds)
		commit_batch(count, size, batch);
	printf("{\"rate\": %.1f}\n", (double)(last - before) / (now() - start));
	mdb_env_close(env);
	return 0;
}
