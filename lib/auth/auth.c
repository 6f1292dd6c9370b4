/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/auth.h"

#include "auth/header.h"
#include "auth/limit.h"
#include "auth/login.h"
#include "auth/nonce.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct auth {
	struct store *store;
	struct nonces *nonces;
	struct limiter *limiter;
	_Atomic uint64_t failures;
};

/* One request on its way to a principal. */
struct attempt {
	struct auth *auth;
	struct arena *arena;
	const struct auth_request *request;
	struct principal *who;
	struct auth_answer *answer;
};

bool auth_new(struct auth **out, struct store *store)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	if (!auth)
		return false;
	auth->store = store;
	if (!nonces_new(&auth->nonces) || !limiter_new(&auth->limiter)) {
		auth_free(&auth);
		return false;
	}
	*out = auth;
	return true;
}

void auth_free(struct auth **auth)
{
	if (!*auth)
		return;
	nonces_free(&(*auth)->nonces);
	limiter_free(&(*auth)->limiter);
	free(*auth);
	*auth = NULL;
}

uint64_t auth_failures(const struct auth *auth)
{
	return atomic_load_explicit(&auth->failures, memory_order_relaxed);
}

static bool is_loopback(const struct sockaddr *peer)
{
	if (peer && peer->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)peer;
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	}
	if (peer && peer->sa_family == AF_INET6) {
		const struct in6_addr *v6 =
			&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
		return IN6_IS_ADDR_LOOPBACK(v6)
		       || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
	}
	return false;
}

static bool offers_basic(const struct auth_request *request)
{
	return (request->settings->auth.schemes & SCHEME_BASIC)
	       && (request->tls || is_loopback(request->peer));
}

static bool offers_digest(const struct auth_request *request)
{
	return request->settings->auth.schemes & SCHEME_DIGEST;
}

static enum auth_result refuse(
	const struct attempt *attempt, enum auth_result result, const char *why)
{
	attempt->answer->why = why;
	return result;
}

static enum auth_result challenge(const struct attempt *attempt, const char *why)
{
	return refuse(attempt, AUTH_CHALLENGE, why);
}

static enum auth_result challenge_stale(const struct attempt *attempt, const char *why)
{
	attempt->answer->stale = true;
	return challenge(attempt, why);
}

static enum auth_result without_credentials(const struct attempt *attempt)
{
	const struct auth_request *request = attempt->request;
	if (request->forwarded || !request->peer
		|| !network_list_holds(&request->settings->auth.trusted_readers, request->peer))
		return challenge(attempt, "no credentials");
	*attempt->who = (struct principal){ ROLE_READER, SPAN("trusted-reader") };
	return AUTH_KNOWN;
}

static void limit_key_of(
	const struct attempt *attempt, const struct login *login, struct limit_key *out)
{
	const struct auth_request *request = attempt->request;
	limiter_key(attempt->auth->limiter, request->client ? request->client : request->peer,
		login->name, out);
}

/* Seconds until this login is heard. */
static unsigned wait_for(const struct attempt *attempt, const struct login *login)
{
	struct limit_key key;
	uint64_t most = attempt->request->settings->limits.login_failures;
	if (!most || limiter_quiet(attempt->auth->limiter, attempt->request->now_ms))
		return 0;
	limit_key_of(attempt, login, &key);
	return limiter_wait(attempt->auth->limiter, &key, most, attempt->request->now_ms);
}

/* Hears a login unless too many from there have failed; counts it when it fails. */
static enum auth_result check(const struct attempt *attempt, const struct login *login)
{
	struct auth *auth = attempt->auth;
	struct limit_key key;
	struct principal who;
	attempt->answer->retry_after = wait_for(attempt, login);
	if (attempt->answer->retry_after)
		return refuse(attempt, AUTH_LIMITED, "too many failed logins");
	switch (login_check(auth->store, attempt->arena, login, &who)) {
	case LOGIN_RIGHT:
		*attempt->who = who;
		return AUTH_KNOWN;
	case LOGIN_BROKEN:
		return refuse(attempt, AUTH_BROKEN, "users cannot be read");
	case LOGIN_WRONG:
		break;
	}
	atomic_fetch_add_explicit(&auth->failures, 1, memory_order_relaxed);
	limit_key_of(attempt, login, &key);
	limiter_failed(auth->limiter, &key, attempt->request->now_ms);
	return challenge(attempt, "wrong name or password");
}

