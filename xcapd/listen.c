/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/listen.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int listen_on(const struct address *address, FILE *problems)
{
	int yes = 1;
	int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const struct sockaddr *where = (const struct sockaddr *)(const void *)&address->socket;
	if (fd >= 0 && address->socket.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes))
		&& !bind(fd, where, address->length) && !listen(fd, SOMAXCONN))
		return fd;
	fprintf(problems, "cannot listen on %s: %s\n", address->text.data, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}
