/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void interrupt(int number)
{
	(void)number; /* ppoll() ends with EINTR; that is all that is wanted */
}

/* Signals are heard only in here, so that none can come just before a read that nothing ends. */
static ssize_t read_octet(int from, const sigset_t *heard, char *out)
{
	struct pollfd waiting = { .fd = from, .events = POLLIN };
	if (heard && ppoll(&waiting, 1, NULL, heard) < 0)
		return -1;
	return read(from, out, 1);
}

/* One line without its end. False: none came, it is empty, or it is too long. */
static bool read_line(int from, const sigset_t *heard, char *out, size_t size)
{
	size_t used = 0;
	ssize_t got;
	char octet = 0;
	while ((got = read_octet(from, heard, &octet)) == 1 && octet != '\n') {
		if (used + 1 >= size)
			return false;
		out[used++] = octet;
	}
	if (used && out[used - 1] == '\r')
		used--;
	out[used] = '\0';
	return got >= 0 && used && !memchr(out, '\0', used);
}

static bool ask(int terminal, const sigset_t *heard, const char *question, char *out, size_t size)
{
	struct termios loud, quiet;
	if (tcgetattr(terminal, &loud))
		return false;
	quiet = loud;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	tcsetattr(terminal, TCSAFLUSH, &quiet); /* what was typed before the question is dropped */
	dprintf(terminal, "%s: ", question);
	bool well = read_line(terminal, heard, out, size);
	tcsetattr(terminal, TCSADRAIN, &loud);
	dprintf(terminal, "\n");
	return well;
}

static enum exit_status ask_twice(char *first, size_t size)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP };
	char second[PASSWORD_MAX + 1];
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (terminal < 0) {
		complain("there is no terminal to ask for a password: use --password-stdin");
		return EXIT_MISUSED;
	}
	sigset_t held, heard;
	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &(struct sigaction){ .sa_handler = interrupt }, NULL);
		sigaddset(&held, ends[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &heard);
	bool well = ask(terminal, &heard, "Password", first, size)
		    && ask(terminal, &heard, "Once more", second, sizeof(second));
	sigprocmask(SIG_SETMASK, &heard, NULL);
	close(terminal);
	if (!well)
		return complain("no password");
	bool same = !strcmp(first, second);
	explicit_bzero(second, sizeof(second));
	return same ? EXIT_WELL : complain("the two passwords differ");
}

enum exit_status password_read(struct run *run, struct span *out)
{
	char text[PASSWORD_MAX + 1];
	if (!run->password_stdin) {
		enum exit_status status = ask_twice(text, sizeof(text));
		if (status != EXIT_WELL)
			return status;
	} else if (!read_line(STDIN_FILENO, NULL, text, sizeof(text))) {
		return complain(
			"stdin holds no password (1 to %d octets in one line)", PASSWORD_MAX);
	}
	*out = arena_copy(run->arena, span_of(text));
	explicit_bzero(text, sizeof(text));
	return out->data ? EXIT_WELL : complain("no memory");
}
