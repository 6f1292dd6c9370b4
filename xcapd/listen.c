/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/listen.h"

#include "xcapd/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* The figures of an IPv4 or IPv6 address, its port in network order. */
static const void *octets_of(const struct sockaddr_storage *address, size_t *size, in_port_t *port)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	bool six = address->ss_family == AF_INET6;
	*size = six ? sizeof(v6->sin6_addr) : sizeof(v4->sin_addr);
	*port = six ? v6->sin6_port : v4->sin_port;
	return six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
}

static bool same_place(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	size_t size, other_size;
	in_port_t port, other_port;
	if (a->ss_family != b->ss_family)
		return false;
	const void *octets = octets_of(a, &size, &port);
	const void *other = octets_of(b, &other_size, &other_port);
	return port == other_port && memcmp(octets, other, size) == 0;
}

static bool local_address(int fd, struct sockaddr_storage *out)
{
	socklen_t length = sizeof(*out);
	memset(out, 0, sizeof(*out));
	return getsockname(fd, (struct sockaddr *)(void *)out, &length) == 0
	       && (out->ss_family == AF_INET || out->ss_family == AF_INET6);
}

bool handed_take(struct handed *out, FILE *problems)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);
	*out = (struct handed){ 0 };
	for (int i = 0; i < count; i++) {
		if (i < HANDED_MOST) {
			out->sockets[i].fd = SD_LISTEN_FDS_START + i;
			snprintf(out->sockets[i].name, sizeof(out->sockets[i].name), "%s",
				names && names[i] ? names[i] : "");
			out->count++;
		}
		if (names)
			free(names[i]);
	}
	free(names);
	if (count < 0)
		fprintf(problems, "sockets that were handed over: %s\n", strerror(-count));
	else if (count > HANDED_MOST)
		fprintf(problems, "more than %d sockets were handed over\n", HANDED_MOST);
	return count >= 0 && count <= HANDED_MOST;
}

bool handed_end(struct handed *handed, FILE *problems)
{
	bool good = true;
	for (size_t i = 0; i < handed->count; i++) {
		struct sockaddr_storage address;
		char text[ADDRESS_TEXT] = "";
		size_t size;
		in_port_t port = 0;
		int fd = handed->sockets[i].fd;
		if (fd < 0)
			continue;
		if (local_address(fd, &address)) {
			address_text((const struct sockaddr *)(const void *)&address, text);
			octets_of(&address, &size, &port);
		}
		if (problems)
			fprintf(problems,
				"the socket \"%s\" that was handed over (%s port %u) is in neither "
				"http.listen nor admin.listen, or is no listening stream\n",
				handed->sockets[i].name, text, (unsigned)ntohs(port));
		close(fd);
		good = false;
	}
	handed->count = 0;
	return good;
}

static bool serves(const char *socket_name, const char *name)
{
	bool bound = !strcmp(socket_name, "http") || !strcmp(socket_name, "admin");
	return !bound || !strcmp(socket_name, name);
}

static int take(struct handed *handed, const char *name, const struct address *address)
{
	for (size_t i = 0; i < handed->count; i++) {
		struct sockaddr_storage local;
		int fd = handed->sockets[i].fd;
		if (fd < 0 || !serves(handed->sockets[i].name, name)
			|| sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0
			|| !local_address(fd, &local) || !same_place(&local, &address->socket))
			continue;
		int flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
			continue;
		handed->sockets[i].fd = -1;
		return fd;
	}
	return -1;
}

int listen_on(
	struct handed *handed, const char *name, const struct address *address, FILE *problems)
{
	int yes = 1, fd = take(handed, name, address);
	if (fd >= 0)
		return fd;
	fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
