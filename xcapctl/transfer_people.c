/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/people.h"
#include "xcapctl/transfer.h"
#include "xcapctl/user.h"

#include <errno.h>
#include <string.h>

enum { BATCH_USERS = 1000 };

struct crowd {
	struct transfer *transfer;
	struct arena *arena; /* of one batch */
	struct span_list realms;
	struct user users[BATCH_USERS];
	size_t count, line;
};

static void refuse_line(struct crowd *crowd, const char *why, struct span about)
{
	struct span phrase = arena_format(crowd->arena, "line %zu: %s%s%.*s", crowd->line, why,
		about.size ? " " : "", SPAN_ARG(about));
	transfer_refuse(crowd->transfer, SPAN("users.tsv"), NULL, phrase);
}

/* STORE_ABSENT: nobody else logs in by the same name. */
static enum store_result look_for_rivals(struct crowd *crowd, struct span name, struct span *out)
{
	const struct span *names;
	struct user other;
	int count = user_rivals(crowd->arena, &crowd->realms, name, &names);
	enum store_result found = count < 0 ? STORE_FAILED : STORE_ABSENT;
	for (int i = 0; i < count && found == STORE_ABSENT; i++) {
		*out = names[i];
		found = store_user_read(
			crowd->transfer->run->store, crowd->arena, names[i], &other);
	}
	return found;
}

static enum exit_status take_line(struct crowd *crowd, struct span line)
{
	struct user *user = &crowd->users[crowd->count];
	struct span name, rival;
	const char *wrong = person_read(crowd->arena, line, user);
	if (wrong) {
		refuse_line(crowd, wrong, (struct span){ NULL, 0 });
		return EXIT_WELL;
	}
	if (!user_name(crowd->transfer->run, user->name, user->role, &name)) {
		refuse_line(crowd, "no XUI:", user->name);
		return EXIT_WELL;
	}
	user->name = name;
	enum store_result found = look_for_rivals(crowd, user->name, &rival);
	if (found == STORE_OK)
		refuse_line(crowd, "would log in by the same name as", rival);
	else if (found != STORE_ABSENT)
		return complain_store(found);
	else
		crowd->count++;
	return EXIT_WELL;
}

static enum exit_status write_crowd(struct crowd *crowd)
{
	size_t written = 0;
	struct transfer *transfer = crowd->transfer;
	enum store_result result =
		store_users_put(transfer->run->store, crowd->users, crowd->count, &written);
	if (result != STORE_OK)
		return complain_store(result);
	transfer->users += crowd->count;
	transfer->users_written += written;
	crowd->count = 0;
	arena_reset(crowd->arena);
	return EXIT_WELL;
}

static enum exit_status take_all(struct crowd *crowd, struct span text)
{
	enum exit_status status = EXIT_WELL;
	while (text.data && status == EXIT_WELL) {
		struct span line = span_cut(&text, '\n');
		crowd->line++;
		if (span_ends(line, SPAN("\r")))
			line.size--;
		if (line.size && line.data[0] != '#')
			status = take_line(crowd, line);
		if (status == EXIT_WELL && crowd->count == BATCH_USERS)
			status = write_crowd(crowd);
	}
	return status == EXIT_WELL ? write_crowd(crowd) : status;
}

enum exit_status transfer_people(struct transfer *transfer)
{
	static struct crowd crowd;
	crowd = (struct crowd){ .transfer = transfer };
	struct arena *whole = arena_new(1 << 16);
	crowd.arena = arena_new(1 << 20);
	enum exit_status status = EXIT_WELL;
	struct span text = { NULL, 0 };
	if (!whole || !crowd.arena || !user_realms(transfer->run, &crowd.realms))
		status = complain("no memory");
	if (status == EXIT_WELL)
		text = tree_read(transfer->walk, whole, "users.tsv");
	if (status == EXIT_WELL && text.data)
		status = take_all(&crowd, text);
	else if (status == EXIT_WELL && errno != ENOENT)
		status = complain("cannot read users.tsv: %s", strerror(errno));
	arena_free(&crowd.arena);
	arena_free(&whole);
	return status;
}
