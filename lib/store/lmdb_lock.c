/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
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
