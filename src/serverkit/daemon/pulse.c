#include "pulse.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "weir/loop.h"

struct sign {
    atomic_uint given; /* how often; written on its loop */
    struct posting question;
};

struct pulse {
    struct loop *const *loops;
    size_t n;
    unsigned asked; /* how often */
    struct sign signs[];
};

int pulse_new(struct pulse **ret, struct loop *const *loops, size_t n)
{
    struct pulse *p = calloc(1, sizeof *p + n * sizeof p->signs[0]);
    if (p == NULL)
        return ENOMEM;
    p->loops = loops;
    p->n = n;
    *ret = p;
    return 0;
}

static void on_asked(struct loop *loop, void *arg)
{
    struct sign *sign = arg;
    (void)loop;
    atomic_fetch_add(&sign->given, 1);
}

void pulse_ask(struct pulse *p)
{
    p->asked++;
    for (size_t i = 0; i < p->n; i++)
        loop_post_with(p->loops[i], &p->signs[i].question, on_asked, &p->signs[i]);
}

bool pulse_silent(const struct pulse *p, size_t *ret_loop)
{
    for (size_t i = 0; i < p->n; i++) {
        if (atomic_load(&p->signs[i].given) != p->asked) {
            *ret_loop = i;
            return true;
        }
    }
    return false;
}

void pulse_free(struct pulse *p)
{
    free(p);
}
