/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapd/check.h"

#include "xcapd/server.h"

#include <string.h>
#include <sys/stat.h>

enum { USERS_AT_ONCE = 1000 };

static bool has_credential(const struct user *user, struct span name, struct span realm)
{
	for (size_t i = 0; i < user->count; i++)
		if (span_equal(user->credentials[i].name, name)
			&& span_equal(user->credentials[i].realm, realm))
			return true;
	return false;
}

static void check_user(
	struct arena *arena, const struct settings *settings, const struct user *user, FILE *report)
{
	for (size_t i = 0; i < settings->auth.domains.count; i++) {
		struct span realm = settings->auth.domains.items[i], names[3];
		size_t count = principal_login_names(
			arena, user->name, user->role, realm, settings->auth.realm, names);
		for (size_t j = 0; j < count; j++)
			if (!has_credential(user, names[j], realm)) {
				fprintf(report,
					"user %.*s cannot log in under realm %.*s: set the "
					"password again\n",
					SPAN_ARG(user->name), SPAN_ARG(realm));
				break;
			}
	}
}

static bool check_users(struct store *store, const struct settings *settings, FILE *report)
{
	struct arena *arena = arena_new(64 * 1024);
	char last[URI_XUI_MAX + 1] = "";
	struct span after = { NULL, 0 };
	size_t count = 0;
	enum store_result result = STORE_FAILED;
	while (arena) {
		struct user *users;
		result = store_user_list(store, arena, after, USERS_AT_ONCE, &users, &count);
		if (result != STORE_OK || !count)
			break;
		for (size_t i = 0; i < count; i++)
			check_user(arena, settings, &users[i], report);
		after = span_first(users[count - 1].name, sizeof(last) - 1);
		memcpy(last, after.data, after.size);
		after.data = last;
		arena_reset(arena);
	}
	arena_free(&arena);
	return result == STORE_OK;
}

static int check_store(const struct settings *settings, FILE *report)
{
	struct stat status;
	struct store *store = NULL;
	struct store_settings wanted = store_settings_of(settings);
	if (stat(wanted.path, &status) != 0)
		return 0; /* a start would make it */
	if (store_open(&store, &wanted) != STORE_OK || !check_users(store, settings, report)) {
		fprintf(report, "store %s: %s\n", wanted.path, store_problem());
		if (store)
			store_close(&store);
		return 1;
	}
	store_close(&store);
	return 0;
}

int check(const char *path, FILE *report)
{
	struct live *live = live_load(path, report);
	if (!live)
		return 1;
	int status = check_store(live->settings, report);
	live_release(live);
	return status;
}
