#include "histogram.h"

#include <stddef.h>

#define US(n) (1000 * (uint64_t)(n))
#define MS(n) US(1000 * (n))

const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS] = {
    US(100), US(250), US(500), MS(1),    MS(2.5),  MS(5),    MS(10),    MS(25),    MS(50),
    MS(100), MS(250), MS(500), MS(1000), MS(2500), MS(5000), MS(10000), MS(30000), MS(60000),
};

void histogram_observe(struct histogram *h, uint64_t ns)
{
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && ns > histogram_bound_ns[i])
        i++;
    counter_add(&h->buckets[i], 1);
    counter_add(&h->sum_ns, ns);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        counter_add(&to->buckets[i], counter_get(&from->buckets[i]));
    counter_add(&to->sum_ns, counter_get(&from->sum_ns));
}
