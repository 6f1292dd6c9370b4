/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl user`: who may log in. */
#include "xcapctl/user.h"

#include "xcapctl/output.h"

#include <string.h>

static bool is_bare(struct span name)
{
	return !span_find(name, '@', NULL) && !span_find(name, ':', NULL);
}

bool user_name(struct run *run, struct span typed, enum role role, struct span *out)
{
	if (!xui_canonical(run->arena, typed, run->settings->auth.realm, out))
		return false;
	if (role != ROLE_USER && is_bare(typed))
		*out = typed;
	return true;
}

bool user_realms(struct run *run, struct span_list *out)
{
	const struct span_list *domains = &run->settings->auth.domains;
	struct span *items = arena_alloc(run->arena, (domains->count + 1) * sizeof(*items));
	bool has_realm = false;
	if (!items)
		return false;
	for (size_t i = 0; i < domains->count; i++) {
		items[i] = domains->items[i];
		has_realm |= span_equal_nocase(items[i], run->settings->auth.realm);
	}
	items[domains->count] = run->settings->auth.realm;
	*out = (struct span_list){ items, domains->count + !has_realm };
	return true;
}

bool user_is_served(const struct span_list *realms, struct span name)
{
	struct span domain = is_bare(name) ? (struct span){ NULL, 0 } : xui_domain(name);
	if (!domain.size)
		return true;
	for (size_t i = 0; i < realms->count; i++)
		if (span_equal_nocase(realms->items[i], domain))
			return true;
	return false;
}

int user_rivals(struct arena *arena, const struct span_list *realms, struct span name,
	const struct span **out)
{
	struct span *names = arena_alloc(arena, (realms->count + 1) * sizeof(*names));
	struct span user;
	size_t at;
	*out = names;
	if (!names)
		return -1;
	if (is_bare(name)) {
		for (size_t i = 0; i < realms->count; i++) {
			names[i] = arena_format(
				arena, "sip:%.*s@%.*s", SPAN_ARG(name), SPAN_ARG(realms->items[i]));
			if (!names[i].data)
				return -1;
		}
		return (int)realms->count;
	}
	if (!span_find(name, '@', &at) || !user_is_served(realms, name))
		return 0;
	user = span_first(name, at);
	if (span_find(user, ':', &at))
		user = span_from(user, at + 1);
	names[0] = user;
	return 1;
}

enum exit_status user_find(struct run *run, const char *typed, const char *role, struct user *out)
{
	static const enum role order[] = { ROLE_USER, ROLE_ADMIN }; /* the XUI, then a bare name */
	enum role wanted = ROLE_USER;
	if (role && !role_parse(span_of(role), &wanted))
		return complain("'%s' is no role", role);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct span name;
		if (!user_name(run, span_of(typed), order[i], &name)) {
			complain("'%s' is no XUI", typed);
			return EXIT_MISUSED;
		}
		enum store_result found = store_user_read(run->store, run->arena, name, out);
		if (found != STORE_OK && found != STORE_ABSENT)
			return complain_store(found);
		if (found == STORE_OK && (!role || out->role == wanted))
			return EXIT_WELL;
	}
	return complain("nobody added '%s'%s%s", typed, role ? " as " : "", role ? role : "");
}

static enum exit_status refuse_rivals(
	struct run *run, const struct span_list *realms, struct span name)
{
	const struct span *names;
	struct user other;
	int count = user_rivals(run->arena, realms, name, &names);
	for (int i = 0; i < count; i++) {
		enum store_result found = store_user_read(run->store, run->arena, names[i], &other);
		if (found == STORE_OK)
			return complain("%.*s would log in by the same name as %.*s",
				SPAN_ARG(name), SPAN_ARG(names[i]));
		if (found != STORE_ABSENT)
			return complain_store(found);
	}
	return count < 0 ? complain("no memory") : EXIT_WELL;
}

/* Asks for the password and writes the user. */
static enum exit_status put(
	struct run *run, struct user *user, const struct span_list *realms, const char *done)
{
	struct span password;
	enum exit_status status = password_read(run, &password);
	if (status != EXIT_WELL)
		return status;
	if (!principal_credentials(run->arena, user, password, realms->items, realms->count,
		    run->settings->auth.realm))
		return complain("no memory");
	enum store_result result = store_users_put(run->store, user, 1, NULL);
	if (result != STORE_OK)
		return complain_store(result);
	if (!user_is_served(realms, user->name))
		complain("warning: %.*s is of a domain that auth.domains does not name",
			SPAN_ARG(user->name));
	return report(run,
		json_pack("{s:o, s:s, s:s}", "name", json_span(user->name), "role",
			role_text(user->role), "result", done),
		"%.*s: %s", SPAN_ARG(user->name), done);
}

enum exit_status user_add(struct run *run)
{
	struct user user = { .role = ROLE_USER }, old;
	struct span_list realms;
	enum exit_status status = EXIT_MISUSED;
	if (run->role)
		(void)role_parse(span_of(run->role), &user.role);
	if (!user_name(run, span_of(run->arguments[0]), user.role, &user.name))
		complain("'%s' is no XUI", run->arguments[0]);
	else
		status = run_store(run, true);
	if (status != EXIT_WELL)
		return status;
	enum store_result found = store_user_read(run->store, run->arena, user.name, &old);
	if (found == STORE_OK)
		return complain("%.*s is there already (`user passwd` sets a new password)",
			SPAN_ARG(user.name));
	if (found != STORE_ABSENT)
		return complain_store(found);
	if (!user_realms(run, &realms))
		return complain("no memory");
	status = refuse_rivals(run, &realms, user.name);
	return status == EXIT_WELL ? put(run, &user, &realms, "added") : status;
}

enum exit_status user_passwd(struct run *run)
{
	struct user user;
	struct span_list realms;
	enum exit_status status = run_store(run, false);
	if (status == EXIT_WELL)
		status = user_find(run, run->arguments[0], NULL, &user);
	if (status != EXIT_WELL)
		return status;
	if (run->role)
		(void)role_parse(span_of(run->role), &user.role);
	if (user.role == ROLE_USER && is_bare(user.name))
		return complain("'%.*s' is no XUI: it cannot be a plain user", SPAN_ARG(user.name));
	if (!user_realms(run, &realms))
		return complain("no memory");
	return put(run, &user, &realms, "changed");
}

enum exit_status user_remove(struct run *run)
{
	struct user user;
	enum exit_status status = run_store(run, false);
	if (status == EXIT_WELL)
		status = user_find(run, run->arguments[0], run->role, &user);
	if (status != EXIT_WELL)
		return status;
	enum store_result result = store_user_remove(run->store, user.name, run_who(run));
	if (result == STORE_ABSENT)
		return complain("nobody added '%s'", run->arguments[0]);
	if (result != STORE_OK)
		return complain_store(result);
	return report(run,
		json_pack("{s:o, s:s}", "name", json_span(user.name), "result", "removed"),
		"%.*s: removed, with all documents", SPAN_ARG(user.name));
}

/* Adds the next page of users to the rows; *after moves on to the last one's name. */
static enum store_result list_page(struct run *run, struct arena *page, struct rows *rows,
	struct buffer *after, size_t *count_out)
{
	struct user *users;
	struct span from = after->size ? buffer_span(after) : (struct span){ NULL, 0 };
	enum store_result result = store_user_list(run->store, page, from, 1000, &users, count_out);
	if (result != STORE_OK || !*count_out)
		return result;
	for (size_t i = 0; i < *count_out; i++) {
		const char *role = role_text(users[i].role);
		if (!run->role || !strcmp(run->role, role))
			rows_add(rows, json_pack("{s:o, s:s}", "name", json_span(users[i].name),
					       "role", role));
	}
	after->size = 0;
	buffer_append(after, users[*count_out - 1].name);
	return result;
}

enum exit_status user_list(struct run *run)
{
	struct rows rows;
	struct buffer after = { .arena = run->arena };
	enum store_result result = STORE_OK;
	size_t count = 1;
	enum exit_status status = run_store(run, false);
	if (status != EXIT_WELL)
		return status;
	struct arena *page = arena_new(1 << 20);
	rows_begin(&rows, run->json);
	while (page && count && result == STORE_OK) {
		arena_reset(page);
		result = list_page(run, page, &rows, &after, &count);
	}
	bool well = rows_end(&rows) && page && !after.failed;
	arena_free(&page);
	if (result != STORE_OK)
		return complain_store(result);
	return well ? EXIT_WELL : complain("no memory");
}

static json_t *logins(const struct user *user)
{
	json_t *array = json_array();
	for (size_t i = 0; i < user->count; i++) {
		const struct credential *credential = &user->credentials[i];
		json_array_append_new(
			array, json_pack("{s:o, s:o, s:s}", "login", json_span(credential->name),
				       "realm", json_span(credential->realm), "algorithm",
				       digest_algorithm_text(credential->algorithm)));
	}
	return array;
}

/* How many documents the user has, and how large they are together. */
static enum store_result weigh(
	struct run *run, struct span name, json_int_t *count_out, json_int_t *octets_out)
{
	struct document_filter filter = { .xui = name };
	struct document_row *rows;
	const struct doc_id *after = NULL;
	enum store_result result;
	size_t count;
	do {
		result = store_list(
			run->store, run->arena, &filter, after, STORE_HEAD, 1000, &rows, &count);
		for (size_t i = 0; result == STORE_OK && i < count; i++) {
			*count_out += 1;
			*octets_out += (json_int_t)rows[i].size;
			after = &rows[i].id;
		}
	} while (result == STORE_OK && count);
	return result;
}

enum exit_status user_show(struct run *run)
{
	struct user user;
	json_int_t documents = 0, octets = 0;
	enum exit_status status = run_store(run, false);
	if (status == EXIT_WELL)
		status = user_find(run, run->arguments[0], run->role, &user);
	if (status != EXIT_WELL)
		return status;
	enum store_result result = weigh(run, user.name, &documents, &octets);
	if (result != STORE_OK)
		return complain_store(result);
	json_t *object = json_pack("{s:o, s:s, s:I, s:I, s:o}", "name", json_span(user.name),
		"role", role_text(user.role), "documents", documents, "octets", octets, "logins",
		logins(&user));
	if (!object)
		return complain("no memory");
	print_object(object, run->json);
	json_decref(object);
	return EXIT_WELL;
}
