#include "pg_target.h"

#include <postgresql/libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/address.h"

__attribute__((format(printf, 2, 3))) static int refuse(char error[STORE_ERROR_MAX],
                                                        const char *format, ...)
{
    static const char begin[] = "cannot use the database of --db: ";
    va_list args;
    va_start(args, format);
    memcpy(error, begin, sizeof begin);
    vsnprintf(error + sizeof begin - 1, STORE_ERROR_MAX - sizeof begin, format, args);
    va_end(args);
    return -1;
}

/* --- What it names ------------------------------------------------------------------ */

static bool is_uri(const char *db)
{
    return strncmp(db, "postgres://", 11) == 0 || strncmp(db, "postgresql://", 13) == 0;
}

static bool is_keyword(const char *word, size_t len)
{
    PQconninfoOption *options = PQconndefaults();
    bool found = false;
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        found = found || (strlen(o->keyword) == len && strncmp(o->keyword, word, len) == 0);
    PQconninfoFree(options);
    return found;
}

bool pg_target_is(const char *db)
{
    const size_t len = strcspn(db, "= \t/");
    return is_uri(db) || (db[len + strspn(db + len, " \t")] == '=' && is_keyword(db, len));
}

bool pg_host_is_socket(const struct pg_host *host)
{
    return host->addr[0] == '\0' &&
           (host->name[0] == '\0' || host->name[0] == '/' || host->name[0] == '@');
}

static bool is_of_this_machine(const struct pg_host *host)
{
    return pg_host_is_socket(host) ||
           address_is_local(host->addr[0] != '\0' ? host->addr : host->name);
}

static bool is_all_of_this_machine(const struct pg_target *t)
{
    for (size_t i = 0; i < t->nhosts; i++)
        if (!is_of_this_machine(&t->hosts[i]))
            return false;
    return true;
}

/* --- What libpq makes of it --------------------------------------------------------- */

/* "": it has none. */
static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val != NULL ? o->val : "";
    return "";
}

/* libpq looks into the service file only when it connects, and shows what it found.
 * So it is made to connect with an option that it refuses before it does anything. */
#define REFUSED_OPTION "target_session_attrs"

/* Returns the connection that never was, or NULL with a line in @error. */
static PGconn *try_out(const char *db, char error[STORE_ERROR_MAX])
{
    const char *const keywords[] = { "dbname", REFUSED_OPTION, NULL };
    const char *const values[] = { db, "none of those", NULL };
    PGconn *pg = PQconnectStartParams(keywords, values, 1);
    const char *why = PQerrorMessage(pg);
    if (pg != NULL && strstr(why, REFUSED_OPTION) != NULL)
        return pg;
    refuse(error, "%.*s", (int)strcspn(why, "\n"), why);
    PQfinish(pg);
    return NULL;
}

/* The next part of a list with commas. false: no memory. */
static bool take_part(const char **list, char **ret)
{
    const size_t len = strcspn(*list, ",");
    *ret = strndup(*list, len);
    *list += len + ((*list)[len] == ',');
    return *ret != NULL;
}

static size_t count_parts(const char *list)
{
    size_t n = 1;
    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* libpq has seen to it that the lists agree; one port may be for all. */
static int read_hosts(struct pg_target *t, const PQconninfoOption *all, char error[STORE_ERROR_MAX])
{
    const char *names = value_of(all, "host"), *addrs = value_of(all, "hostaddr");
    const char *ports = value_of(all, "port"), *one_port = ports;
    const bool many_ports = strchr(ports, ',') != NULL;
    const size_t n = count_parts(names[0] != '\0' ? names : addrs);
    if (n > PG_HOSTS_MAX)
        return refuse(error, "it names too many hosts");
    for (; t->nhosts < n; one_port = ports) {
        struct pg_host *host = &t->hosts[t->nhosts++];
        if (!take_part(&names, &host->name) || !take_part(&addrs, &host->addr) ||
            !take_part(many_ports ? &ports : &one_port, &host->port))
            return refuse(error, "out of memory");
    }
    return 0;
}

static int read_all(struct pg_target *t, const PQconninfoOption *given, const PQconninfoOption *all,
                    char error[STORE_ERROR_MAX])
{
    const char *mode = value_of(given, "sslmode");
    t->name = strdup(value_of(all, "dbname"));
    if (t->name == NULL)
        return refuse(error, "out of memory");
    if (read_hosts(t, all, error) != 0)
        return -1;
    t->verifies = mode[0] == '\0' && strcmp(value_of(all, "sslmode"), "prefer") == 0 &&
                  !is_all_of_this_machine(t);
    return 0;
}

static int read_target(struct pg_target *t, const PQconninfoOption *given,
                       char error[STORE_ERROR_MAX])
{
    PGconn *pg = try_out(t->db, error);
    if (pg == NULL)
        return -1;
    PQconninfoOption *all = PQconninfo(pg);
    const int rv = all != NULL ? read_all(t, given, all, error) : refuse(error, "out of memory");
    PQconninfoFree(all);
    PQfinish(pg);
    return rv;
}

/* --- Life --------------------------------------------------------------------------- */

static int check_secrets(const PQconninfoOption *given, char error[STORE_ERROR_MAX])
{
    if (value_of(given, "password")[0] == '\0' && value_of(given, "sslpassword")[0] == '\0')
        return 0;
    return refuse(error, "a password on the command line shows in the list of processes; "
                         "put it into a file, and name that by PGPASSFILE or PGSERVICEFILE");
}

/* What libpq says of a text that it cannot read has parts of it, as a password is. */
static PQconninfoOption *parse(const char *db, char error[STORE_ERROR_MAX])
{
    char *why = NULL;
    PQconninfoOption *given = PQconninfoParse(db, &why);
    if (given == NULL)
        refuse(error, "it is neither postgres://USER@HOST:PORT/NAME nor KEYWORD=VALUE ...");
    PQfreemem(why);
    return given;
}

static int read_given(struct pg_target *t, const PQconninfoOption *given,
                      char error[STORE_ERROR_MAX])
{
    if (check_secrets(given, error) != 0)
        return -1;
    return t->db != NULL ? read_target(t, given, error) : refuse(error, "out of memory");
}

int pg_target_new(struct pg_target **ret, const char *db, char error[STORE_ERROR_MAX])
{
    PQconninfoOption *given = parse(db, error);
    if (given == NULL)
        return -1;
    struct pg_target *t = calloc(1, sizeof *t);
    if (t != NULL)
        t->db = strdup(db);
    const int rv = t != NULL ? read_given(t, given, error) : refuse(error, "out of memory");
    PQconninfoFree(given);
    if (rv == 0)
        *ret = t;
    else
        pg_target_free(t);
    return rv;
}

void pg_target_free(struct pg_target *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->nhosts; i++) {
        free(t->hosts[i].name);
        free(t->hosts[i].addr);
        free(t->hosts[i].port);
    }
    free(t->db);
    free(t->name);
    free(t);
}
