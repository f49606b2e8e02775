/*
 * options - caissond's command line: one table gives the parser, the usage text and the man page
 * its flags.  dockerd's names where the meaning is the same.  All texts are borrowed from argv.
 */
#pragma once

#define OPTIONS_HOSTS_MAX 16
#define OPTIONS_TEXT_MAX  1024 /* as in struct keeper_boot */

struct options {
	const char *hosts[OPTIONS_HOSTS_MAX];
	unsigned nhosts;
	const char *data_root, *exec_root, *pidfile, *group, *config_file, *floor_file;
	const char *tls_ca, *tls_cert, *tls_key;
	bool debug, tls_verify, config_given, floor_given, group_given;
	bool help, version;
	char labels[OPTIONS_TEXT_MAX];	   /* "key=value\n" */
	char registries[OPTIONS_TEXT_MAX]; /* "insecure NAME\n", "mirror URL\n" */
};

/* argv as main got it.  ERR_INVALID with a sentence that says what to do. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);
/* Appends the usage text. */
void options_usage(struct buf *out);
