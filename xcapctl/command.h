/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands of xcapctl share: one run of the program, and how it fails. One thread. */
#ifndef XCAPD_XCAPCTL_COMMAND_H
#define XCAPD_XCAPCTL_COMMAND_H

#include "auids/usage.h"
#include "base/settings.h"
#include "store/store.h"

#include <jansson.h>

enum exit_status {
	EXIT_WELL = 0,
	EXIT_FAILED = 1,  /* it was asked for rightly, and could not be done */
	EXIT_MISUSED = 2, /* bad usage, configuration, or a store that is none */
};

/* One run. What it reads lives in the arena; what is opened is closed by run_end. */
struct run {
	struct arena *arena;
	struct settings *settings; /* NULL only for `config` with a configuration that is wrong */
	struct store *store;       /* NULL until run_store */
	struct usages *usages;     /* NULL until run_usages */
	char *const *arguments;    /* what follows the noun and verb */
	size_t count;
	bool json;
	/* the commands' own options */
	const char *role;
	bool password_stdin;
	const char *if_match;
	const char *version;
	bool progress;
};

typedef enum exit_status command_run(struct run *run);

command_run user_add, user_passwd, user_remove, user_list, user_show, user_import;
command_run doc_list, doc_get, doc_put, doc_delete, doc_history, doc_restore;
command_run transfer_export, transfer_import, store_save, store_restore, store_judge, store_figures;
command_run feed_status;
command_run usage_list, usage_show, usage_check;
command_run config_show;

/* "xcapctl: ..." on stderr. Returns EXIT_FAILED, for `return complain(..)`. */
enum exit_status complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The store's own words for a call that did not work. */
enum exit_status complain_store(enum store_result result);

/* Opens what the settings name, once. Complains unless EXIT_WELL. */
enum exit_status run_store(struct run *run, bool create);
enum exit_status run_usages(struct run *run);
void run_end(struct run *run);

/* Who the feed says it was: "xcapctl" or "xcapctl/NAME". */
struct span run_who(struct run *run);

/* For programs the object (taken over), for people the sentence. */
enum exit_status report(struct run *run, json_t *object, const char *sentence, ...)
	__attribute__((format(printf, 3, 4)));

/* All of a file, of stdin for "-" or NULL; at most `most` octets (0: any number), one more tells
 * that there are more. Complains and returns false when it cannot be read. */
bool read_input(struct arena *arena, const char *path, size_t most, struct span *out);

/* Looks a user up by XUI or bare name, `role` (NULL: any) in mind. Complains unless EXIT_WELL. */
enum exit_status user_find(struct run *run, const char *typed, const char *role, struct user *out);

#endif
