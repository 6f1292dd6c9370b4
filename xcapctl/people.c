/* SPDX-License-Identifier: BSD-2-Clause */
#include "xcapctl/people.h"

#include <string.h>

#define KEEPS "!$&'()*+,;=:@/"
#define KEEPS_IN_DIGEST "!$&'()*+,;=@/"

static void add(struct buffer *out, struct span text, const char *keeps)
{
	buffer_append(out, percent_encode(out->arena, text, keeps));
}

void person_write(struct buffer *out, const struct user *user)
{
	char hex[DIGEST_HEX_MAX];
	add(out, user->name, KEEPS);
	buffer_octet(out, '\t');
	buffer_text(out, role_text(user->role));
	buffer_octet(out, '\t');
	for (size_t i = 0; i < user->count; i++) {
		const struct credential *credential = &user->credentials[i];
		size_t size = digest_hex_size(credential->algorithm);
		hex_encode(credential->ha1, size / 2, hex);
		buffer_format(
			out, "%s%s:", i ? " " : "", digest_algorithm_text(credential->algorithm));
		add(out, credential->realm, KEEPS_IN_DIGEST);
		buffer_octet(out, ':');
		add(out, credential->name, KEEPS_IN_DIGEST);
		buffer_octet(out, ':');
		buffer_append(out, (struct span){ hex, size });
	}
	buffer_octet(out, '\n');
}

static bool algorithm_read(struct span text, enum digest_algorithm *out)
{
	for (int i = 0; i < DIGEST_ALGORITHMS; i++) {
		*out = (enum digest_algorithm)i;
		if (span_equal_text(text, digest_algorithm_text(*out)))
			return true;
	}
	return false;
}

static bool credential_read(struct arena *arena, struct span text, struct credential *out)
{
	struct span rest = text, algorithm = span_cut(&rest, ':'), realm = { NULL, 0 },
		    name = { NULL, 0 };
	if (rest.data)
		realm = span_cut(&rest, ':');
	if (rest.data)
		name = span_cut(&rest, ':');
	return rest.data && algorithm_read(algorithm, &out->algorithm)
	       && percent_decode(arena, realm, &out->realm)
	       && percent_decode(arena, name, &out->name) && out->name.size
	       && hex_decode(rest, out->ha1, digest_hex_size(out->algorithm) / 2);
}

static bool credentials_read(struct arena *arena, struct span text, struct user *out)
{
	size_t most = 1;
	for (size_t i = 0; i < text.size; i++)
		most += text.data[i] == ' ';
	struct credential *credentials = arena_zero(arena, most * sizeof(*credentials));
	out->credentials = credentials;
	while (credentials && text.size) {
		struct span one = span_cut(&text, ' ');
		if (!credential_read(arena, one, &credentials[out->count++]))
			return false;
	}
	return credentials;
}

const char *person_read(struct arena *arena, struct span line, struct user *out)
{
	struct span rest = line, name = span_cut(&rest, '\t'), role = { NULL, 0 };
	*out = (struct user){ .count = 0 };
	if (rest.data)
		role = span_cut(&rest, '\t');
	if (!role.data)
		return "not XUI, tab, role, tab, digests";
	if (!role_parse(role, &out->role))
		return "no such role";
	if (!percent_decode(arena, name, &out->name))
		return "the XUI is badly encoded";
	if (!credentials_read(arena, rest, out))
		return "a digest is not ALGORITHM:REALM:LOGIN:HA1";
	return NULL;
}
