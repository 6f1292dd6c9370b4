/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: bench_http_floor PORT THREADS FILE
 * libmicrohttpd alone, started as xcapd starts it. FILE is an answer as it went over the wire: its
 * header fields and body are what every request gets, but for Date, Connection and Content-Length.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILE_MOST = 4 << 20, FIELDS_MOST = 32, MEMORY = 16 * 1024 };

static char octets[FILE_MOST + 1];
static const char *names[FIELDS_MOST], *values[FIELDS_MOST], *body;
static size_t field_count, body_size;

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *part, size_t *part_size,
	void **context)
{
	static char seen;
	(void)data, (void)url, (void)method, (void)version, (void)part, (void)part_size;
	if (!*context) { /* as xcapd: the answer comes with the second call */
		*context = &seen;
		return MHD_YES;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body_size, (void *)(unsigned long)body, MHD_RESPMEM_PERSISTENT);
	for (size_t i = 0; i < field_count; i++)
		MHD_add_response_header(response, names[i], values[i]);
	enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return queued;
}

static int is_made_by_library(const char *name)
{
	return !strcasecmp(name, "Date") || !strcasecmp(name, "Connection")
	       || !strcasecmp(name, "Content-Length");
}

static int read_answer(const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	size_t size = fread(octets, 1, FILE_MOST, file);
	fclose(file);
	char *end = strstr(octets, "\r\n\r\n");
	if (!end)
		return -1;
	body = end + 4;
	body_size = size - (size_t)(body - octets);
	end[2] = '\0';
	char *line = strstr(octets, "\r\n") + 2;
	while (*line && field_count < FIELDS_MOST) {
		char *next = strstr(line, "\r\n"), *colon = strstr(line, ": ");
		if (!next || !colon)
			return -1;
		*next = *colon = '\0';
		if (!is_made_by_library(line)) {
			names[field_count] = line;
			values[field_count++] = colon + 2;
		}
		line = next + 2;
	}
	return 0;
}

int main(int count, char **words)
{
	if (count != 4 || read_answer(words[3]) != 0) {
		fprintf(stderr, "usage: bench_http_floor PORT THREADS FILE\n");
		return 2;
	}
	struct sockaddr_in address = { .sin_family = AF_INET };
	address.sin_port = htons((unsigned short)atoi(words[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	unsigned threads = (unsigned)atoi(words[2]);
	sigset_t ends;
	int number;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	struct MHD_OptionItem pool[] = {
		{ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	if (threads < 2)
		pool[0] = pool[1];
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME
					 | MHD_USE_ITC | MHD_USE_ERROR_LOG,
			0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &address,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
			MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
	if (!daemon)
		return 1;
	sigwait(&ends, &number);
	MHD_stop_daemon(daemon);
	return 0;
}
