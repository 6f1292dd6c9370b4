/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/rpc.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { CONNECT_MS = 5000, WHOLE_MS = 32000, ANSWER_MOST = 64 * 1024, CONNECTIONS = 8 };
enum { RETRY_MOST = 3600 };

struct rpc {
	struct loop *loop;
	const struct settings *settings;
	const struct target_settings *target;
	CURLM *multi;
	struct timer timer;
	struct curl_slist *headers;
	struct rpc_call *calls;
};

/* libcurl's interest in one socket. */
struct interest {
	struct rpc *rpc;
	struct watch watch;
};

struct rpc_call {
	struct rpc *rpc;
	struct rpc_call *next, **link;
	CURL *easy;
	rpc_done *done;
	void *context;
	char problem[CURL_ERROR_SIZE];
	char *answer;
	size_t size;
};

bool rpc_start(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void rpc_stop(void)
{
	curl_global_cleanup();
}

/* --- how an answer is read --- */

static unsigned retry_after(CURL *easy)
{
	curl_off_t seconds = 0;
	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds < 0)
		return 0;
	return seconds > RETRY_MOST ? RETRY_MOST : (unsigned)seconds;
}

/* A JSON-RPC error is a failure though the HTTP status is 200 (JSON-RPC 2.0 §5.1). */
static void read_answer(const struct rpc_call *call, struct rpc_result *out)
{
	json_error_t problem;
	json_t *answer = json_loadb(call->answer ? call->answer : "", call->size, 0, &problem);
	const json_t *error = json_object_get(answer, "error");
	if (!json_is_object(answer)) {
		snprintf(out->why, sizeof(out->why), "the answer is no JSON-RPC");
	} else if (error && !json_is_null(error)) {
		const char *message = json_string_value(json_object_get(error, "message"));
		snprintf(out->why, sizeof(out->why), "JSON-RPC error %lld: %.100s",
			(long long)json_integer_value(json_object_get(error, "code")),
			message ? message : "(no message)");
	} else {
		out->well = true;
	}
	json_decref(answer);
}

static struct rpc_result result_of(const struct rpc_call *call, CURLcode code)
{
	struct rpc_result result = { .answered = code == CURLE_OK };
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		snprintf(result.why, sizeof(result.why), "%.150s",
			call->problem[0] ? call->problem : curl_easy_strerror(code));
	else if (status < 200 || status >= 300)
		snprintf(result.why, sizeof(result.why), "HTTP status %ld", status);
	else
		read_answer(call, &result);
	result.retry_after = retry_after(call->easy);
	return result;
}

static void call_free(struct rpc_call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	curl_multi_remove_handle(call->rpc->multi, call->easy);
	curl_easy_cleanup(call->easy);
	free(call->answer);
	free(call);
}

static void finish_calls(struct rpc *rpc)
{
	const CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(rpc->multi, &left))) {
		struct rpc_call *call = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		const struct rpc_result result = result_of(call, code);
		rpc_done *done = call->done;
		void *context = call->context;
		call_free(call);
		done(context, &result);
	}
}

/* --- libcurl in the loop --- */

static void socket_ready(void *context, uint32_t events)
{
	const struct interest *interest = context;
	struct rpc *rpc = interest->rpc;
	int running, what = 0;
	what |= events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0;
	what |= events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(rpc->multi, interest->watch.fd, what, &running);
	finish_calls(rpc);
}

static int socket_changed(
	CURL *easy, curl_socket_t socket, int what, void *context, void *of_socket)
{
	struct rpc *rpc = context;
	struct interest *interest = of_socket;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (interest)
			loop_unwatch(rpc->loop, &interest->watch);
		curl_multi_assign(rpc->multi, socket, NULL);
		free(interest);
		return 0;
	}
	if (!interest) {
		interest = calloc(1, sizeof(*interest));
		if (!interest)
			return -1;
		interest->rpc = rpc;
		interest->watch = (struct watch){ socket, socket_ready, interest, false };
		curl_multi_assign(rpc->multi, socket, interest);
	}
	uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0)
			  | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	return loop_watch(rpc->loop, &interest->watch, events) ? 0 : -1;
}

