/* say - one log line per event on stderr: time, level, message, then key=value pairs. */
#pragma once

enum say_level { SAY_ERROR, SAY_WARNING, SAY_INFO, SAY_DEBUG };

void say_set_debug(bool on);
/* fmt makes the key=value pairs; "" for none.  Quote values with %s only when they are ours. */
void say(enum say_level level, const char *msg, const char *fmt, ...) PRINTF(3, 4);
/* The message of e, with what it is about before it. */
void say_err(enum say_level level, const char *about, const struct err *e);
