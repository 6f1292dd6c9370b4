/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: a header of the size of one record, then records. A record's `kind` is written last
 * when it is filled in, and what is overwritten is told apart by a second copy: each place has two
 * halves, of which `live` of the pair is the good one. */
enum { FIRST_PLACES = 1024, BOOT_ID = 36 };

static const char magic[8] = "xcapfly1";

struct header {
	char magic[8];
	uint64_t generation;
	char boot[BOOT_ID];
	uint32_t clean;
	uint64_t reserved;
};

struct pair {
	struct flight_record halves[2];
	uint32_t live; /* 0, 1 */
	uint32_t reserved[15];
};

_Static_assert(sizeof(struct header) == 64 && sizeof(struct flight_record) == 64
		       && sizeof(struct pair) == 192,
	"the file's layout");

struct flight {
	int fd;
	struct header *header;
	size_t places;
	uint32_t *free; /* a stack of places that are free */
	size_t free_count;
};

static struct pair *pair_at(const struct flight *flight, size_t place)
{
	return (struct pair *)(void *)(flight->header + 1) + (place - 1);
}

static struct flight_record *record_at(const struct flight *flight, size_t place)
{
	struct pair *pair = pair_at(flight, place);
	return &pair->halves[pair->live & 1];
}

static size_t length_of(size_t places)
{
	return sizeof(struct header) + places * sizeof(struct pair);
}

/* Only while this boot lasts is what was written without a sync still there. */
static void read_boot(char out[BOOT_ID])
{
	memset(out, 0, BOOT_ID);
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, out, BOOT_ID) != BOOT_ID)
		memset(out, 0, BOOT_ID);
	close(fd);
}

/* Room on the disk too: a page that cannot be allocated later would be a SIGBUS. */
static bool lengthen(int fd, size_t length)
{
	int rc = posix_fallocate(fd, 0, (off_t)length);
	if (rc)
		errno = rc;
	return rc == 0;
}

static bool map(struct flight *flight, size_t places)
{
	uint32_t *all = realloc(flight->free, places * sizeof(*all));
	if (!all)
		return false;
	flight->free = all;
	void *mapped = flight->header ? mremap(flight->header, length_of(flight->places),
			       length_of(places), MREMAP_MAYMOVE)
				      : mmap(NULL, length_of(places), PROT_READ | PROT_WRITE,
					      MAP_SHARED, flight->fd, 0);
	if (mapped == MAP_FAILED)
		return false;
	flight->header = mapped;
	flight->places = places;
	return true;
}

/* *had_out: there was something of a former process. */
static bool open_file(struct flight *flight, const char *path, bool *had_out)
{
	struct stat status;
	flight->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (flight->fd < 0 || fstat(flight->fd, &status) < 0)
		return false;
	size_t size = (size_t)status.st_size, places = FIRST_PLACES;
	*had_out = size >= length_of(FIRST_PLACES);
	if (*had_out)
		places = (size - sizeof(struct header)) / sizeof(struct pair);
	return lengthen(flight->fd, length_of(places)) && map(flight, places);
}

static void list_free(struct flight *flight)
{
	flight->free_count = 0;
	for (size_t place = flight->places; place > 0; place--)
		if (record_at(flight, place)->kind == FLIGHT_FREE)
			flight->free[flight->free_count++] = (uint32_t)place;
}

bool flight_open(struct flight **out, const char *path, uint64_t generation, bool *lost_out)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	char boot[BOOT_ID];
	bool had;
	if (!flight)
		return false;
	flight->fd = -1;
	if (!open_file(flight, path, &had)) {
		int problem = errno;
		flight_close(&flight, false);
		errno = problem;
		return false;
	}
	read_boot(boot);
	struct header *header = flight->header;
	bool ours = had && !memcmp(header->magic, magic, sizeof(magic))
		    && header->generation == generation;
	bool known = ours && boot[0] && !memcmp(header->boot, boot, BOOT_ID);
	*lost_out = !(ours && header->clean) && !known;
	if (!known || header->clean)
		memset(flight->header + 1, 0, flight->places * sizeof(struct pair));
	header->clean = 0;
	header->generation = generation;
	memcpy(header->boot, boot, BOOT_ID);
	memcpy(header->magic, magic, sizeof(magic));
	list_free(flight);
	/* Were the machine to crash, "clean" must not come back. */
	if (msync(header, sizeof(*header), MS_SYNC) < 0) {
		int problem = errno;
		flight_close(&flight, false);
		errno = problem;
		return false;
	}
	*out = flight;
	return true;
}

void flight_close(struct flight **flight, bool clean)
{
	struct flight *old = *flight;
	if (!old)
		return;
	if (old->header && clean) {
		old->header->clean = 1;
		msync(old->header, sizeof(*old->header), MS_SYNC);
	}
	if (old->header)
		munmap(old->header, length_of(old->places));
	if (old->fd >= 0)
		close(old->fd);
	free(old->free);
	free(old);
	*flight = NULL;
}

void flight_visit(struct flight *flight,
	bool (*visit)(void *context, size_t place, const struct flight_record *record),
	void *context)
{
	for (size_t place = 1; place <= flight->places; place++)
		if (record_at(flight, place)->kind != FLIGHT_FREE
			&& !visit(context, place, record_at(flight, place)))
			flight_release(flight, place);
}

static bool grow(struct flight *flight)
{
	size_t old = flight->places;
	if (old > UINT32_MAX / 4 || !lengthen(flight->fd, length_of(old * 2))
		|| !map(flight, old * 2))
		return false;
	for (size_t place = flight->places; place > old; place--)
		flight->free[flight->free_count++] = (uint32_t)place;
	return true;
}

size_t flight_take(struct flight *flight, const struct flight_record *record)
{
	if (!flight->free_count && !grow(flight))
		return 0;
	size_t place = flight->free[--flight->free_count];
	flight_set(flight, place, record);
	return place;
}

void flight_set(struct flight *flight, size_t place, const struct flight_record *record)
{
	if (!place)
		return;
	struct pair *pair = pair_at(flight, place);
	uint32_t other = !(pair->live & 1);
	pair->halves[other] = *record;
	__atomic_store_n(&pair->live, other, __ATOMIC_RELEASE);
}

void flight_release(struct flight *flight, size_t place)
{
	if (!place)
		return;
	__atomic_store_n(&record_at(flight, place)->kind, FLIGHT_FREE, __ATOMIC_RELEASE);
	flight->free[flight->free_count++] = (uint32_t)place;
}