static void time_is_up(void *context)
{
	struct rpc *rpc = context;
	int running;
	curl_multi_socket_action(rpc->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_calls(rpc);
}

static int timer_changed(CURLM *multi, long wait_ms, void *context)
{
	struct rpc *rpc = context;
	(void)multi;
	if (wait_ms < 0)
		timer_stop(rpc->loop, &rpc->timer);
	else
		timer_set(rpc->loop, &rpc->timer, loop_now(rpc->loop) + (uint64_t)wait_ms);
	return 0;
}

bool rpc_new(struct rpc **out, struct loop *loop, const struct settings *settings,
	const struct target_settings *target)
{
	struct rpc *rpc = calloc(1, sizeof(*rpc));
	*out = rpc;
	if (!rpc)
		return false;
	rpc->loop = loop;
	rpc->settings = settings;
	rpc->target = target;
	rpc->timer = (struct timer){ .fire = time_is_up, .context = rpc };
	rpc->multi = curl_multi_init();
	rpc->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!rpc->multi || !rpc->headers) {
		rpc_free(out);
		return false;
	}
	curl_multi_setopt(rpc->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(rpc->multi, CURLMOPT_SOCKETDATA, rpc);
	curl_multi_setopt(rpc->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(rpc->multi, CURLMOPT_TIMERDATA, rpc);
	curl_multi_setopt(rpc->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS);
	return true;
}

void rpc_free(struct rpc **rpc)
{
	if (!*rpc)
		return;
	while ((*rpc)->calls)
		call_free((*rpc)->calls);
	curl_multi_cleanup((*rpc)->multi);
	timer_stop((*rpc)->loop, &(*rpc)->timer);
	curl_slist_free_all((*rpc)->headers);
	free(*rpc);
	*rpc = NULL;
}

/* --- calls --- */

static size_t take_part(char *data, size_t one, size_t size, void *context)
{
	struct rpc_call *call = context;
	(void)one;
	if (call->size + size > ANSWER_MOST)
		return 0;
	char *more = realloc(call->answer, call->size + size + 1);
	if (!more)
		return 0;
	memcpy(more + call->size, data, size);
	call->answer = more;
	call->size += size;
	return size;
}

static void prepare(struct rpc_call *call, struct span body)
{
	const struct target_settings *target = call->rpc->target;
	const struct settings *settings = call->rpc->settings;
	CURL *easy = call->easy;
	bool secure = span_equal_nocase(span_first(target->uri, 6), SPAN("https:"));
	curl_easy_setopt(easy, CURLOPT_URL, target->uri.data);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)WHOLE_MS);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, target->tls_verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, target->tls_verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (settings->notifier.tls_ca.size)
		curl_easy_setopt(easy, CURLOPT_CAINFO, settings->notifier.tls_ca.data);
	if (target->username.size) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH,
			(long)(CURLAUTH_DIGEST | (secure ? CURLAUTH_BASIC : 0)));
		curl_easy_setopt(easy, CURLOPT_USERNAME, target->username.data);
		curl_easy_setopt(
			easy, CURLOPT_PASSWORD, target->password.data ? target->password.data : "");
	}
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "xcap-notifier/" XCAPD_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->rpc->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body.size);
	curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body.data);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->problem);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_part);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

struct rpc_call *rpc_post(struct rpc *rpc, struct span body, rpc_done *done, void *context)
{
	struct rpc_call *call = calloc(1, sizeof(*call));
	CURL *easy = call ? curl_easy_init() : NULL;
	if (!easy) {
		free(call);
		return NULL;
	}
	call->rpc = rpc;
	call->easy = easy;
	call->done = done;
	call->context = context;
	prepare(call, body);
	if (curl_multi_add_handle(rpc->multi, easy) != CURLM_OK) {
		curl_easy_cleanup(easy);
		free(call);
		return NULL;
	}
	call->next = rpc->calls;
	call->link = &rpc->calls;
	if (call->next)
		call->next->link = &call->next;
	rpc->calls = call;
	return call;
}

void rpc_forget(struct rpc_call **call)
{
	if (*call)
		call_free(*call);
	*call = NULL;
}
