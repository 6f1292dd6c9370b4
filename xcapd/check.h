/* SPDX-License-Identifier: BSD-2-Clause */
/* `xcapd --check`: loads everything that a start would load, and says what is wrong. */
#ifndef XCAPD_XCAPD_CHECK_H
#define XCAPD_XCAPD_CHECK_H

#include <stdio.h>

/* Exit status: 0 when a start would succeed. Which users cannot log in under which served realm is
 * told too (a domain that was added later), but is no error. */
int check(const char *path, FILE *report);

#endif
