/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/xcap_diff.h"

static struct span sel_of(struct arena *arena, const struct diff_group *group)
{
	return group->teller->kind == DIFF_WHOLE ? group->teller->raw : diff_sel(arena, &group->id);
}

void diff_group_write(const struct diff_state *state, struct arena *arena,
	const struct diff_group *group, size_t most, struct diff_writer *diff)
{
	struct etag previous, now;
	(void)most;
	diff_group_ends(state, group, &previous, &now);
	diff_document(diff, sel_of(arena, group), previous, now, (struct span){ NULL, 0 }, false);
}
