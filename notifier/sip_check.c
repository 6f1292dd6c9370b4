/* SPDX-License-Identifier: BSD-2-Clause */
#include "notifier/sip.h"
#include "notifier/sip_tls.h"

bool sip_check(const struct settings *settings, FILE *problems)
{
	struct sip_tls_keys *keys = NULL;
	bool well = sip_tls_keys_load(&keys, settings, problems);
	sip_tls_keys_release(&keys);
	return well;
}
