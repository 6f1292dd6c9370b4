/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/settings_private.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool only(struct span text, const char *also)
{
	for (size_t i = 0; i < text.size; i++)
		if (!is_alphanumeric(text.data[i])
			&& (!text.data[i] || !strchr(also, text.data[i])))
			return false;
	return text.size > 0;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* pchar of RFC 3986 §3.3, one segment. Dot segments vanish on the way to us, "~~" separates the
 * node selector (RFC 4825 §6). */
static bool good_segment(struct span segment)
{
	for (size_t i = 0; i < segment.size; i++)
		if (segment.data[i] == '%'
			&& (i + 2 >= segment.size || !is_hex(segment.data[i + 1])
				|| !is_hex(segment.data[i + 2])))
			return false;
	return only(segment, "-._~!$&'()*+,;=:@%") && !span_equal_text(segment, ".")
	       && !span_equal_text(segment, "..") && !span_equal_text(segment, "~~");
}

static bool good_path(struct span path)
{
	struct span rest = span_from(path, 1);
	while (path.size && rest.data)
		if (!good_segment(span_cut(&rest, '/')))
			return false;
	return true;
}

static bool http_scheme(struct span uri, struct span *after_out)
{
	static const char *const schemes[] = { "http://", "https://" };
	for (size_t i = 0; i < COUNT(schemes); i++) {
		struct span scheme = span_of(schemes[i]);
		if (!span_equal_nocase(span_first(uri, scheme.size), scheme))
			continue;
		*after_out = span_from(uri, scheme.size);
		return true;
	}
	return false;
}

static void check_root(struct settings *settings, struct config_origin *origin)
{
	struct span *root = &settings->http.root, authority;
	if (!http_scheme(*root, &authority)) {
		config_problem(origin, root, "\"%.*s\" does not begin with http:// or https://",
			SPAN_ARG(*root));
		return;
	}
	if (span_ends(authority, SPAN("/"))) {
		authority.size--;
		root->size--;
	}
	size_t slash = authority.size;
	span_find(authority, '/', &slash);
	struct span path = span_from(authority, slash);
	authority = span_first(authority, slash);
	if (!only(authority, "-._~:[]")) {
		config_problem(
			origin, root, "\"%.*s\" needs a host, and no user name", SPAN_ARG(*root));
		return;
	}
	if (!good_path(path)) {
		config_problem(origin, root,
			"\"%.*s\" has a path that no request can name: it has a query, a fragment, "
			"an empty segment, \".\", \"..\", \"~~\" or a character to be "
			"percent-encoded",
			SPAN_ARG(*root));
		return;
	}
	struct span site = span_first(*root, root->size - path.size);
	settings->http.root_path = arena_copy(settings->arena, path.size ? path : SPAN("/"));
	settings->http.root_origin = arena_copy(settings->arena, site);
	*root = arena_copy(settings->arena, *root);
	if (!root->data || !settings->http.root_path.data || !settings->http.root_origin.data)
		config_problem(origin, root, "out of memory");
}

static void check_pair(
	const struct span *certificate, const struct span *key, struct config_origin *origin)
{
	if (certificate->size && !key->size)
		config_problem(origin, certificate, "tls-key is missing beside it");
	if (key->size && !certificate->size)
		config_problem(origin, key, "tls-certificate is missing beside it");
}

static void check_origins(struct settings *settings, struct config_origin *origin)
{
	const struct span_list *list = &settings->http.cors_origins;
	for (size_t i = 0; i < list->count; i++) {
		size_t end;
		struct span host = list->items[i];
		if (span_search(host, SPAN("://"), &end) && end
			&& only(span_first(host, end), "+-.")
			&& only(span_from(host, end + 3), "-._~:[]"))
			continue;
		config_problem(origin, list,
			"\"%.*s\" is not an origin, such as https://app.example.com",
			SPAN_ARG(host));
	}
}

static void check_apart(const struct address_list *list, const struct address_list *others,
	const void *field, const char *other_name, struct config_origin *origin)
{
	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < others->count; j++)
			if (settings_same_address(&list->items[i], &others->items[j]))
				config_problem(origin, field, "%.*s is in %s too",
					SPAN_ARG(list->items[i].text), other_name);
}

