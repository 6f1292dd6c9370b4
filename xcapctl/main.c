/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin's command line: a table of commands, one file per noun. */
#include "xcapctl/command.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

enum option_bit { OPTION_ROLE = 1, OPTION_PASSWORD = 2, OPTION_IF_MATCH = 4 };

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

static bool read_options(struct line *line, int count, char **words)
{
	enum { JSON = 256, VERSION, ROLE, PASSWORD_STDIN, IF_MATCH };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, VERSION },
		{ "json", no_argument, NULL, JSON },
		{ "role", required_argument, NULL, ROLE },
		{ "password-stdin", no_argument, NULL, PASSWORD_STDIN },
		{ "if-match", required_argument, NULL, IF_MATCH },
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
			line->version = true;
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
