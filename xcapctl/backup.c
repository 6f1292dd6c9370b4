/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl backup|restore`: the whole store in one file, and back. */
#include "store/backup.h"
#include "xcapctl/output.h"
#include "xcapctl/progress.h"
#include "xcapctl/verify.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void tell(void *context, uint64_t done, uint64_t total)
{
	progress_tell(context, done, total);
}

static uint64_t file_size(const char *path)
{
	struct stat about;
	return stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

enum exit_status store_save(struct run *run)
{
	struct progress progress;
	const struct copy_progress copying = { tell, &progress };
	const char *file = run->arguments[0];
	enum exit_status status = run_store(run, false);
	if (status != EXIT_WELL)
		return status;
	progress_begin(&progress, run, "backup", NULL);
	enum store_result result = store_backup(run->store, file, &copying);
	uint64_t size = result == STORE_OK ? file_size(file) : 0;
	progress_end(&progress, size);
	if (result != STORE_OK)
		return complain("no backup was made: %s", store_problem());
	return report(run, json_pack("{s:s, s:I}", "file", file, "octets", (json_int_t)size),
		"%s: %llu octets", file, (unsigned long long)size);
}

static enum exit_status finish(
	struct run *run, struct restoring **restoring, const struct verify_result *found)
{
	if (store_restore_finish(restoring) != STORE_OK)
		return complain("not restored: %s", store_problem());
	if (found->content)
		complain("warning: %llu documents would not be accepted today",
			(unsigned long long)found->content);
	return report(run,
		json_pack("{s:s, s:I, s:I, s:I}", "file", run->arguments[0], "documents",
			(json_int_t)found->documents, "users", (json_int_t)found->users,
			"not_accepted", (json_int_t)found->content),
		"restored: %llu users, %llu documents", (unsigned long long)found->users,
		(unsigned long long)found->documents);
}

/* The copy is verified before it takes the store's place: a damaged one never does. */
static enum exit_status verify_copy(
	struct run *run, struct store *copy, struct verify_result *found)
{
	enum exit_status status = verify_store(run, copy, found);
	if (status == EXIT_WELL && found->damage)
		return complain("not restored: the file is damaged, see above");
	return status;
}

enum exit_status store_restore(struct run *run)
{
	struct restoring *restoring;
	struct store *copy;
	struct store_settings settings = store_settings_of(run->settings);
	struct progress progress;
	const struct copy_progress copying = { tell, &progress };
	struct verify_result found;
	settings.create = true;
	enum exit_status status = run_usages(run);
	if (status != EXIT_WELL)
		return status;
	verify_guard("not restored: the file is damaged");
	progress_begin(&progress, run, "restore", NULL);
	enum store_result result =
		store_restore_begin(&restoring, &settings, run->arguments[0], &copying, &copy);
	progress_end(&progress, 0);
	if (result != STORE_OK)
		return complain("not restored: %s", store_problem());
	status = verify_copy(run, copy, &found);
	if (status == EXIT_WELL)
		return finish(run, &restoring, &found);
	store_restore_abandon(&restoring);
	return status;
}