void settings_check_http(struct settings *settings, struct config_origin *origin)
{
	struct arena *arena = settings->arena;
	const struct span_list *texts = &settings->http.listen_text;
	if (!texts->count)
		config_problem(origin, texts, "at least one ADDR:PORT is needed");
	settings_addresses(arena, texts, &settings->http.listen, origin, texts);
	check_root(settings, origin);
	check_pair(&settings->http.tls_certificate, &settings->http.tls_key, origin);
	if (settings->http.tls_client_ca.size && !settings->http.tls_certificate.size)
		config_problem(origin, &settings->http.tls_client_ca,
			"tls-certificate is missing beside it");
	check_origins(settings, origin);
	texts = &settings->admin.listen_text;
	settings_addresses(arena, texts, &settings->admin.listen, origin, texts);
	check_apart(&settings->admin.listen, &settings->http.listen, texts, "http.listen", origin);
}

static struct span lowered(struct arena *arena, struct span text)
{
	char *copy = arena_text(arena, text);
	for (size_t i = 0; copy && i < text.size; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] - 'A' + 'a');
	return (struct span){ copy, copy ? text.size : 0 };
}

static bool in_list(struct span wanted, const struct span *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_equal(wanted, items[i]))
			return true;
	return false;
}

static void check_domain(struct span domain, const void *field, struct config_origin *origin)
{
	if (!domain.data)
		config_problem(origin, field, "out of memory");
	else if (!only(domain, "-._") || domain.size > 253)
		config_problem(origin, field, "\"%.*s\" is not a domain, such as example.com",
			SPAN_ARG(domain));
}

static void check_domains(struct settings *settings, struct config_origin *origin)
{
	const struct span_list *texts = &settings->auth.domains;
	struct span *items = arena_alloc(settings->arena, (texts->count + 1) * sizeof(*items));
	size_t count = 0;
	settings->auth.realm = lowered(settings->arena, settings->auth.realm);
	check_domain(settings->auth.realm, &settings->auth.realm, origin);
	if (!items) {
		config_problem(origin, texts, "out of memory");
		return;
	}
	for (size_t i = 0; i < texts->count; i++) {
		struct span domain = lowered(settings->arena, texts->items[i]);
		check_domain(domain, texts, origin);
		if (!in_list(domain, items, count))
			items[count++] = domain;
	}
	if (!in_list(settings->auth.realm, items, count))
		items[count++] = settings->auth.realm;
	settings->auth.domains = (struct span_list){ items, count };
}

/* Its place among the names, or -1, told as a problem. */
static int choose(const struct span_list *texts, size_t i, const char *const *names,
	struct config_origin *origin)
{
	for (int n = 0; n < 2; n++)
		if (span_equal_nocase(texts->items[i], span_of(names[n])))
			return n;
	config_problem(origin, texts, "\"%.*s\" is not one of %s, %s", SPAN_ARG(texts->items[i]),
		names[0], names[1]);
	return -1;
}

static void check_schemes(struct settings *settings, struct config_origin *origin)
{
	static const char *const names[] = { "digest", "basic" };
	const struct span_list *texts = &settings->auth.schemes_text;
	if (!texts->count)
		config_problem(origin, texts, "at least one of digest, basic is needed");
	for (size_t i = 0; i < texts->count; i++) {
		int n = choose(texts, i, names, origin);
		if (n >= 0)
			settings->auth.schemes |= n ? SCHEME_BASIC : SCHEME_DIGEST;
	}
	if (!(settings->auth.schemes & SCHEME_BASIC) || settings->http.tls_certificate.size)
		return;
	for (size_t i = 0; i < settings->http.listen.count; i++)
		if (!settings_is_loopback(&settings->http.listen.items[i]))
			config_problem(origin, texts,
				"basic sends passwords in the clear: it needs TLS, or loopback "
				"addresses only in http.listen, not %.*s",
				SPAN_ARG(settings->http.listen.items[i].text));
}

static void check_algorithms(struct settings *settings, struct config_origin *origin)
{
	static const char *const names[] = { "MD5", "SHA-256" };
	const struct span_list *texts = &settings->auth.algorithms_text;
	if (!texts->count)
		config_problem(origin, texts, "at least one of MD5, SHA-256 is needed");
	for (size_t i = 0; i < texts->count; i++) {
		int n = choose(texts, i, names, origin);
		if (n < 0)
			continue;
		size_t count = settings->auth.algorithm_count;
		if (count == 2 || (count == 1 && settings->auth.algorithms[0] == n)) {
			config_problem(origin, texts, "%s stands there twice", names[n]);
			return;
		}
		settings->auth.algorithms[settings->auth.algorithm_count++] = n;
	}
}

