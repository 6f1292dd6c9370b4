/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Programs that know nothing of our lock (mdb_stat, mdb_copy) hold LMDB's own. */
static bool engine_in_use(int folder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int file = openat(folder, "lock.mdb", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return false;
	bool used = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(file);
	return used;
}

enum store_result folder_lock(int folder, bool alone, int *lock_out)
{
	*lock_out = openat(folder, "store.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock_out < 0)
		return problem_set(
			STORE_UNUSABLE, "cannot open the lock file: %s", strerror(errno));
	bool taken = flock(*lock_out, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0;
	if (!taken && !(alone && engine_in_use(folder)))
		return STORE_OK;
	close(*lock_out);
	*lock_out = -1;
	return problem_set(STORE_UNUSABLE,
		alone ? "another program has the store open" : "the store is being restored");
}

void folder_keep_owner(int folder)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "store.lock" };
	struct stat owner, about;
	if (geteuid() != 0 || fstat(folder, &owner) != 0 || owner.st_uid == 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (fstatat(folder, files[i], &about, AT_SYMLINK_NOFOLLOW) == 0
			&& S_ISREG(about.st_mode) && about.st_uid == 0 && about.st_nlink == 1
			&& fchownat(folder, files[i], owner.st_uid, owner.st_gid,
				   AT_SYMLINK_NOFOLLOW)
				   != 0)
			return; /* then the daemon will say what it cannot open */
}
