/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DOORBELL "doorbell"

/* Through /proc, because a path in a socket's address ends at 107 octets. */
static struct sockaddr_un doorbell_address(const struct store *store)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" DOORBELL,
		store->folder);
	return address;
}

int doorbell_open(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void doorbell_ring(const struct store *store)
{
	struct sockaddr_un address = doorbell_address(store);
	(void)sendto(store->bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&address, sizeof(address));
}

int store_doorbell(struct store *store)
{
	struct sockaddr_un address = doorbell_address(store);
	int doorbell = doorbell_open();
	if (doorbell < 0)
		return -1;
	unlinkat(store->folder, DOORBELL, 0);
	if (bind(doorbell, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return doorbell;
	int why = errno;
	close(doorbell);
	errno = why;
	return -1;
}
