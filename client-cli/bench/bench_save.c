#include "bench_save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_report.h"
#include "client-cli/frame/session.h"

struct file_kind {
    const char *ending;
    bool (*put)(struct buf *b, const json_t *json);
};

static const struct file_kind kinds[] = {
    { ".html", bench_put_html },
    { ".json", bench_put_json },
    { ".csv", bench_put_intervals },
};

static const struct file_kind *kind_of(const char *path)
{
    const size_t len = strlen(path);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t n = strlen(kinds[i].ending);
        if (len > n && strcmp(path + len - n, kinds[i].ending) == 0)
            return &kinds[i];
    }
    return NULL;
}

/* Of the folder where @path is to be made. 0, or an errno value. */
static int check_folder(const char *path)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    const size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    struct stat st;
    if (len >= sizeof folder)
        return ENAMETOOLONG;
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)len, path);
    if (stat(folder, &st) != 0)
        return errno;
    if (!S_ISDIR(st.st_mode))
        return ENOTDIR;
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

static int check_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? check_folder(path) : errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return access(path, W_OK) == 0 ? 0 : errno;
}

const char *bench_save_check(const struct option_list *files, char *why, size_t size)
{
    for (size_t i = 0; i < files->n; i++) {
        const char *path = files->item[i];
        if (kind_of(path) == NULL) {
            snprintf(why, size,
                     "--report is a file whose name ends in .html, .json or .csv, not %s", path);
            return why;
        }
        const int rv = check_file(path);
        if (rv != 0) {
            snprintf(why, size, "--report: cannot write %s: %s", path, strerror(rv));
            return why;
        }
    }
    return NULL;
}

static bool write_file(struct session *s, const char *path, const struct buf *b)
{
    FILE *to = fopen(path, "w");
    bool good = to != NULL && fwrite(b->data, 1, b->len, to) == b->len;
    int error = errno;
    if (to != NULL && fclose(to) != 0) {
        error = good ? errno : error;
        good = false;
    }
    if (!good)
        session_say(s, "cannot write %s: %s", path, strerror(error));
    return good;
}

static bool save(struct session *s, const char *path, const json_t *json)
{
    const struct file_kind *kind = kind_of(path);
    struct buf *b = buf_new(64 * 1024);
    const bool made = b != NULL && kind->put(b, json);
    const bool good = made && write_file(s, path, b);
    if (!made)
        session_say(s, "cannot write %s: out of memory", path);
    buf_unref(b);
    return good;
}

bool bench_save(struct session *s, const struct option_list *files, const json_t *json)
{
    bool good = true;
    for (size_t i = 0; i < files->n; i++)
        good = save(s, files->item[i], json) && good;
    return good;
}
