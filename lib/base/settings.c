/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/settings_private.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define AT(member) offsetof(struct settings, member)
#define OF(member) offsetof(struct target_settings, member)

static const char *const refuse_accept[] = { "refuse", "accept", NULL };
static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const formats[] = { "text", "json", NULL };
static const char *const methods[] = { "notify", "publish", "rpc", NULL };
static const char *const dialects[] = { "kamailio", "opensips", NULL };

/* clang-format off: one row a key */
static const struct config_key keys[] = {
	{ "http", "listen", CONFIG_LIST, AT(http.listen_text), "127.0.0.1:8080", 0, 0, NULL,
		"where HTTP is served: ADDR:PORT, several with commas, IPv6 as [::1]:8080" },
	{ "http", "root", CONFIG_TEXT, AT(http.root), "http://127.0.0.1:8080/xcap-root", 0, 0, NULL,
		"the public XCAP root URI; its path, which may be /, is where documents live" },
	{ "http", "tls-certificate", CONFIG_TEXT, AT(http.tls_certificate), NULL, 0, 0, NULL,
		"PEM file with the certificate and its chain; with tls-key, every listener speaks "
		"TLS" },
	{ "http", "tls-key", CONFIG_TEXT, AT(http.tls_key), NULL, 0, 0, NULL,
		"PEM file with the key of tls-certificate" },
	{ "http", "tls-client-ca", CONFIG_TEXT, AT(http.tls_client_ca), NULL, 0, 0, NULL,
		"PEM file with the authorities whose client certificates are believed" },
	{ "http", "threads", CONFIG_NUMBER, AT(http.threads), "0", 0, 1024, NULL,
		"worker threads, divided among the listeners; 0: as many as there are cores" },
	{ "http", "cors-origins", CONFIG_LIST, AT(http.cors_origins), NULL, 0, 0, NULL,
		"origins that browsers may call from, such as https://app.example.com" },

	{ "store", "path", CONFIG_TEXT, AT(store.path), "/var/lib/xcapd", 0, 0, NULL,
		"folder of the store" },
	{ "store", "max-size", CONFIG_SIZE, AT(store.max_size), "64G", MIB, 64 * 1024 * GIB, NULL,
		"how big the store may grow; only address space is taken in advance" },
	{ "store", "sync", CONFIG_BOOL, AT(store.sync), "yes", 0, 0, NULL,
		"no: a write may be lost when the machine fails (for tests only)" },
	{ "store", "history-versions", CONFIG_NUMBER, AT(store.history_versions), "20", 0, 10000,
		NULL, "former versions of a document that are kept" },
	{ "store", "feed-keep", CONFIG_DURATION, AT(store.feed_keep_ms), "7d", MINUTE, 3660 * DAY,
		NULL, "age past which the change feed is trimmed, whoever has not read it" },

	{ "auth", "realm", CONFIG_TEXT, AT(auth.realm), "example.com", 0, 0, NULL,
		"realm of challenges for no domain of ours, and default domain of XUIs" },
	{ "auth", "domains", CONFIG_LIST, AT(auth.domains), NULL, 0, 0, NULL,
		"domains whose users are served; the realm alone when nothing is set" },
	{ "auth", "schemes", CONFIG_LIST, AT(auth.schemes_text), "digest", 0, 0, NULL,
		"of digest, basic; basic needs TLS or loopback listeners" },
	{ "auth", "digest-algorithms", CONFIG_LIST, AT(auth.algorithms_text), "MD5", 0, 0, NULL,
		"of MD5, SHA-256, in the order of the challenges" },
	{ "auth", "trusted", CONFIG_LIST, AT(auth.trusted_text), NULL, 0, 0, NULL,
		"networks (CIDR) of proxies whose asserted identities and forwarding headers "
		"hold" },
	{ "auth", "trusted-readers", CONFIG_LIST, AT(auth.trusted_readers_text), NULL, 0, 0, NULL,
		"networks (CIDR) that read every document without credentials" },

	{ "compat", "missing-content-type", CONFIG_CHOICE, AT(compat.missing_content_type),
		"refuse", 0, 0, refuse_accept,
		"accept: a PUT without Content-Type is taken as what its target asks" },

	{ "limits", "document", CONFIG_SIZE, AT(limits.document), "1M", KIB, GIB, NULL,
		"largest request body and largest document" },
	{ "limits", "depth", CONFIG_NUMBER, AT(limits.depth), "64", 4, 1024, NULL,
		"deepest nesting of elements in a document" },
	{ "limits", "documents-per-user", CONFIG_NUMBER, AT(limits.documents_per_user), "100", 1,
		1000000, NULL, "documents of one user, all usages together" },
	{ "limits", "connections", CONFIG_NUMBER, AT(limits.connections), "10000", 1, 1000000, NULL,
		"open connections, past which new ones are closed" },
	{ "limits", "connections-per-address", CONFIG_NUMBER, AT(limits.connections_per_address),
		"1000", 1, 1000000, NULL, "open connections of one address; not for auth.trusted" },
	{ "limits", "timeout", CONFIG_DURATION, AT(limits.timeout_ms), "30s", 100, HOUR, NULL,
		"time for a whole header or body to arrive, and for an idle connection" },
	{ "limits", "login-failures", CONFIG_NUMBER, AT(limits.login_failures), "20", 1, 1000000,
		NULL,
		"failed logins a minute of one address and name, past which 429 is answered" },
	{ "limits", "index", CONFIG_SIZE, AT(limits.index), "64M", KIB, 4 * GIB, NULL,
		"largest document that the server generates, such as an index of all users" },
	{ "limits", "sip-message", CONFIG_SIZE, AT(limits.sip_message), "64K", 2 * KIB, 64 * KIB,
		NULL, "largest SIP message that is taken" },

	{ "log", "level", CONFIG_CHOICE, AT(log.level), "info", 0, 0, levels,
		"least important events that are logged; info has a line a request" },
	{ "log", "format", CONFIG_CHOICE, AT(log.format), "text", 0, 0, formats,
		"lines for people, or JSON objects for programs" },

	{ "admin", "listen", CONFIG_LIST, AT(admin.listen_text), "127.0.0.1:8081", 0, 0, NULL,
		"where xcapd serves health and metrics: ADDR:PORT; nothing: nowhere" },

	{ "usage", "definitions", CONFIG_TEXT, AT(usage.definitions), "", 0, 0, NULL,
		"folder of the usage definitions; nothing: the installed ones" },
	{ "usage", "schemas", CONFIG_TEXT, AT(usage.schemas), "", 0, 0, NULL,
		"folder of the XML schemas; nothing: the installed ones" },

	{ "notifier", "listen", CONFIG_LIST, AT(notifier.listen),
		"udp:127.0.0.1:5070,tcp:127.0.0.1:5070", 0, 0, NULL,
		"where SIP is served: udp:ADDR:PORT, tcp:ADDR:PORT or tls:ADDR:PORT" },
	{ "notifier", "tls-certificate", CONFIG_TEXT, AT(notifier.tls_certificate), NULL, 0, 0,
		NULL,
		"PEM file with the certificate and its chain, for tls: listeners and targets" },
	{ "notifier", "tls-key", CONFIG_TEXT, AT(notifier.tls_key), NULL, 0, 0, NULL,
		"PEM file with the key of tls-certificate" },
	{ "notifier", "tls-ca", CONFIG_TEXT, AT(notifier.tls_ca), NULL, 0, 0, NULL,
		"PEM file with the authorities that targets are checked against" },
	{ "notifier", "admin-listen", CONFIG_LIST, AT(notifier.admin_listen_text), "127.0.0.1:8082",
		0, 0, NULL,
		"where the notifier serves health and metrics: ADDR:PORT; nothing: nowhere" },
	{ "notifier", "min-interval", CONFIG_DURATION, AT(notifier.min_interval_ms), "5s", 0, HOUR,
		NULL, "smallest time between two NOTIFYs of one subscription" },
	{ "notifier", "min-expires", CONFIG_DURATION, AT(notifier.min_expires_ms), "60s", SECOND,
		30 * DAY, NULL, "shortest subscription; a shorter wish is answered 423" },
	{ "notifier", "default-expires", CONFIG_DURATION, AT(notifier.default_expires_ms), "1h",
		SECOND, 30 * DAY, NULL, "length of a subscription that names none" },
	{ "notifier", "max-expires", CONFIG_DURATION, AT(notifier.max_expires_ms), "1d", SECOND,
		30 * DAY, NULL, "longest subscription; a longer wish is granted this" },
	{ "notifier", "max-per-user", CONFIG_NUMBER, AT(notifier.max_per_user), "20", 1, 100000,
		NULL, "subscriptions of one user; readers are exempt" },
	{ "notifier", "max-entries", CONFIG_NUMBER, AT(notifier.max_entries), "200", 1, 100000,
		NULL, "entries in the list of one subscription" },

	{ "target", "uri", CONFIG_TEXT, OF(uri), NULL, 0, 0, NULL,
		"where the presence server is: sip: or sips:, for rpc http: or https:" },
	{ "target", "usages", CONFIG_LIST, OF(usages), NULL, 0, 0, NULL,
		"usages whose changes it is told of; nothing: all" },
	{ "target", "method", CONFIG_CHOICE, OF(method), "notify", 0, 0, methods,
		"how it is told: by NOTIFY, by PUBLISH, or by its RPC interface" },
	{ "target", "rpc-dialect", CONFIG_CHOICE, OF(rpc_dialect), "kamailio", 0, 0, dialects,
		"whose RPC it understands" },
	{ "target", "min-interval", CONFIG_DURATION, OF(min_interval_ms), "0s", 0, HOUR, NULL,
		"smallest time between two messages about one document; 0s: at once" },
	{ "target", "username", CONFIG_TEXT, OF(username), NULL, 0, 0, NULL,
		"name to answer its challenges with" },
	{ "target", "password", CONFIG_TEXT, OF(password), NULL, 0, 0, NULL,
		"password to answer its challenges with" },
	{ "target", "tls-verify", CONFIG_BOOL, OF(tls_verify), "yes", 0, 0, NULL,
		"no: its certificate is not checked (for tests only)" },
};
/* clang-format on */

