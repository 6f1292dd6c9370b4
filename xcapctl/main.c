/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin's command line: a table of commands, one file per noun. */
#include "xcapctl/command.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

enum option_bit {
	OPTION_ROLE = 1,
	OPTION_PASSWORD = 2,
	OPTION_IF_MATCH = 4,
	OPTION_VERSION = 8,
	OPTION_PROGRESS = 16,
};

static const struct command {
	const char *noun, *verb; /* verb NULL: the noun stands alone */
	command_run *run;
	size_t least, most; /* arguments */
	unsigned options;
	const char *usage, *help;
} commands[] = {
	{ "user", "add", user_add, 1, 1, OPTION_ROLE | OPTION_PASSWORD,
		"XUI [--role user|reader|admin] [--password-stdin]", "add a user" },
	{ "user", "passwd", user_passwd, 1, 1, OPTION_ROLE | OPTION_PASSWORD,
		"XUI [--role user|reader|admin] [--password-stdin]", "set a password (and role)" },
	{ "user", "remove", user_remove, 1, 1, OPTION_ROLE, "XUI [--role ROLE]",
		"remove a user and all documents" },
	{ "user", "list", user_list, 0, 0, OPTION_ROLE, "[--role ROLE]", "list all users" },
	{ "user", "show", user_show, 1, 1, OPTION_ROLE, "XUI [--role ROLE]", "show one user" },
	{ "user", "import", user_import, 1, 1, 0, "FILE",
		"add or update many: XUI<TAB>role<TAB>password a line; - is stdin" },
	{ "doc", "list", doc_list, 0, 1, 0, "[XUI|global]", "list documents" },
	{ "doc", "get", doc_get, 1, 1, 0, "DOCUMENT-SELECTOR", "print a document as it was put" },
	{ "doc", "put", doc_put, 1, 2, OPTION_IF_MATCH,
		"DOCUMENT-SELECTOR [FILE] [--if-match ETAG]",
		"put a document, judged as over HTTP; from stdin without FILE" },
	{ "doc", "delete", doc_delete, 1, 1, OPTION_IF_MATCH, "DOCUMENT-SELECTOR [--if-match ETAG]",
		"delete a document" },
	{ "doc", "history", doc_history, 1, 1, 0, "DOCUMENT-SELECTOR",
		"list the versions that are kept, newest first" },
	{ "doc", "restore", doc_restore, 1, 1, OPTION_IF_MATCH | OPTION_VERSION,
		"DOCUMENT-SELECTOR [--version N] [--if-match ETAG]",
		"put a former version back, judged as over HTTP; the newest one without N" },
	{ "feed", "status", feed_status, 0, 0, 0, "",
		"where the change feed is, and what each target was told of it" },
	{ "export", NULL, transfer_export, 1, 1, OPTION_PROGRESS, "DIR [--progress]",
		"write all users and documents as files" },
	{ "import", NULL, transfer_import, 1, 1, OPTION_PROGRESS, "DIR [--progress]",
		"read such files, each judged as over HTTP" },
	{ "backup", NULL, store_save, 1, 1, OPTION_PROGRESS, "FILE [--progress]",
		"copy the whole store into one file, also while the daemons run" },
	{ "restore", NULL, store_restore, 1, 1, OPTION_PROGRESS, "FILE [--progress]",
		"put a backup in the store's place, while the daemons are down" },
	{ "verify", NULL, store_judge, 0, 0, OPTION_PROGRESS, "[--progress]",
		"check every row and judge every document anew; exit 1 if anything is wrong" },
	{ "stats", NULL, store_figures, 0, 0, 0, "", "how much there is, and how much room" },
	{ "usage", "list", usage_list, 0, 0, 0, "", "list the application usages" },
	{ "usage", "show", usage_show, 1, 1, 0, "AUID", "print what a usage's definition says" },
	{ "usage", "check", usage_check, 1, 1, 0, "FILE",
		"load a definition with all others, tell what is wrong with it" },
	{ "config", NULL, config_show, 0, 0, 0, "", "print every key with value, default, range" },
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

struct line {
	struct run run;
	const char *config;
	bool help, version;
	unsigned options; /* of the commands' own, which were given */
};

static void usage(FILE *to, const char *noun)
{
	fputs("usage: xcapctl [-c FILE] [--json] COMMAND\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!noun || !strcmp(noun, commands[i].noun))
			fprintf(to, "  %s%s%s %s\n      %s\n", commands[i].noun,
				commands[i].verb ? " " : "",
				commands[i].verb ? commands[i].verb : "", commands[i].usage,
				commands[i].help);
	fputs("\n  -c, --config FILE  the configuration (" SETTINGS_PATH ")\n"
	      "      --json         JSON for programs instead of a table\n"
	      "      --help, --version\n\n"
	      "A DOCUMENT-SELECTOR is AUID/users/XUI/PATH or AUID/global/PATH.\n"
	      "Exit status: 0 done, 1 failed, 2 bad usage, configuration or store.\n",
		to);
}

/* Alone it asks for the program's version; with a number or etag it chooses one of a document's. */
static void read_version(struct line *line, char **words)
{
	struct etag etag;
	uint64_t number;
	struct span next = span_of(optarg ? NULL : words[optind]);
	line->run.version = optarg;
	if (next.data && (parse_u64(next, &number) || etag_parse(next, &etag)))
		line->run.version = words[optind++];
	if (line->run.version)
		line->options |= OPTION_VERSION;
	else
		line->version = true;
}

static bool read_options(struct line *line, int count, char **words)
{
	enum { JSON = 256, VERSION, ROLE, PASSWORD_STDIN, IF_MATCH, PROGRESS };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", optional_argument, NULL, VERSION },
		{ "json", no_argument, NULL, JSON },
		{ "role", required_argument, NULL, ROLE },
		{ "password-stdin", no_argument, NULL, PASSWORD_STDIN },
		{ "if-match", required_argument, NULL, IF_MATCH },
		{ "progress", no_argument, NULL, PROGRESS },
		{ NULL, 0, NULL, 0 },
	};
	struct run *run = &line->run;
	enum role role;
	int option;
	line->config = SETTINGS_PATH;
	while ((option = getopt_long(count, words, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			line->config = optarg;
			break;
		case 'h':
			line->help = true;
			break;
		case VERSION:
			read_version(line, words);
			break;
		case JSON:
			run->json = true;
			break;
		case ROLE:
			run->role = optarg;
			line->options |= OPTION_ROLE;
			if (!role_parse(span_of(optarg), &role)) {
				complain("--role is user, reader or admin, not '%s'", optarg);
				return false;
			}
			break;
		case PASSWORD_STDIN:
			run->password_stdin = true;
			line->options |= OPTION_PASSWORD;
			break;
		case IF_MATCH:
			run->if_match = optarg;
			line->options |= OPTION_IF_MATCH;
			break;
		case PROGRESS:
			run->progress = true;
			line->options |= OPTION_PROGRESS;
			break;
		default:
			return false;
		}
	}
	run->arguments = words + optind;
	run->count = (size_t)(count - optind);
	return true;
}

/* Finds the command and takes its words off the arguments; says what is wrong otherwise. */
static const struct command *find_command(struct line *line)
{
	struct run *run = &line->run;
	const char *noun = run->count ? run->arguments[0] : NULL;
	const char *verb = run->count > 1 ? run->arguments[1] : NULL;
	for (size_t i = 0; noun && i < COMMANDS; i++) {
		const struct command *command = &commands[i];
		size_t words = command->verb ? 2 : 1;
		if (strcmp(noun, command->noun)
			|| (command->verb && (!verb || strcmp(verb, command->verb))))
			continue;
		run->arguments += words;
		run->count -= words;
		if (run->count >= command->least && run->count <= command->most
			&& !(line->options & ~command->options))
			return command;
		complain("usage: xcapctl %s%s%s %s", noun, command->verb ? " " : "",
			command->verb ? command->verb : "", command->usage);
		return NULL;
	}
	if (noun)
		complain("there is no command '%s%s%s'", noun, verb ? " " : "", verb ? verb : "");
	usage(stderr, NULL);
	return NULL;
}

static enum exit_status run_command(struct line *line, const struct command *command)
{
	struct run *run = &line->run;
	enum exit_status status = EXIT_WELL;
	run->arena = arena_new(1 << 16);
	if (!run->arena)
		return complain("no memory");
	if (!settings_load(&run->settings, line->config, stderr))
		status = EXIT_MISUSED;
	if (status == EXIT_WELL || command->run == config_show) {
		enum exit_status ran = command->run(run);
		status = status == EXIT_WELL ? ran : status;
	}
	run_end(run);
	return status;
}

int main(int count, char **words)
{
	struct line line = { .help = false };
	enum exit_status status = EXIT_MISUSED;
	signal(SIGXFSZ, SIG_IGN); /* a full disk is an error to tell, not a way to die */
	if (!read_options(&line, count, words)) {
		fputs("Try xcapctl --help.\n", stderr);
	} else if (line.help) {
		usage(stdout, line.run.count ? line.run.arguments[0] : NULL);
		status = EXIT_WELL;
	} else if (line.version) {
		puts("xcapctl " XCAPD_VERSION);
		status = EXIT_WELL;
	} else {
		const struct command *command = find_command(&line);
		if (command)
			status = run_command(&line, command);
	}
	if (fflush(stdout) || ferror(stdout))
		status = complain("cannot write to stdout: %s", strerror(errno));
	return (int)status;
}
