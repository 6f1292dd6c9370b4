/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/backup.h"
#include "store/lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 20, PAUSES = 3, SHRINK = 8 << 20 };

/* --- a file that grows without holding up the disk --- */

struct sink {
	int file;
	bool gentle; /* others need the disk too */
	uint64_t done, total, flushed;
	const struct copy_progress *progress;
};

static void pause_for(uint64_t ns)
{
	struct timespec pause = { .tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000) };
	nanosleep(&pause, NULL);
}

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Each piece is on the disk before the next is written, so that a daemon's commit never waits
 * behind many; and the disk is left to others for longer than it was used. */
static void sink_flush(struct sink *sink)
{
	const unsigned whole =
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	while (sink->done - sink->flushed >= PIECE) {
		uint64_t start = clock_ns();
		sync_file_range(sink->file, (off_t)sink->flushed, PIECE, whole);
		posix_fadvise(sink->file, (off_t)sink->flushed, PIECE, POSIX_FADV_DONTNEED);
		sink->flushed += PIECE;
		if (sink->gentle)
			pause_for(PAUSES * (clock_ns() - start));
	}
}

static bool sink_write(struct sink *sink, const char *octets, size_t size)
{
	while (size) {
		ssize_t put = write(sink->file, octets, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		octets += put;
		size -= (size_t)put;
		sink->done += (uint64_t)put;
	}
	sink_flush(sink);
	if (sink->progress && sink->progress->tell)
		sink->progress->tell(sink->progress->context, sink->done, sink->total);
	return true;
}

/* All that `from` gives. False: errno. */
static bool pump(int from, struct sink *sink)
{
	char *piece = malloc(PIECE);
	ssize_t got = -1;
	bool well = piece != NULL;
	while (well && (got = read(from, piece, PIECE)) != 0)
		well = got > 0 ? sink_write(sink, piece, (size_t)got) : errno == EINTR;
	int why = errno;
	free(piece);
	errno = why;
	return well;
}

/* --- the copy that LMDB makes, through a pipe --- */

struct copier {
	MDB_env *env;
	int into;
	int rc;
	pthread_t thread;
};

static void *copier_run(void *context)
{
	struct copier *copier = context;
	sigset_t pipes;
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	copier->rc = mdb_env_copyfd2(copier->env, copier->into, 0);
	close(copier->into);
	return NULL;
}

static enum store_result copy_out(struct store *store, struct sink *sink)
{
	int ends[2];
	struct copier copier = { .env = store->env };
	if (pipe2(ends, O_CLOEXEC) != 0)
		return problem_set(STORE_FAILED, "no pipe: %s", strerror(errno));
	fcntl(ends[1], F_SETPIPE_SZ, PIECE);
	copier.into = ends[1];
	int failed = pthread_create(&copier.thread, NULL, copier_run, &copier);
	if (failed) {
		close(ends[0]);
		close(ends[1]);
		return problem_set(STORE_FAILED, "no thread: %s", strerror(failed));
	}
	bool well = pump(ends[0], sink);
	int why = errno;
	close(ends[0]);
	pthread_join(copier.thread, NULL);
	if (!well)
		return problem_set(STORE_FAILED, "cannot write the copy: %s", strerror(why));
	return engine_result(store, copier.rc, "cannot copy the store");
}

static enum store_result copy_store(struct store *store, struct sink *sink)
{
	MDB_txn *txn;
	MDB_envinfo info;
	enum store_result result = reading_begin(store, &txn); /* the map may have grown */
	if (result != STORE_OK)
		return result;
	if (mdb_env_info(store->env, &info) == MDB_SUCCESS)
		sink->total = (info.me_last_pgno + 1) * store->page_size;
	reading_end(store, txn);
	map_hold(store);
	result = copy_out(store, sink);
	map_let_go(store);
	return result;
}

/* --- the file that it becomes --- */

static bool same_file(int file, const char *path)
{
	struct stat one, other;
	return fstat(file, &one) == 0 && lstat(path, &other) == 0 && S_ISREG(one.st_mode)
	       && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* To free a gigabyte at once holds up the disk for a quarter of a second (it is told of each
 * block), and with it a daemon's commits. */
static bool empty(int file)
{
	struct stat about;
	if (fstat(file, &about) != 0)
		return false;
	for (off_t size = about.st_size; size > SHRINK;) {
		uint64_t start = clock_ns();
		size -= SHRINK;
		if (ftruncate(file, size) != 0 || fdatasync(file) != 0)
			return false;
		pause_for(PAUSES * (clock_ns() - start));
	}
	return ftruncate(file, 0) == 0;
}

/* The former backup, to be held while another takes its name. -1: there is none, or it cannot be
 * opened. */
static int former_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
}

/* Nobody has it open but we, and nobody can open it any more. Who still reads it, or knows it by
 * another name, keeps it whole. */
static bool is_ours_alone(int file)
{
	struct stat about;
	return fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_nlink == 0
	       && fcntl(file, F_SETLEASE, F_WRLCK) == 0 && fcntl(file, F_SETLEASE, F_UNLCK) == 0;
}

/* A leftover is taken over, but not from a backup that still goes on. -1: the problem is set. */
static int temporary_open(const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (file < 0) {
		problem_set(STORE_FAILED, "cannot make %s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(file, LOCK_EX | LOCK_NB) != 0 || !same_file(file, path))
		problem_set(STORE_FAILED, "%s is being written by another backup", path);
	else if (fchmod(file, 0600) != 0 || !empty(file))
		problem_set(STORE_FAILED, "cannot write %s: %s", path, strerror(errno));
	else
		return file;
	close(file);
	return -1;
}

static bool folder_sync(const char *file)
{
	char *path = strdup(file);
	char *slash = path ? strrchr(path, '/') : NULL;
	const char *folder = !slash ? "." : slash == path ? "/" : path;
	if (slash && slash != path)
		*slash = '\0';
	int opened = path ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool well = opened >= 0 && fsync(opened) == 0;
	if (opened >= 0)
		close(opened);
	free(path);
	return well;
}

static void temporary_drop(int file, const char *temporary)
{
	empty(file);
	unlink(temporary);
}

/* From then on it is the backup, whatever happens. */
static enum store_result temporary_rename(int file, const char *temporary, const char *path)
{
	if (fsync(file) != 0 || rename(temporary, path) != 0) {
		problem_set(STORE_FAILED, "cannot finish %s: %s", path, strerror(errno));
		temporary_drop(file, temporary);
		return STORE_FAILED;
	}
	if (folder_sync(path))
		return STORE_OK;
	return problem_set(STORE_FAILED, "cannot sync the folder of %s: %s", path, strerror(errno));
}

/* The former backup goes when nothing can bring its name back. */
static enum store_result replace(int file, const char *temporary, const char *path)
{
	int former = former_open(path);
	enum store_result result = temporary_rename(file, temporary, path);
	if (result == STORE_OK && former >= 0 && is_ours_alone(former))
		empty(former);
	if (former >= 0)
		close(former);
	return result;
}

enum store_result store_backup(
	struct store *store, const char *file, const struct copy_progress *progress)
{
	char temporary[4096];
	problem_clear();
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", file) >= (int)sizeof(temporary))
		return problem_set(STORE_FAILED, "%s: the name is too long", file);
	struct sink sink = {
		.file = temporary_open(temporary),
		.gentle = true,
		.progress = progress,
	};
	if (sink.file < 0)
		return STORE_FAILED;
	enum store_result result = copy_store(store, &sink);
	if (result == STORE_OK)
		result = replace(sink.file, temporary, file);
	else
		temporary_drop(sink.file, temporary);
	close(sink.file);
	return result == STORE_FULL ? STORE_FAILED : result;
}

/* --- and back --- */

#define STAGE "restore.tmp"

struct restoring {
	int folder, lock;
	char *stage; /* path of the folder with the copy */
	struct store *copy;
};

static void stage_remove(const struct restoring *restoring)
{
	static const char *const files[] = { STAGE "/data.mdb", STAGE "/lock.mdb",
		STAGE "/store.lock" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(restoring->folder, files[i], 0);
	unlinkat(restoring->folder, STAGE, AT_REMOVEDIR);
}

static void restoring_end(struct restoring **restoring_in)
{
	struct restoring *restoring = *restoring_in;
	*restoring_in = NULL;
	if (!restoring)
		return;
	store_close(&restoring->copy);
	if (restoring->lock >= 0) {
		stage_remove(restoring);
		close(restoring->lock);
	}
	if (restoring->folder >= 0)
		close(restoring->folder);
	free(restoring->stage);
	free(restoring);
}

static enum store_result stage_fill(
	const struct restoring *restoring, const char *path, const struct copy_progress *progress)
{
	struct stat about;
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (from < 0 || fstat(from, &about) != 0 || !S_ISREG(about.st_mode)) {
		int why = from < 0 ? errno : EINVAL;
		if (from >= 0)
			close(from);
		return problem_set(STORE_UNUSABLE, "cannot read %s: %s", path, strerror(why));
	}
	struct sink sink = { .total = (uint64_t)about.st_size, .progress = progress };
	sink.file = openat(restoring->folder, STAGE "/data.mdb",
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool well = sink.file >= 0 && pump(from, &sink) && fsync(sink.file) == 0;
	int why = errno;
	if (sink.file >= 0)
		close(sink.file);
	close(from);
	return well ? STORE_OK
		    : problem_set(STORE_UNUSABLE, "cannot copy %s: %s", path, strerror(why));
}

static enum store_result stage_make(struct restoring *restoring)
{
	stage_remove(restoring);
	if (mkdirat(restoring->folder, STAGE, 0700) == 0)
		return STORE_OK;
	return problem_set(
		STORE_UNUSABLE, "cannot make the folder %s: %s", restoring->stage, strerror(errno));
}

static enum store_result restoring_start(
	struct restoring *restoring, const struct store_settings *settings)
{
	if (mkdir(settings->path, 0700) != 0 && errno != EEXIST)
		return problem_set(STORE_UNUSABLE, "cannot make the folder %s: %s", settings->path,
			strerror(errno));
	restoring->folder = open(settings->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (restoring->folder < 0 || asprintf(&restoring->stage, "%s/" STAGE, settings->path) < 0)
		return problem_set(STORE_UNUSABLE, "cannot open the folder %s: %s", settings->path,
			strerror(errno));
	enum store_result result = folder_lock(restoring->folder, true, &restoring->lock);
	return result == STORE_OK ? stage_make(restoring) : result;
}

static enum store_result stage_open(
	struct restoring *restoring, const struct store_settings *settings)
{
	struct store_settings staged = *settings;
	staged.path = restoring->stage;
	staged.create = false;
	enum store_result result = store_open(&restoring->copy, &staged);
	if (result == STORE_OK)
		result = store_renew_generation(restoring->copy);
	return result == STORE_OK ? STORE_OK : STORE_UNUSABLE;
}

enum store_result store_restore_begin(struct restoring **out, const struct store_settings *settings,
	const char *file, const struct copy_progress *progress, struct store **copy_out)
{
	problem_clear();
	*copy_out = NULL;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return problem_set(STORE_UNUSABLE, "no memory");
	(*out)->folder = (*out)->lock = -1;
	enum store_result result = restoring_start(*out, settings);
	if (result == STORE_OK)
		result = stage_fill(*out, file, progress);
	if (result == STORE_OK)
		result = stage_open(*out, settings);
	if (result == STORE_OK)
		*copy_out = (*out)->copy;
	else
		restoring_end(out);
	return result;
}

enum store_result store_restore_finish(struct restoring **restoring_in)
{
	struct restoring *restoring = *restoring_in;
	enum store_result result = STORE_OK;
	problem_clear();
	store_close(&restoring->copy);
	int copy = openat(restoring->folder, STAGE "/data.mdb", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (copy < 0 || fsync(copy) != 0
		|| renameat(restoring->folder, STAGE "/data.mdb", restoring->folder, "data.mdb")
			   != 0
		|| fsync(restoring->folder) != 0)
		result = problem_set(
			STORE_FAILED, "cannot put the copy in its place: %s", strerror(errno));
	if (copy >= 0)
		close(copy);
	folder_keep_owner(restoring->folder);
	restoring_end(restoring_in);
	return result;
}

void store_restore_abandon(struct restoring **restoring)
{
	restoring_end(restoring);
}
