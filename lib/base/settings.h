/* SPDX-License-Identifier: BSD-2-Clause */
/* Every key of the one configuration file that xcapd, xcap-notifier and xcapctl read. The table in
 * settings.c is the only place that knows names, defaults, ranges and help.
 *
 * Loaded settings never change and may be read by any thread. Texts are NUL-terminated behind their
 * size; one that is not set has size 0.
 */
#ifndef XCAPD_BASE_SETTINGS_H
#define XCAPD_BASE_SETTINGS_H

#include "base/config.h"
#include "base/log.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define SETTINGS_PATH "/etc/xcapd/xcapd.conf"

/* ADDR:PORT, parsed. */
struct address {
	struct span text; /* as it was written, NUL-terminated */
	struct sockaddr_storage socket;
	socklen_t length;
};

struct address_list {
	const struct address *items;
	size_t count;
};

/* A network; IPv4 is kept as ::ffff:a.b.c.d. One of fewer than 96 bits (::/0, say) is of IPv6
 * addresses only. The bits of base past `bits` are zero. */
struct network {
	struct in6_addr base;
	unsigned bits; /* of 128 */
};

struct network_list {
	const struct network *items;
	size_t count;
};

/* IPv4, IPv6 and IPv4-mapped IPv6 addresses; any other family is in no network. */
bool network_list_holds(const struct network_list *list, const struct sockaddr *address);

enum auth_scheme { SCHEME_DIGEST = 1, SCHEME_BASIC = 2 };
enum target_method { METHOD_NOTIFY, METHOD_PUBLISH, METHOD_RPC };
enum rpc_dialect { DIALECT_KAMAILIO, DIALECT_OPENSIPS };

/* A presence server that is told of changes. */
struct target_settings {
	struct span name;
	struct span uri;
	struct span_list usages; /* empty: all */
	int method, rpc_dialect;
	uint64_t min_interval_ms;
	struct span username, password;
	bool tls_verify;
};

struct settings {
	struct {
		struct span_list listen_text;
		struct address_list listen; /* derived */
		struct span root;           /* the public root URI without a trailing slash */
		struct span root_path; /* derived: the root's path without a trailing slash, "/" for
					  none */
		struct span root_origin; /* derived: "http://host:port", as it was written */
		struct span tls_certificate, tls_key, tls_client_ca; /* empty: none */
		uint64_t threads; /* 0 was replaced by the number of cores */
		struct span_list cors_origins;
	} http;
	struct {
		struct span path;
		uint64_t max_size;
		bool sync;
		uint64_t history_versions;
		uint64_t feed_keep_ms;
	} store;
	struct {
		struct span realm;        /* lower case */
		struct span_list domains; /* lower case, never empty, with the realm in it */
		struct span_list schemes_text, algorithms_text;
		unsigned schemes;  /* derived: enum auth_scheme bits */
		int algorithms[2]; /* derived: 0 MD5, 1 SHA-256, in the order of the challenges */
		size_t algorithm_count;
		struct span_list trusted_text, trusted_readers_text;
		struct network_list trusted, trusted_readers; /* derived */
	} auth;
	struct {
		int missing_content_type; /* 0 refuse, 1 accept */
	} compat;
	struct {
		uint64_t document, depth, documents_per_user, connections, connections_per_address;
		uint64_t timeout_ms, login_failures, index, sip_message;
	} limits;
	struct {
		int level, format; /* enum log_level, enum log_format */
	} log;
	struct {
		struct span_list listen_text;
		struct address_list listen; /* derived */
	} admin;
	struct {
		struct span definitions, schemas; /* folders; never empty once loaded */
	} usage;
	struct {
		struct span_list listen; /* "udp:ADDR:PORT" and so on, as written */
		struct span tls_certificate, tls_key, tls_ca;
		struct span_list admin_listen_text;
		struct address_list admin_listen; /* derived */
		uint64_t min_interval_ms, min_expires_ms, default_expires_ms, max_expires_ms;
		uint64_t max_per_user, max_entries;
	} notifier;
	struct target_settings *targets;
	size_t target_count;
	struct arena *arena; /* owns all of the above */
};

/* Loads and cross-checks. False: problems were told to `problems` with file and line. */
bool settings_load(struct settings **out, const char *path, FILE *problems);
void settings_free(struct settings **settings);

/* For `xcapctl config`: the keys in order. */
const struct config_schema *settings_schema(void);

#endif
