/* Runs every target once on each of its seeds, without libFuzzer: a part of
 * make test. A target has a process of its own, since some of them take over
 * its output.
 *
 *   seeds FOLDER...     "tests/fuzz/seeds/token" is for the target "token"
 *
 * TARGETS is X(name) for each, from the Makefile, which has also renamed the
 * functions of the targets: LLVMFuzzerTestOneInput_name. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int target_fn(const uint8_t *data, size_t size);

#define X(name) target_fn LLVMFuzzerTestOneInput_##name;
TARGETS
#undef X

static const struct {
    const char *name;
    target_fn *run;
} targets[] = {
#define X(name) { #name, LLVMFuzzerTestOneInput_##name },
    TARGETS
#undef X
};

static target_fn *target_of(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (strcmp(targets[i].name, slash != NULL ? slash + 1 : folder) == 0)
            return targets[i].run;
    fprintf(stderr, "%s: there is no such target\n", folder);
    exit(2);
}

/* The input has no byte to spare: so a sanitizer sees who reads beyond it. */
static void run_file(target_fn *run, FILE *file)
{
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    uint8_t *data = malloc(size > 0 ? size : 1);
    rewind(file);
    if (data == NULL || fread(data, 1, size, file) != size)
        exit(2);
    run(data, size);
    free(data);
}

static void run_folder(target_fn *run, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        FILE *file = d->d_name[0] != '.' ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        run_file(run, file);
        fclose(file);
    }
    closedir(dir);
}

static int in_process(target_fn *run, const char *folder)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        run_folder(run, folder);
        exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        const int status = in_process(target_of(argv[i]), argv[i]);
        if (status != 0)
            fprintf(stderr, "%s: failed (wait status %d)\n", argv[i], status);
        failed += status != 0;
    }
    printf("%d of %d fuzz targets pass on their seeds\n", argc - 1 - failed, argc - 1);
    return failed > 0;
}
