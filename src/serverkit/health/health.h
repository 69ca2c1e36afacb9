/* Whether the services of this process serve, and grpc.health.v1 to ask it.
 *
 * A state is an atomic, so any thread may set and read it. A change makes news
 * (weir/news.h) for the calls of Watch on every loop. Each compares the state with
 * what it has told last. A watch that cannot send keeps only that, and tells the
 * latest state when it can. */
#ifndef HEALTH_H
#define HEALTH_H

#include <stddef.h>

struct health;
struct loop;
struct service;

/* The numbers of the protocol. */
enum health_state { HEALTH_UNKNOWN, HEALTH_SERVING, HEALTH_NOT_SERVING, HEALTH_SERVICE_UNKNOWN };

#define HEALTH_PROCESS "" /* the name of the process as a whole */

/** Makes the states of the process and of @services, all SERVING: whoever
 * knows better says so before the server starts. The names must stay until
 * health_free(). Returns 0 or ENOMEM. */
int health_new(struct health **ret, struct loop *const *loops, size_t nloops,
               const struct service *const *services, size_t nservices);

/** The service for server_new(). Lives as long as @health. */
const struct service *health_service(struct health *health);

/** Sets the state of the service @name, which is one of those, or of the
 * process. Any thread. */
void health_set(struct health *health, const char *name, enum health_state state);

/** The state of the service @name, or of the process, as a call of Check would tell it. Any
 * thread. */
enum health_state health_get(const struct health *health, const char *name);

/** "NOT_SERVING" */
const char *health_state_name(enum health_state state);

/** The process is about to stop: everything is NOT_SERVING from now on,
 * whatever is set. Before server_drain(), which ends the watches. Any thread. */
void health_stop(struct health *health);

/** After the loops were freed, which may still have its posts. NULL is fine. */
void health_free(struct health *health);

#endif