/* No algorithm parameter means MD5 (RFC 7616 §3.4). */
static bool find_algorithm(
	const struct settings *settings, struct span text, enum digest_algorithm *out)
{
	for (size_t i = 0; i < settings->auth.algorithm_count; i++) {
		enum digest_algorithm one = (enum digest_algorithm)settings->auth.algorithms[i];
		if (text.data ? span_equal_nocase(text, span_of(digest_algorithm_text(one)))
			      : one == DIGEST_MD5) {
			*out = one;
			return true;
		}
	}
	return false;
}

/* What a client may not have known: answered by telling it again. NULL: nothing. */
static const char *find_misfit(const struct auth_request *request,
	const struct digest_header *digest, enum digest_algorithm *algorithm_out)
{
	if (!offers_digest(request))
		return "Digest is not offered";
	if (!span_equal(digest->realm, request->realm))
		return "credentials for another realm";
	if (span_equal_nocase(digest->userhash, SPAN("true")))
		return "userhash is not offered";
	if (!find_algorithm(request->settings, digest->algorithm, algorithm_out))
		return "this digest algorithm is not offered";
	if (!span_equal_nocase(digest->qop, SPAN("auth")))
		return "qop is not auth";
	return NULL;
}

/* Does the digest's uri name the target? *hashed_out: what the client hashed; none without memory.
 */
static bool names_target(const struct attempt *attempt, struct span uri, struct span *hashed_out)
{
	*hashed_out = uri;
	return attempt->request->any_target
	       || digest_uri_matches(attempt->arena, uri, attempt->request->target, hashed_out);
}

static enum auth_result by_digest(const struct attempt *attempt, const struct digest_header *digest)
{
	struct auth *auth = attempt->auth;
	const struct auth_request *request = attempt->request;
	struct login login = { .name = digest->username,
		.realm = request->realm,
		.digest = digest,
		.method = request->method };
	const char *misfit = find_misfit(request, digest, &login.algorithm);
	if (misfit)
		return challenge(attempt, misfit);
	if (!digest->nc.data || !digest->cnonce.data)
		return refuse(attempt, AUTH_MALFORMED, "digest credentials lack nc or cnonce");
	if (digest->response.size != digest_hex_size(login.algorithm))
		return refuse(attempt, AUTH_MALFORMED, "the digest response has the wrong length");
	bool same = names_target(attempt, digest->uri, &login.uri);
	if (!login.uri.data)
		return refuse(attempt, AUTH_BROKEN, "no memory");
	if (!same)
		return refuse(attempt, AUTH_MALFORMED, "digest credentials for another target");

	enum auth_result result = check(attempt, &login);
	if (result != AUTH_KNOWN)
		return result;
	struct nonce nonce;
	if (!nonce_read(auth->nonces, digest->nonce, request->realm, request->now_ms, &nonce))
		return challenge_stale(attempt, "the nonce is too old");
	if (!nonce_use(auth->nonces, &nonce, digest->count))
		return challenge_stale(attempt, "the nonce count was used before");
	return AUTH_KNOWN;
}

static enum auth_result by_basic(const struct attempt *attempt, struct span token)
{
	if (!offers_basic(attempt->request))
		return challenge(attempt, "Basic is not offered");
	struct basic_login basic;
	enum authorization_kind problem;
	if (!basic_decode(attempt->arena, token, &basic, &problem))
		return problem == AUTHORIZATION_NO_MEMORY
			       ? refuse(attempt, AUTH_BROKEN, "no memory")
			       : refuse(attempt, AUTH_MALFORMED, "malformed Basic credentials");
	struct login login = {
		.name = basic.name, .realm = attempt->request->realm, .password = basic.password
	};
	enum auth_result result = check(attempt, &login);
	explicit_bzero(basic.secret, basic.secret_size);
	return result;
}

