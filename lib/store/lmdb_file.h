/* SPDX-License-Identifier: BSD-2-Clause */
/* A look at LMDB's data file before LMDB maps it: LMDB itself trusts the header, and a file that
 * was cut short would end the process with SIGBUS. */
#ifndef XCAPD_STORE_LMDB_FILE_H
#define XCAPD_STORE_LMDB_FILE_H

#include "store/store.h"

/* STORE_OK, or STORE_UNUSABLE with the problem set. *present_out: false when there is no file or an
 * empty one. */
enum store_result file_check(const char *path, bool *present_out);

#endif
