/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: bench_sip sink PORT [--log FILE]
 *        bench_sip subscribe PORT COUNT [--entry URI] [--user NAME] [--password WORD] [--window N]
 * [--stay SECONDS] One SIP socket on the loopback (UDP). `sink` answers whatever it gets with 200
 * until SIGTERM, then prints a line of JSON: how many requests, and how long from the first to the
 * last; into FILE go the time of each and the first new-etag it tells. `subscribe` subscribes COUNT
 * times to the notifier at PORT with digest, {n} in the entry being the number, answers its
 * NOTIFYs, and prints how long that took; with --stay it goes on answering and logs as sink does.
 */
#include "xcap/principal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MOST = 65536, BUFFER = 16 << 20, NONCE_USES = 100000 };

static int sip;
static FILE *record;
static volatile sig_atomic_t stopping;
static char message[MESSAGE_MOST], answer[MESSAGE_MOST];
static uint64_t requests, accepted, refused, sent;
static double first, last;

static struct {
	const char *entry, *user, *password;
	uint64_t count, window;
	double stay;
	struct sockaddr_in server;
} want = { .entry = "resource-lists/users/sip:u{n}@example.com/index",
	.user = "admin",
	.password = "admin",
	.window = 64 };

static struct {
	char nonce[128], realm[128];
	uint32_t uses;
} login;

static double seconds(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_socket(int port)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER;
	struct sockaddr_in here = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof(here))) {
		perror("bench_sip");
		exit(1);
	}
	return fd;
}

/* --- what comes in --- */

static bool is_field(const char *line, const char *name)
{
	return !strncasecmp(line, name, strlen(name)) && line[strlen(name)] == ':';
}

/* 200 with the fields that RFC 3261 §8.2.6 wants back. */
static size_t make_answer(const char *head)
{
	size_t size = (size_t)sprintf(answer, "SIP/2.0 200 OK\r\n");
	const char *line = strstr(head, "\r\n") + 2;
	for (const char *end; (end = strstr(line, "\r\n")) && end != line; line = end + 2) {
		size_t length = (size_t)(end - line);
		bool to = is_field(line, "To");
		if (!to && !is_field(line, "Via") && !is_field(line, "From")
			&& !is_field(line, "Call-ID") && !is_field(line, "CSeq"))
			continue;
		memcpy(answer + size, line, length);
		size += length;
		if (to && !memmem(line, length, ";tag=", 5))
			size += (size_t)sprintf(answer + size, ";tag=sink");
		size += (size_t)sprintf(answer + size, "\r\n");
	}
	return size + (size_t)sprintf(answer + size, "Content-Length: 0\r\n\r\n");
}

static void take_request(const struct sockaddr_in *from)
{
	last = seconds(CLOCK_MONOTONIC);
	if (!requests++)
		first = last;
	const char *tag = record ? strstr(message, "new-etag=\"") : NULL;
	if (tag)
		fprintf(record, "%.6f %.*s\n", seconds(CLOCK_REALTIME),
			(int)strcspn(tag + 10, "\""), tag + 10);
	size_t size = make_answer(message);
	sendto(sip, answer, size, 0, (const struct sockaddr *)from, sizeof(*from));
}

/* --- what goes out --- */

static void authorize(char *out, const char *uri)
{
	char ha1[DIGEST_HEX_MAX], ha2[DIGEST_HEX_MAX], proof[DIGEST_HEX_MAX], count[9];
	const struct span colon = SPAN(":");
	const struct span who[] = { span_of(want.user), colon, span_of(login.realm), colon,
		span_of(want.password) };
	const struct span what[] = { SPAN("SUBSCRIBE:"), span_of(uri) };
	snprintf(count, sizeof(count), "%08x", ++login.uses);
	digest_hex(DIGEST_MD5, who, 5, ha1);
	digest_hex(DIGEST_MD5, what, 2, ha2);
	const struct span all[] = { { ha1, 32 }, colon, span_of(login.nonce), colon, span_of(count),
		SPAN(":c:auth:"), { ha2, 32 } };
	digest_hex(DIGEST_MD5, all, 7, proof);
	sprintf(out,
		"Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
		"response=\"%.32s\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=%s\r\n",
		want.user, login.realm, login.nonce, uri, proof, count);
}