static const struct config_repeated repeated[] = {
	{ "target", sizeof(struct target_settings), AT(targets), AT(target_count) },
};

const struct config_schema *settings_schema(void)
{
	static const struct config_schema schema = { keys, COUNT(keys), repeated, COUNT(repeated) };
	return &schema;
}

static uint64_t core_count(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
	return count > 0 ? (uint64_t)count : 1;
}

static void standard_folder(struct span *folder, const char *installed, const char *source)
{
	struct stat status;
	if (!folder->size)
		*folder = span_of(
			!stat(installed, &status) && S_ISDIR(status.st_mode) ? installed : source);
}

static void check_rest(struct settings *settings, struct config_origin *origin)
{
	if (!settings->store.path.size)
		config_problem(origin, &settings->store.path, "a folder is needed");
	if (!settings->http.threads)
		settings->http.threads = core_count();
	standard_folder(
		&settings->usage.definitions, XCAPD_DATA_DIR "/auids", XCAPD_SOURCE_DIR "/auids");
	standard_folder(
		&settings->usage.schemas, XCAPD_DATA_DIR "/schemas", XCAPD_SOURCE_DIR "/schemas");
}

bool settings_load(struct settings **out, const char *path, FILE *problems)
{
	struct config_origin *origin = NULL;
	struct arena *arena = arena_new(8192);
	struct settings *settings = arena ? arena_zero(arena, sizeof(*settings)) : NULL;
	*out = NULL;
	if (!settings) {
		fprintf(problems, "%s: out of memory\n", path);
		arena_free(&arena);
		return false;
	}
	settings->arena = arena;
	config_load(arena, settings_schema(), path, settings, problems, &origin);
	if (origin) {
		settings_check_http(settings, origin);
		settings_check_auth(settings, origin);
		settings_check_notifier(settings, origin);
		check_rest(settings, origin);
	}
	if (!origin || !config_good(origin)) {
		arena_free(&arena);
		return false;
	}
	*out = settings;
	return true;
}

void settings_free(struct settings **settings)
{
	if (!*settings)
		return;
	struct arena *arena = (*settings)->arena;
	arena_free(&arena);
	*settings = NULL;
}
