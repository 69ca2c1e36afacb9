/* Server reflection, v1 and v1alpha: what a server serves, as descriptors.
 *
 * All of proto/ is compiled into the program; a server tells of the files that
 * define its services, and of what those import. */
#ifndef REFLECTION_H
#define REFLECTION_H

#include <stddef.h>

struct reflection;
struct service;

#define REFLECTION_NSERVICES 2

/** Makes what tells of @services, whose names must stay, and of itself.
 * Services that no .proto of ours defines are not told of: nobody could ask
 * more about them. @scope is that of its methods. Returns 0 or ENOMEM. */
int reflection_new(struct reflection **ret, const struct service *const *services, size_t nservices,
                   const char *scope);

/** The services for server_new(), REFLECTION_NSERVICES of them. They live as
 * long as @reflection. */
const struct service *reflection_services(const struct reflection *reflection);

/** No loop runs any more. NULL is fine. */
void reflection_free(struct reflection *reflection);

#endif
