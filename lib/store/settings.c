/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/settings.h"

#include "store/store.h"

struct store_settings store_settings_of(const struct settings *settings)
{
	return (struct store_settings){
		.path = settings->store.path.data,
		.max_size = settings->store.max_size,
		.sync = settings->store.sync,
		.history_versions = (unsigned)settings->store.history_versions,
		.feed_keep_ms = settings->store.feed_keep_ms,
	};
}
