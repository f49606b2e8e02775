#include "container/container-int.h"

#include <stdarg.h>

/* Docker's attributes of a container event: its labels, the image's name, its own name. */
static json_t *attributes(struct container *c)
{
	json_t *a = json_object(), *labels;

	pthread_mutex_lock(&c->lock);
	labels = json_object_get(c->config, "Labels");
	if (json_is_object(labels))
		json_object_update(a, labels);
	json_object_set_new(a, "image", json_string(c->image_name));
	json_object_set_new(a, "name", json_string(c->name));
	pthread_mutex_unlock(&c->lock);
	return a;
}

void container_event(struct container *c, const char *action, ...)
{
	auto_json json_t *a = attributes(c);
	const char *name, *value;
	va_list ap;

	va_start(ap, action);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (value)
			json_object_set_new(a, name, json_string(value));
	}
	va_end(ap);
	event_publish_json(
		c->set->o.events, c->owner, "container", action, c->hex, c->image_name, a);
}