static void subscribe(uint64_t number)
{
	static char body[2048], proof[1024], entry[512];
	struct sockaddr_in here;
	socklen_t length = sizeof(here);
	getsockname(sip, (struct sockaddr *)&here, &length);
	const char *mark = strstr(want.entry, "{n}");
	if (mark)
		snprintf(entry, sizeof(entry), "%.*s%llu%s", (int)(mark - want.entry), want.entry,
			(unsigned long long)number, mark + 3);
	else
		snprintf(entry, sizeof(entry), "%s", want.entry);
	proof[0] = 0;
	if (login.nonce[0])
		authorize(proof, "sip:xcap@127.0.0.1");
	int size = snprintf(body, sizeof(body),
		"<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>"
		"<entry uri=\"%s\"/></list></resource-lists>",
		entry);
	int all = snprintf(message, sizeof(message),
		"SUBSCRIBE sip:xcap@127.0.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bKb%llu-%u\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=f%llu\r\n"
		"To: <sip:xcap@127.0.0.1>\r\nCall-ID: bench%d-%llu\r\nCSeq: %u SUBSCRIBE\r\n"
		"Contact: <sip:bench@127.0.0.1:%u>\r\nEvent: xcap-diff\r\nExpires: 3600\r\n"
		"%sContent-Type: application/resource-lists+xml\r\nContent-Length: %d\r\n\r\n%s",
		ntohs(here.sin_port), (unsigned long long)number, login.uses, want.user,
		(unsigned long long)number, getpid(), (unsigned long long)number, login.uses + 1,
		ntohs(here.sin_port), proof, size, body);
	sendto(sip, message, (size_t)all, 0, (const struct sockaddr *)&want.server,
		sizeof(want.server));
	sent++;
}

static void copy_parameter(const char *from, const char *name, char *to, size_t room)
{
	const char *at = strstr(from, name);
	if (at)
		snprintf(
			to, room, "%.*s", (int)strcspn(at + strlen(name), "\""), at + strlen(name));
}

static void take_response(void)
{
	int status = atoi(message + 8);
	if (status == 401 && !login.nonce[0]) {
		copy_parameter(message, "nonce=\"", login.nonce, sizeof(login.nonce));
		copy_parameter(message, "realm=\"", login.realm, sizeof(login.realm));
		sent = 0;
	} else if (status == 200) {
		accepted++;
	} else if (status > 200) {
		if (!refused++)
			fprintf(stderr, "bench_sip: refused: %.200s\n", message);
	}
}

static bool receive(int wait_ms)
{
	struct pollfd ready = { .fd = sip, .events = POLLIN };
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	if (poll(&ready, 1, wait_ms) <= 0)
		return false;
	ssize_t size = recvfrom(
		sip, message, sizeof(message) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
	if (size <= 0)
		return false;
	message[size] = 0;
	if (!strstr(message, "\r\n\r\n"))
		return true;
	if (!strncmp(message, "SIP/2.0 ", 8))
		take_response();
	else
		take_request(&from);
	return true;
}

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static void report(double took)
{
	printf("{\"requests\": %llu, \"span\": %.6f, \"accepted\": %llu, \"refused\": %llu, "
	       "\"took\": %.6f}\n",
		(unsigned long long)requests, last - first, (unsigned long long)accepted,
		(unsigned long long)refused, took);
	fflush(stdout);
	if (record)
		fflush(record);
}

static void run_subscribe(void)
{
	subscribe(0);
	while (!login.nonce[0] && receive(5000))
		;
	double began = seconds(CLOCK_MONOTONIC);
	while (!stopping && accepted + refused < want.count) {
		while (sent < want.count && sent < accepted + refused + want.window)
			subscribe(sent);
		if (!receive(5000))
			break;
	}
	double took = seconds(CLOCK_MONOTONIC) - began;
	while (!stopping && requests < accepted && receive(2000))
		;
	report(took);
	for (double end = seconds(CLOCK_MONOTONIC) + want.stay;
		!stopping && seconds(CLOCK_MONOTONIC) < end;)
		receive(200);
}

static void read_options(int count, char **words)
{
	static const struct option options[] = {
		{ "log", required_argument, NULL, 'l' },
		{ "entry", required_argument, NULL, 'e' },
		{ "user", required_argument, NULL, 'u' },
		{ "password", required_argument, NULL, 'p' },
		{ "window", required_argument, NULL, 'w' },
		{ "stay", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			record = fopen(optarg, "w");
			break;
		case 'e':
			want.entry = optarg;
			break;
		case 'u':
			want.user = optarg;
			break;
		case 'p':
			want.password = optarg;
			break;
		case 'w':
			want.window = strtoull(optarg, NULL, 10);
			break;
		case 's':
			want.stay = atof(optarg);
			break;
		default:
			exit(2);
		}
	}
}

int main(int count, char **words)
{
	struct sigaction action = { .sa_handler = stop };
	read_options(count, words);
	bool sink = optind + 2 == count && !strcmp(words[optind], "sink");
	if (!sink && (optind + 3 != count || strcmp(words[optind], "subscribe"))) {
		fprintf(stderr, "usage: bench_sip sink PORT | subscribe PORT COUNT\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sip = open_socket(sink ? atoi(words[optind + 1]) : 0);
	if (sink) {
		while (!stopping)
			receive(1000);
		report(0);
	} else {
		want.server = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_port = htons((uint16_t)atoi(words[optind + 1])),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		want.count = strtoull(words[optind + 2], NULL, 10);
		run_subscribe();
	}
	if (record)
		fclose(record);
	return 0;
}