void settings_check_auth(struct settings *settings, struct config_origin *origin)
{
	const struct span_list *trusted = &settings->auth.trusted_text;
	const struct span_list *readers = &settings->auth.trusted_readers_text;
	check_domains(settings, origin);
	check_schemes(settings, origin);
	check_algorithms(settings, origin);
	settings_networks(settings->arena, trusted, &settings->auth.trusted, origin, trusted);
	settings_networks(
		settings->arena, readers, &settings->auth.trusted_readers, origin, readers);
	if (settings_networks_overlap(&settings->auth.trusted, &settings->auth.trusted_readers))
		config_problem(origin, readers,
			"overlaps with auth.trusted: everybody behind that proxy would be a "
			"reader");
}

static void check_sip_listen(struct settings *settings, struct config_origin *origin)
{
	static const char *const transports[] = { "udp:", "tcp:", "tls:" };
	const struct span_list *list = &settings->notifier.listen;
	if (!list->count)
		config_problem(origin, list, "at least one of udp:, tcp:, tls: is needed");
	for (size_t i = 0; i < list->count; i++) {
		struct address address;
		size_t t = 0;
		while (t < COUNT(transports)
			&& !span_starts(list->items[i], span_of(transports[t])))
			t++;
		if (t == COUNT(transports))
			config_problem(origin, list,
				"\"%.*s\" does not begin with udp:, tcp: or tls:",
				SPAN_ARG(list->items[i]));
		else
			settings_address(settings->arena, span_from(list->items[i], 4), &address,
				origin, list);
		if (t == 2 && !settings->notifier.tls_certificate.size)
			config_problem(origin, list, "tls: needs notifier.tls-certificate");
	}
}

static void check_expires(struct settings *settings, struct config_origin *origin)
{
	const uint64_t *standard = &settings->notifier.default_expires_ms;
	if (*standard < settings->notifier.min_expires_ms)
		config_problem(origin, standard, "shorter than notifier.min-expires");
	if (*standard > settings->notifier.max_expires_ms)
		config_problem(origin, standard, "longer than notifier.max-expires");
}

static void check_target(const struct target_settings *target, struct config_origin *origin)
{
	struct span rest;
	struct span uri = target->uri;
	bool sip = span_equal_nocase(span_first(uri, 4), SPAN("sip:"))
		   || span_equal_nocase(span_first(uri, 5), SPAN("sips:"));
	if (!uri.size)
		config_problem(origin, target, "uri is missing");
	else if (target->method == METHOD_RPC && (!http_scheme(uri, &rest) || !rest.size))
		config_problem(origin, &target->uri,
			"\"%.*s\" does not begin with http:// or https://, as rpc needs",
			SPAN_ARG(uri));
	else if (target->method != METHOD_RPC && (!sip || uri.data[uri.size - 1] == ':'))
		config_problem(origin, &target->uri,
			"\"%.*s\" does not begin with sip: or sips:", SPAN_ARG(uri));
	if (span_find(uri, ' ', NULL) || span_find(uri, '\t', NULL))
		config_problem(origin, &target->uri, "white space in a URI");
	if (target->password.size && !target->username.size)
		config_problem(origin, &target->password, "username is missing beside it");
	for (size_t i = 0; i < target->usages.count; i++)
		if (!only(target->usages.items[i], "-._!~*'()+"))
			config_problem(origin, &target->usages,
				"\"%.*s\" is not the name of a usage",
				SPAN_ARG(target->usages.items[i]));
}

void settings_check_notifier(struct settings *settings, struct config_origin *origin)
{
	const struct span_list *texts = &settings->notifier.admin_listen_text;
	check_sip_listen(settings, origin);
	check_pair(&settings->notifier.tls_certificate, &settings->notifier.tls_key, origin);
	settings_addresses(settings->arena, texts, &settings->notifier.admin_listen, origin, texts);
	check_apart(&settings->notifier.admin_listen, &settings->http.listen, texts, "http.listen",
		origin);
	check_apart(&settings->notifier.admin_listen, &settings->admin.listen, texts,
		"admin.listen", origin);
	check_expires(settings, origin);
	for (size_t i = 0; i < settings->target_count; i++)
		check_target(&settings->targets[i], origin);
}
