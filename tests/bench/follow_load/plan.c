#include "plan.h"

#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "die.h"
#include "load_post.h"

static void lines_read(struct lines *l, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    if (file == NULL)
        die("%s: %s", path, strerror(errno));
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        l->line = must_have(realloc(l->line, (l->n + 1) * sizeof *l->line));
        l->line[l->n++] = must_have(strdup(line));
    }
    free(line);
    fclose(file);
}

static void lines_close(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->line[i]);
    free(l->line);
}

static void plan_check(const struct plan *p)
{
    if (p->port == 0)
        die("--port is missing");
    if (p->users.n == 0)
        die("--users is missing, or has no line");
    if (p->tokens_file != NULL && p->tokens.n != (size_t)p->followers)
        die("%zu tokens for %lld followers", p->tokens.n, (long long)p->followers);
    if (p->tokens_file != NULL && p->import != IMPORT_BY_OTHERS)
        die("who comes back has a load that was imported before");
    if (p->count + (int64_t)p->users.n > LOAD_POSTS_MAX)
        die("a load has at most %d posts", LOAD_POSTS_MAX);
}

static void options_read(struct plan *p, int argc, char **argv)
{
    const struct option_row rows[] = {
        OPT_INT("port", p->port, "of the server, on 127.0.0.1", .arg = "PORT", .max = UINT16_MAX),
        OPT_INT("import-port", p->import_port, "where to import; 0: at --port", .arg = "PORT",
                .max = UINT16_MAX),
        OPT_INT("followers", p->followers, "how many", .arg = "N", .max = 1000000),
        OPT_INT("connections", p->connections, "that they share", .arg = "N", .min = 1,
                .max = 10000),
        OPT_TEXT("users", p->users_file, "ids of users, one a line: who the posts are by",
                 .arg = "FILE"),
        OPT_FLAG("by-user", p->by_user, "each follows one user of these in turn, not everything"),
        OPT_FLAG("from-now", p->from_now, "they want no listing first"),
        OPT_TEXT("tokens", p->tokens_file,
                 "they come back with these, one a line, to a load that is there", .arg = "FILE"),
        OPT_TEXT("save-tokens", p->save_tokens_file, "where their last tokens go", .arg = "FILE"),
        OPT_TEXT("name", p->name, "of the load: ids of its posts begin with it", .arg = "NAME"),
        OPT_CHOICE("import", p->import,
                   "who imports: others, until standard input ends; or this "
                   "program, post by post or at once",
                   .arg = "HOW", .choices = "others|paced|bulk"),
        OPT_INT("count", p->count, "posts of the load", .arg = "N", .max = LOAD_POSTS_MAX),
        OPT_INT("rate", p->rate, "posts a second, when paced", .arg = "N", .min = 1,
                .max = 1000000),
        OPT_DURATION("timeout", p->timeout_ms, "for each wait", .arg = "DURATION"),
    };
    const struct option_program program = {
        .name = "follow-load",
        .usage = "--port PORT --users FILE [OPTION]...",
        .summary = "Follows posts many times at once, and tells what came, and when.",
        .rows = rows,
        .nrows = sizeof rows / sizeof rows[0],
    };
    int first;
    enum option_result result = options_parse(&program, argc, argv, &first);
    if (result != OPTIONS_OK)
        exit(result == OPTIONS_HELP ? 0 : 2);
    if (first != argc)
        die("%s: what is that?", argv[first]);
}

void plan_read(struct plan *p, int argc, char **argv)
{
    *p = (struct plan){
        .connections = 1, .name = "load", .rate = 100, .timeout_ms = UINT64_C(120000)
    };
    options_read(p, argc, argv);
    if (p->users_file != NULL)
        lines_read(&p->users, p->users_file);
    if (p->tokens_file != NULL)
        lines_read(&p->tokens, p->tokens_file);
    plan_check(p);
}

void plan_close(struct plan *p)
{
    lines_close(&p->users);
    lines_close(&p->tokens);
}
