/* Under the names that every Prometheus client library uses. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void print_memory(struct exposition *e)
{
    unsigned long all, resident;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL)
        return;
    const double page = (double)sysconf(_SC_PAGESIZE);
    if (fscanf(statm, "%lu %lu", &all, &resident) == 2) {
        exposition_single(e, "process_resident_memory_bytes", METRIC_GAUGE,
                          "Memory in use, with pages of the store's map that are in memory.",
                          (double)resident * page);
        exposition_single(e, "process_virtual_memory_bytes", METRIC_GAUGE,
                          "Addresses in use, with the whole map of the store.", (double)all * page);
    }
    fclose(statm);
}

static void print_descriptors(struct exposition *e)
{
    struct rlimit limit;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return;
    int n = -3; /* ".", ".." and what reads them */
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    exposition_single(e, "process_open_fds", METRIC_GAUGE, "Open descriptors.", n);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        exposition_single(e, "process_max_fds", METRIC_GAUGE, "Descriptors that may be open.",
                          (double)limit.rlim_cur);
}

/* Since boot, in clock ticks: the 22nd field, where the 2nd may have spaces. */
static double started_after_boot(void)
{
    char line[1024];
    double ticks = 0;
    FILE *stat = fopen("/proc/self/stat", "re");
    if (stat == NULL)
        return 0;
    if (fgets(line, sizeof line, stat) != NULL) {
        const char *at = strrchr(line, ')');
        for (int field = 2; at != NULL && field < 22; field++)
            at = strchr(at + 1, ' ');
        if (at != NULL)
            ticks = strtod(at, NULL);
    }
    fclose(stat);
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double start_time(void)
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    const double boot =
        (double)now.tv_sec - (double)up.tv_sec + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
    return boot + started_after_boot();
}

void metrics_of_process(struct exposition *e, void *arg)
{
    struct rusage usage;
    (void)arg;
    getrusage(RUSAGE_SELF, &usage);
    exposition_single(e, "process_cpu_seconds_total", METRIC_COUNTER,
                      "Processor time, user and system.",
                      seconds(usage.ru_utime) + seconds(usage.ru_stime));
    exposition_single(e, "process_start_time_seconds", METRIC_GAUGE,
                      "When the process began, since 1970.", start_time());
    print_memory(e);
    print_descriptors(e);
}
