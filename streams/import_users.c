#include "import_users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

/* Whether it waits for one of them. */
static bool go_on(struct import_users *u)
{
    while (u->at < u->n && name_is_known(name_state(u->names[u->at])))
        u->at++;
    if (u->at < u->n)
        name_wait_start(u->names[u->at], &u->wait);
    return u->at < u->n;
}

bool import_users_waits(const struct import_users *u)
{
    return u->at < u->n;
}

/* A name that was known may be wanted again by now, since the stream to User broke. */
static void on_known(struct name_wait *wait)
{
    struct import_users *u = container_of(wait, struct import_users, wait);
    u->at = 0;
    if (!go_on(u))
        u->known(u);
}

static void on_failed(struct name_wait *wait, const struct status *status)
{
    struct import_users *u = container_of(wait, struct import_users, wait);
    import_users_stop(u);
    u->failed(u, status);
}

int import_users_ask(struct import_users *u, struct resolver *resolver, size_t n,
                     struct bytes (*id_of)(const void *arg, size_t i), const void *arg)
{
    u->names = calloc(n + 1, sizeof(struct name *));
    if (u->names == NULL)
        return ENOMEM;
    u->at = 0;
    u->wait.known = on_known;
    u->wait.failed = on_failed;
    for (u->n = 0; u->n < n; u->n++) {
        struct name *name = resolver_want(resolver, id_of(arg, u->n));
        if (name == NULL) {
            import_users_stop(u);
            return ENOMEM;
        }
        u->names[u->n] = name;
    }
    go_on(u);
    return 0;
}

/* Without memory it is counted, and not named. */
static void note(struct import_users *u, struct bytes id)
{
    u->unresolved++;
    for (size_t i = 0; i < u->nids; i++)
        if (bytes_equal(bytes_of_text(u->ids[i]), id))
            return;
    if (u->nids == IMPORT_USERS_MAX)
        return;
    char *text = strndup((const char *)id.data, id.len);
    if (text != NULL)
        u->ids[u->nids++] = text;
}

bool import_users_check(struct import_users *u, size_t i)
{
    if (name_state(u->names[i]) != NAME_MISSING)
        return true;
    note(u, name_user_id(u->names[i]));
    return false;
}

void import_users_stop(struct import_users *u)
{
    name_wait_stop(&u->wait);
    for (size_t i = 0; i < u->n; i++)
        name_release(u->names[i]);
    free(u->names);
    u->names = NULL;
    u->n = 0;
}

void import_users_close(struct import_users *u)
{
    import_users_stop(u);
    for (size_t i = 0; i < u->nids; i++)
        free(u->ids[i]);
    u->nids = 0;
}
