/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two halves of base/settings: the table, and what must hold between its values. */
#ifndef XCAPD_BASE_SETTINGS_PRIVATE_H
#define XCAPD_BASE_SETTINGS_PRIVATE_H

#include "base/settings.h"

/* Fills the derived fields; problems go to the origin. */
void settings_check_http(struct settings *settings, struct config_origin *origin);
void settings_check_auth(struct settings *settings, struct config_origin *origin);
void settings_check_notifier(struct settings *settings, struct config_origin *origin);

/* One item of a list, "127.0.0.1:8080" or "[::1]:8080". False: told as a problem of `field`. */
bool settings_address(struct arena *arena, struct span text, struct address *out,
	struct config_origin *origin, const void *field);

/* All of them; the list stays empty after a problem. */
bool settings_addresses(struct arena *arena, const struct span_list *texts,
	struct address_list *out, struct config_origin *origin, const void *field);

/* Two listeners in one place? An unset port (0) is never the same place. */
bool settings_same_address(const struct address *a, const struct address *b);

bool settings_is_loopback(const struct address *address);

/* "10.0.0.0/8", "192.0.2.7", "2001:db8::/32". */
bool settings_networks(struct arena *arena, const struct span_list *texts, struct network_list *out,
	struct config_origin *origin, const void *field);

bool settings_networks_overlap(const struct network_list *a, const struct network_list *b);

#endif
