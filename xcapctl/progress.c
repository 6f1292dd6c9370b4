/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/progress.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_TERMINAL = 200, EVERY_LINE = 1000, MIB = 1 << 20 };

static double now(void)
{
	struct timespec clock;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	return (double)clock.tv_sec + (double)clock.tv_nsec / 1e9;
}

void progress_begin(
	struct progress *progress, const struct run *run, const char *what, const char *unit)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	*progress = (struct progress){ .what = what, .unit = unit, .start = now() };
	progress->terminal = terminal;
	progress->shown = terminal || run->progress;
}

double progress_seconds(const struct progress *progress)
{
	return now() - progress->start;
}

static void line(const struct progress *progress, uint64_t done, uint64_t total, bool last)
{
	double seconds = progress_seconds(progress);
	double rate = (double)done / (seconds > 0.001 ? seconds : 0.001);
	double factor = progress->unit ? 1 : 1.0 / MIB;
	const char *unit = progress->unit ? progress->unit : "MiB";
	char of[32] = "";
	if (total)
		snprintf(of, sizeof(of), " of %.0f", (double)total * factor);
	fprintf(stderr, "%s%s: %.0f%s %s, %.0f/s%s", progress->terminal ? "\r\033[K" : "",
		progress->what, (double)done * factor, of, unit, rate * factor,
		progress->terminal && !last ? "" : "\n");
}

void progress_tell(struct progress *progress, uint64_t done, uint64_t total)
{
	if (!progress->shown)
		return;
	uint64_t ms = (uint64_t)(progress_seconds(progress) * 1000);
	uint64_t next = atomic_load_explicit(&progress->next, memory_order_relaxed);
	uint64_t later = ms + (progress->terminal ? EVERY_TERMINAL : EVERY_LINE);
	if (ms < next || !atomic_compare_exchange_strong(&progress->next, &next, later))
		return;
	line(progress, done, total, false);
}

void progress_end(struct progress *progress, uint64_t done)
{
	if (progress->shown && done)
		line(progress, done, 0, true);
	else if (progress->shown && progress->terminal)
		fputs("\r\033[K", stderr);
}
