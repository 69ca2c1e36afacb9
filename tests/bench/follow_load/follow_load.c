/* follow_load: many followers of posts at once, in raw HTTP/2, and what reached each of them.
 *
 * Followers share connections. When all of them are caught up (or, with tokens, at once) a load of
 * posts is imported, by this program or by another one, and then a fence: a post for each user. A
 * follower that has the fence and not the whole load has missed something; one that has a post
 * twice shows, too. The time of an arrival is from the moment at which its import was sent: the
 * commit is in it, with its flush to the disk, and so is the way there.
 *
 * Standard output has two lines of JSON: one as soon as all are caught up, and one at the end. Exit
 * status 0 says that it was measured, not that it is good: the figures tell what was missed. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "die.h"
#include "followers.h"
#include "h2_link.h"
#include "importer.h"
#include "plan.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct load {
    struct plan plan;
    struct h2_link *links; /* of the followers, and one more for imports */
    struct pollfd *polled; /* the same, and standard input */
    size_t nlinks;
    struct followers followers;
    struct importer importer;
    bool others_import; /* until standard input ends */
};

static void load_open(struct load *l, int argc, char **argv)
{
    plan_read(&l->plan, argc, argv);
    l->others_import = l->plan.import == IMPORT_BY_OTHERS && l->plan.tokens_file == NULL;
    l->nlinks = (size_t)l->plan.connections + 1;
    l->links = must_have(calloc(l->nlinks, sizeof *l->links));
    l->polled = must_have(calloc(l->nlinks + 1, sizeof *l->polled));
    const int64_t import_port = l->plan.import_port != 0 ? l->plan.import_port : l->plan.port;
    for (size_t i = 0; i < l->nlinks - 1; i++)
        h2_link_open(&l->links[i], (uint16_t)l->plan.port);
    h2_link_open(&l->links[l->nlinks - 1], (uint16_t)import_port);
    importer_open(&l->importer, &l->plan, &l->links[l->nlinks - 1]);
    followers_open(&l->followers, &l->plan, l->links);
}

static void load_close(struct load *l)
{
    for (size_t i = 0; i < l->nlinks; i++)
        h2_link_close(&l->links[i]);
    followers_close(&l->followers);
    importer_close(&l->importer);
    plan_close(&l->plan);
    free(l->links);
    free(l->polled);
}

/* --- waiting ---------------------------------------------------------------------------- */

static void read_input(struct load *l)
{
    char ignored[64];
    if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0)
        l->others_import = false;
}

static void poll_until(struct load *l, uint64_t now_ns, uint64_t until_ns)
{
    const uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;
    const struct timespec wait = { .tv_sec = (time_t)(ns / NS_PER_S),
                                   .tv_nsec = (long)(ns % NS_PER_S) };
    for (size_t i = 0; i < l->nlinks; i++)
        l->polled[i] =
            (struct pollfd){ .fd = l->links[i].fd, .events = h2_link_wants(&l->links[i]) };
    l->polled[l->nlinks] =
        (struct pollfd){ .fd = l->others_import ? STDIN_FILENO : -1, .events = POLLIN };
    if (ppoll(l->polled, l->nlinks + 1, &wait, NULL) < 0)
        die("poll: no more");
}

static void turn(struct load *l, uint64_t until_ns)
{
    const uint64_t now_ns = clock_ns(), due_ns = importer_turn(&l->importer, now_ns);
    h2_link_turn(l->importer.link, false); /* what is due goes out now */
    poll_until(l, now_ns, due_ns < until_ns ? due_ns : until_ns);
    for (size_t i = 0; i < l->nlinks; i++)
        if (l->polled[i].revents != 0)
            h2_link_turn(&l->links[i], (l->polled[i].revents & ~POLLOUT) != 0);
    if (l->polled[l->nlinks].revents != 0)
        read_input(l);
}

/* false: time is up. */
static bool wait_for(struct load *l, bool (*is_so)(const struct load *))
{
    const uint64_t until_ns = clock_ns() + l->plan.timeout_ms * NS_PER_MS;
    while (!is_so(l)) {
        if (clock_ns() >= until_ns)
            return false;
        turn(l, until_ns);
    }
    return true;
}

static bool all_are_caught_up(const struct load *l)
{
    return followers_are_caught_up(&l->followers);
}

static bool all_is_imported(const struct load *l)
{
    return !l->others_import && importer_is_done(&l->importer);
}

static bool all_are_complete(const struct load *l)
{
    return followers_are_complete(&l->followers);
}

static bool all_are_fenced(const struct load *l)
{
    return importer_is_done(&l->importer) && followers_are_fenced(&l->followers);
}

/* --- what is done ----------------------------------------------------------------------- */

/* If time is up for those who come back, the figures tell what is missed. */
static void catch_up(struct load *l)
{
    if (l->plan.tokens_file != NULL)
        wait_for(l, all_are_complete);
    else if (!wait_for(l, all_are_caught_up))
        die("%zu of %zu followers are caught up", l->followers.caught_up, l->followers.n);
    printf("{\"event\":\"caught_up\",");
    followers_print(&l->followers);
    puts("}");
    fflush(stdout);
}

static void import(struct load *l)
{
    if (l->plan.import == IMPORT_PACED)
        importer_pace(&l->importer);
    if (l->plan.import == IMPORT_BULK)
        importer_bulk(&l->importer, 0, (uint64_t)l->plan.count);
    if (!wait_for(l, all_is_imported))
        die("the import does not end");
}

/* If time is up, the figures tell who has not even this. */
static void fence(struct load *l)
{
    if (l->followers.n == 0)
        return;
    importer_bulk(&l->importer, (uint64_t)l->plan.count, l->plan.users.n);
    wait_for(l, all_are_fenced);
}

static void tell(struct load *l)
{
    printf("{\"event\":\"done\",");
    followers_print(&l->followers);
    putchar(',');
    importer_print(&l->importer);
    puts("}");
}

int main(int argc, char **argv)
{
    static struct load l;
    load_open(&l, argc, argv);
    catch_up(&l);
    import(&l);
    fence(&l);
    tell(&l);
    if (l.plan.save_tokens_file != NULL)
        followers_save_tokens(&l.followers, l.plan.save_tokens_file);
    load_close(&l);
    return 0;
}
