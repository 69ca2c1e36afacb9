#include "loop_until.h"

#include "base/container.h"

/* So many rounds are run without a pause; a condition that takes longer waits
 * for time to pass, and then the loop may sleep. */
#define BUSY_TURNS 32

struct rounds {
    struct task task;
    struct loop *loop;
    unsigned left;
};

struct pause {
    struct timer timer;
    struct loop *loop;
};

/* Counts one round more than asked for: loop_run() takes events only at the
 * end of a round that is not its last. */
static void on_round(struct task *task)
{
    struct rounds *r = container_of(task, struct rounds, task);
    if (r->left-- > 0)
        task_defer(r->loop, task);
    else
        loop_break(r->loop);
}

void loop_turns(struct loop *loop, unsigned rounds)
{
    struct rounds r = { .task.run = on_round, .loop = loop, .left = rounds };
    task_defer(loop, &r.task);
    loop_run(loop);
}

static void on_paused(struct timer *timer)
{
    loop_break(container_of(timer, struct pause, timer)->loop);
}

bool loop_until_turn(struct loop *loop, struct loop_until *until)
{
    if (until->turns++ < BUSY_TURNS) {
        loop_turns(loop, 1);
    } else {
        struct pause p = { .timer.fired = on_paused, .loop = loop };
        timer_start(loop, &p.timer, 1);
        loop_run(loop);
    }
    if (until->deadline_ms == 0)
        until->deadline_ms = loop_now_ms(loop) + LOOP_UNTIL_MS;
    return loop_now_ms(loop) < until->deadline_ms;
}
