#include "tmpdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

char *tmpdir_path(const char *dir, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        give_up("asprintf");
    return path;
}

char *tmpdir_make(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = tmpdir_path(base != NULL && *base != '\0' ? base : "/tmp", "pair-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        give_up(dir);
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

void tmpdir_remove(char *dir)
{
    if (dir == NULL)
        return;
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(dir);
    free(dir);
}