static enum auth_result with_credentials(const struct attempt *attempt)
{
	const struct auth_request *request = attempt->request;
	struct authorization credentials;
	if (request->authorizations > 1)
		return refuse(attempt, AUTH_MALFORMED, "more than one Authorization header");
	switch (authorization_parse(attempt->arena, request->authorization, &credentials)) {
	case AUTHORIZATION_DIGEST:
		return by_digest(attempt, &credentials.digest);
	case AUTHORIZATION_BASIC:
		return by_basic(attempt, credentials.basic);
	case AUTHORIZATION_OTHER:
		return challenge(attempt, "this authentication scheme is not offered");
	case AUTHORIZATION_NO_MEMORY:
		return refuse(attempt, AUTH_BROKEN, "no memory");
	case AUTHORIZATION_MALFORMED:
		break;
	}
	return refuse(attempt, AUTH_MALFORMED, "malformed Authorization header");
}

enum auth_result auth_identify(struct auth *auth, struct arena *arena,
	const struct auth_request *request, struct principal *who, struct auth_answer *answer)
{
	*answer = (struct auth_answer){ .why = "" };
	struct principal found = { ROLE_USER, { NULL, 0 } };
	const struct attempt attempt = { auth, arena, request, &found, answer };
	enum auth_result result = request->authorizations ? with_credentials(&attempt)
							  : without_credentials(&attempt);
	*who = result == AUTH_KNOWN ? found : (struct principal){ ROLE_USER, { NULL, 0 } };
	return result;
}

/* A Host header's or authority's name: without port, brackets and the root's dot. */
static struct span host_name(struct span host)
{
	host = span_trim(host);
	size_t end = 0;
	if (span_starts(host, SPAN("["))) {
		struct span inner = span_from(host, 1);
		return span_find(inner, ']', &end) ? span_first(inner, end) : inner;
	}
	if (span_find(host, ':', &end) && !span_find(span_from(host, end + 1), ':', NULL))
		host = span_first(host, end);
	if (span_ends(host, SPAN(".")))
		host.size--;
	return host;
}

struct span auth_realm(const struct settings *settings, const struct doc_id *id, struct span host)
{
	bool of_user = id && id->tree == TREE_USERS && id->xui.size;
	struct span wanted = host_name(of_user ? xui_domain(id->xui) : host);
	for (size_t i = 0; wanted.size && i < settings->auth.domains.count; i++)
		if (span_equal_nocase(host_name(settings->auth.domains.items[i]), wanted))
			return settings->auth.domains.items[i];
	return settings->auth.realm;
}

static struct span quote(struct arena *arena, struct span text)
{
	struct buffer out = { .arena = arena };
	buffer_octet(&out, '"');
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			buffer_octet(&out, '\\');
		buffer_octet(&out, text.data[i]);
	}
	buffer_octet(&out, '"');
	return buffer_span(&out);
}

static size_t digest_challenges(struct auth *auth, struct arena *arena,
	const struct auth_request *request, bool stale_nonce, struct span realm, struct span *out)
{
	const struct settings *settings = request->settings;
	char nonce[NONCE_TEXT];
	nonce_issue(auth->nonces, request->realm, request->now_ms, nonce);
	for (size_t i = 0; i < settings->auth.algorithm_count; i++) {
		enum digest_algorithm one = (enum digest_algorithm)settings->auth.algorithms[i];
		out[i] = arena_format(arena,
			"Digest realm=%.*s, nonce=\"%.*s\", qop=\"auth\", algorithm=%s%s",
			SPAN_ARG(realm), NONCE_TEXT, nonce, digest_algorithm_text(one),
			stale_nonce ? ", stale=true" : "");
	}
	return settings->auth.algorithm_count;
}

size_t auth_challenge(struct auth *auth, struct arena *arena, const struct auth_request *request,
	bool stale, struct span out[4])
{
	size_t count = 0;
	struct span realm = quote(arena, request->realm);
	if (!realm.data)
		return 0;
	if (offers_digest(request))
		count = digest_challenges(auth, arena, request, stale, realm, out);
	if (offers_basic(request))
		out[count++] =
			arena_format(arena, "Basic realm=%.*s, charset=\"UTF-8\"", SPAN_ARG(realm));
	for (size_t i = 0; i < count; i++)
		if (!out[i].data)
			return 0;
	return count;
}
