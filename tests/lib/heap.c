#include "heap.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS ((size_t)1 << 16) /* more than any test has blocks */

/* Blocks that live, in a table with open addresses. */
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static void *g_block[SLOTS];
static size_t g_live;
static bool g_watching, g_failed;
static unsigned g_nth;
static size_t g_size;

static size_t slot_of(const void *p)
{
    return ((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 48;
}

static size_t find(const void *p)
{
    size_t i = slot_of(p);
    while (g_block[i] != NULL && g_block[i] != p)
        i = (i + 1) % SLOTS;
    return i;
}

/* What comes behind in the same run may have wanted this slot. */
static void take_out(size_t hole)
{
    g_block[hole] = NULL;
    for (size_t i = (hole + 1) % SLOTS; g_block[i] != NULL; i = (i + 1) % SLOTS) {
        void *p = g_block[i];
        g_block[i] = NULL;
        g_block[find(p)] = p;
    }
}

static void *note(void *p)
{
    pthread_mutex_lock(&g_lock);
    if (p != NULL && g_watching && g_live < SLOTS / 2) {
        g_block[find(p)] = p;
        g_live++;
    }
    pthread_mutex_unlock(&g_lock);
    return p;
}

static bool forget(void *p)
{
    pthread_mutex_lock(&g_lock);
    const size_t i = p != NULL ? find(p) : 0;
    const bool known = p != NULL && g_block[i] != NULL;
    if (known) {
        take_out(i);
        g_live--;
    }
    pthread_mutex_unlock(&g_lock);
    return known;
}

/* Whether it is this allocation's turn to fail. */
static bool fails(size_t size)
{
    pthread_mutex_lock(&g_lock);
    const bool now = (g_nth > 0 && --g_nth == 0) || (g_size > 0 && size == g_size);
    g_failed |= now;
    pthread_mutex_unlock(&g_lock);
    if (now)
        errno = ENOMEM;
    return now;
}

void heap_watch(void)
{
    pthread_mutex_lock(&g_lock);
    memset(g_block, 0, sizeof g_block);
    g_live = 0;
    g_watching = true;
    pthread_mutex_unlock(&g_lock);
}

size_t heap_live(void)
{
    pthread_mutex_lock(&g_lock);
    const size_t n = g_live;
    pthread_mutex_unlock(&g_lock);
    return n;
}

size_t heap_live_in_the_end(void)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    for (int i = 0; i < 5000 && heap_live() > 0; i++)
        nanosleep(&pause, NULL);
    return heap_live();
}

void heap_fail_at(unsigned nth)
{
    pthread_mutex_lock(&g_lock);
    g_nth = nth;
    g_failed = false;
    pthread_mutex_unlock(&g_lock);
}

void heap_fail_size(size_t size)
{
    pthread_mutex_lock(&g_lock);
    g_size = size;
    pthread_mutex_unlock(&g_lock);
}

bool heap_failed(void)
{
    pthread_mutex_lock(&g_lock);
    const bool failed = g_failed;
    pthread_mutex_unlock(&g_lock);
    return failed;
}

/* --- What our objects call ---------------------------------------------------------- */

void *heap_malloc(size_t size);
void *heap_calloc(size_t n, size_t size);
void *heap_realloc(void *p, size_t size);
char *heap_strdup(const char *s);
char *heap_strndup(const char *s, size_t n);
int heap_asprintf(char **ret, const char *format, ...);
int heap_vasprintf(char **ret, const char *format, va_list args);
void heap_free(void *p);

void *heap_malloc(size_t size)
{
    return fails(size) ? NULL : note(malloc(size));
}

void *heap_calloc(size_t n, size_t size)
{
    return fails(n * size) ? NULL : note(calloc(n, size));
}

void *heap_realloc(void *p, size_t size)
{
    if (fails(size))
        return NULL;
    const bool known = forget(p);
    void *moved = realloc(p, size);
    return known || p == NULL ? note(moved) : moved;
}

char *heap_strndup(const char *s, size_t n)
{
    const size_t len = strnlen(s, n);
    char *copy = heap_malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *heap_strdup(const char *s)
{
    return heap_strndup(s, strlen(s));
}

int heap_vasprintf(char **ret, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *ret = heap_malloc((size_t)len + 1);
    return *ret != NULL ? vsnprintf(*ret, (size_t)len + 1, format, args) : -1;
}

int heap_asprintf(char **ret, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int len = heap_vasprintf(ret, format, args);
    va_end(args);
    return len;
}

void heap_free(void *p)
{
    forget(p);
    free(p);
}
