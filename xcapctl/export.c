/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapctl export`: users and documents as files (names.h, people.h). Nothing is written but in the
 * new folder: each step opens one name within the folder before it, and follows no link.
 */
#include "xcapctl/names.h"
#include "xcapctl/output.h"
#include "xcapctl/people.h"
#include "xcapctl/progress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_ROWS = 1000, DEPTH_MAX = 128, FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* The folders from the top to where the last document was put; the next one is mostly near. */
struct step {
	char name[NAME_PIECE_MAX + 3];
	int folder;
};

struct export
{
	struct run *run;
	struct arena *pages[2];
	struct step steps[DEPTH_MAX];
	size_t depth;
	struct progress progress;
	uint64_t documents, users, octets, total;
	const char *failed; /* what could not be done; errno says why */
};

static bool fail(struct export *export, const char *what)
{
	export->failed = what;
	return false;
}

static bool put_file(int folder, const char *name, struct span octets)
{
	int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return false;
	while (octets.size) {
		ssize_t put = write(file, octets.data, octets.size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			break;
		octets = span_from(octets, (size_t)put);
	}
	int why = errno;
	bool well = close(file) == 0 && !octets.size;
	errno = octets.size ? why : errno;
	return well;
}

/* --- folders --- */

static void go_up(struct export *export, size_t depth)
{
	while (export->depth > depth)
		close(export->steps[--export->depth].folder);
}

static int make_folder(int within, const char *name)
{
	if (mkdirat(within, name, 0700) != 0 && errno != EEXIST)
		return -1;
	return openat(within, name, FOLDER | O_NOFOLLOW);
}

/* Goes one folder down; when a document of this name is there, into the one beside it. */
static bool go_down(struct export *export, struct arena *page, struct span name)
{
	int within = export->steps[export->depth - 1].folder;
	if (export->depth == DEPTH_MAX)
		return fail(export, "too many folders within each other");
	int folder = make_folder(within, name.data);
	if (folder < 0 && errno == ENOTDIR) {
		struct span beside = name_beside(page, name);
		folder = beside.data ? make_folder(within, beside.data) : -1;
	}
	if (folder < 0)
		return fail(export, "cannot make a folder");
	struct step *step = &export->steps[export->depth++];
	snprintf(step->name, sizeof(step->name), "%s", name.data);
	step->folder = folder;
	return true;
}

/* Adds the file names of one segment. */
static bool add_segment(struct arena *arena, struct span segment, struct span *names, size_t *count)
{
	struct span rest = name_encode(arena, segment);
	do {
		names[*count] = rest.data ? name_cut(arena, &rest) : rest;
		if (!names[(*count)++].data)
			return false;
	} while (rest.size && *count < DEPTH_MAX);
	return true;
}

/* All file names of a document; the last one is its file's. */
static bool file_names(
	struct arena *arena, const struct doc_id *id, struct span *names, size_t *count)
{
	struct span path = id->path;
	bool users = id->tree == TREE_USERS;
	bool well = add_segment(arena, id->auid, names, count)
		    && add_segment(arena, users ? SPAN("users") : SPAN("global"), names, count)
		    && (!users || add_segment(arena, id->xui, names, count));
	while (well && path.data && *count < DEPTH_MAX)
		well = add_segment(arena, span_cut(&path, '/'), names, count);
	return well && *count < DEPTH_MAX;
}

static bool export_document(
	struct export *export, struct arena *arena, const struct document_row *row)
{
	struct span names[DEPTH_MAX + 1];
	size_t count = 0, same = 0;
	if (!file_names(arena, &row->id, names, &count))
		return fail(export, "cannot name a file");
	while (same + 1 < count && same + 1 < export->depth
		&& !strcmp(names[same].data, export->steps[same + 1].name))
		same++;
	go_up(export, same + 1);
	for (; same + 1 < count; same++)
		if (!go_down(export, arena, names[same]))
			return false;
	if (!put_file(export->steps[export->depth - 1].folder, names[count - 1].data, row->body))
		return fail(export, "cannot write a document");
	export->documents++;
	export->octets += row->body.size;
	progress_tell(&export->progress, export->documents, export->total);
	return true;
}

/* --- all of them --- */

static enum exit_status export_documents(struct export *export)
{
	struct document_row *rows;
	struct doc_id last, *after = NULL;
	size_t count = 1;
	for (unsigned turn = 0; count; turn = !turn) {
		struct arena *page = export->pages[turn];
		arena_reset(page);
		enum store_result result = store_list(export->run->store, page, NULL, after,
			STORE_BODY, PAGE_ROWS, &rows, &count);
		if (result != STORE_OK)
			return complain_store(result);
		for (size_t i = 0; i < count; i++)
			if (!export_document(export, page, &rows[i]))
				return complain("%s: %s: %s", export->failed,
					doc_id_text(page, &rows[i].id).data, strerror(errno));
		if (count) {
			last = rows[count - 1].id;
			after = &last;
		}
	}
	return EXIT_WELL;
}

static enum exit_status users_page(
	struct export *export, FILE *to, struct buffer *after, size_t *count_out)
{
	struct user *users;
	struct arena *page = export->pages[0];
	struct span from = after->size ? buffer_span(after) : (struct span){ NULL, 0 };
	arena_reset(page);
	enum store_result result =
		store_user_list(export->run->store, page, from, PAGE_ROWS, &users, count_out);
	if (result != STORE_OK)
		return complain_store(result);
	struct buffer text = { .arena = page };
	for (size_t i = 0; i < *count_out; i++)
		person_write(&text, &users[i]);
	after->size = 0;
	if (*count_out)
		buffer_append(after, users[*count_out - 1].name);
	export->users += *count_out;
	if (text.failed || after->failed)
		return complain("no memory");
	if (text.size && fwrite(text.data, 1, text.size, to) != text.size)
		return complain("cannot write users.tsv: %s", strerror(errno));
	return EXIT_WELL;
}

static enum exit_status export_users(struct export *export)
{
	struct buffer after = { .arena = export->run->arena };
	size_t count = 1;
	int file = openat(export->steps[0].folder, "users.tsv",
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *to = file >= 0 ? fdopen(file, "w") : NULL;
	enum exit_status status = EXIT_WELL;
	if (!to)
		return complain("cannot make users.tsv: %s", strerror(errno));
	while (count && status == EXIT_WELL)
		status = users_page(export, to, &after, &count);
	if (fclose(to) != 0 && status == EXIT_WELL)
		status = complain("cannot write users.tsv: %s", strerror(errno));
	return status;
}

/* The folder, which has to be a new or an empty one. */
static enum exit_status open_top(struct export *export, const char *path)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return complain("cannot make the folder %s: %s", path, strerror(errno));
	int top = open(path, FOLDER);
	DIR *entries = top >= 0 ? fdopendir(openat(top, ".", FOLDER)) : NULL;
	if (!entries) {
		enum exit_status status =
			complain("cannot open the folder %s: %s", path, strerror(errno));
		if (top >= 0)
			close(top);
		return status;
	}
	export->steps[export->depth++].folder = top;
	size_t count = 0;
	while (readdir(entries))
		count++;
	closedir(entries);
	return count <= 2 ? EXIT_WELL : complain("the folder %s is not empty", path);
}

static enum exit_status export_all(struct export *export)
{
	struct store_stats stats;
	if (store_stats(export->run->store, &stats) == STORE_OK)
		export->total = stats.documents;
	enum exit_status status = open_top(export, export->run->arguments[0]);
	if (status == EXIT_WELL)
		status = export_users(export);
	if (status == EXIT_WELL)
		status = export_documents(export);
	if (status == EXIT_WELL && syncfs(export->steps[0].folder) != 0)
		status = complain("cannot sync %s: %s", export->run->arguments[0], strerror(errno));
	go_up(export, 0);
	return status;
}

enum exit_status transfer_export(struct run *run)
{
	struct export export = { .run = run };
	enum exit_status status = run_store(run, false);
	if (status != EXIT_WELL)
		return status;
	progress_begin(&export.progress, run, "export", "documents");
	export.pages[0] = arena_new(1 << 20);
	export.pages[1] = arena_new(1 << 20);
	status = export.pages[0] && export.pages[1] ? export_all(&export) : complain("no memory");
	arena_free(&export.pages[0]);
	arena_free(&export.pages[1]);
	progress_end(&export.progress, status == EXIT_WELL ? export.documents : 0);
	if (status != EXIT_WELL)
		return status;
	return report(run,
		json_pack("{s:s, s:I, s:I, s:I}", "folder", run->arguments[0], "users",
			(json_int_t) export.users, "documents", (json_int_t) export.documents,
			"octets", (json_int_t) export.octets),
		"%llu users and %llu documents exported", (unsigned long long)export.users,
		(unsigned long long)export.documents);
}
