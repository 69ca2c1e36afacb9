/* A store whose file was damaged at random places: what it says is right, or it
 * says that it is damaged.
 *
 * STORE_DAMAGE="SEED RUNS" for other places and more of them. Each run is a
 * process of its own, which may end with the guard's line, but by no signal. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/tmpdir.h"
#include "store/lmdb/entries.h"
#include "store/store_check.h"
#include "weir/loop.h"

enum { N = 3000, GROUPS = 600, VALUE = 300, BIG = 9000 };

static char *dir;
static uint8_t *whole; /* the file as it was */
static size_t whole_bytes;

/* --- What is in it ------------------------------------------------------------------ */

static char ids[N][16], groups[N][16], values[N][BIG];

static void make_up(void)
{
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "id-%d", i);
        snprintf(groups[i], sizeof groups[i], "g%d", i * 7 % GROUPS);
        const int len = i % 100 == 0 ? BIG : VALUE; /* some have pages of their own */
        const int head = snprintf(values[i], BIG, "%s %s ", groups[i], ids[i]);
        memset(values[i] + head, 'a' + i % 26, (size_t)(len - head - 1));
    }
}

static void on_done(struct write_batch *batch)
{
    loop_stop(batch->loop);
}

/* A child's work: grpc must not be forked. Twice, so that there are free pages. */
static int fill(void)
{
    static struct write_record records[N];
    char error[STORE_ERROR_MAX];
    struct store *store;
    struct loop *loop;
    if (loop_new(&loop, LOOP_IN_UV) != 0 || store_open(&store, dir, "posts", NULL, error) != 0)
        return 1;
    for (int pass = 0; pass < 2; pass++)
        for (int from = 0; from < N; from += 100) {
            for (int i = from; i < from + 100; i++)
                records[i] = (struct write_record){ bytes_of_text(groups[i]), bytes_of_text(ids[i]),
                                                    bytes_of_text(pass == 0 ? "before" : values[i]),
                                                    WRITE_PUT, WRITE_NEW };
            struct write_batch batch = {
                .records = records + from, .nrecords = 100, .loop = loop, .done = on_done
            };
            store_write(store, &batch);
            loop_run(loop);
            if (batch.error[0] != '\0')
                return 1;
        }
    store_close(store);
    return 0;
}

/* --- What it says ------------------------------------------------------------------- */

enum { RIGHT = 10, REFUSED, WRONG, LOST };

struct listing {
    struct visit visit;
    int n;
    bool wrong;
};

/* Group by group, and in each in the order of import. */
static int nth(int n)
{
    static int order[N];
    if (order[0] == order[1])
        for (int g = 0, k = 0; g < GROUPS; g++)
            for (int i = g; i < N; i += GROUPS)
                order[k++] = i;
    return order[n];
}

static bool compare(struct visit *visit, struct position at, struct bytes value)
{
    struct listing *l = (struct listing *)visit;
    (void)at;
    if (l->n >= N || !bytes_equal(value, bytes_of_text(values[nth(l->n)])))
        l->wrong = true;
    l->n++;
    return true;
}

static int read_all(struct reader *r)
{
    struct position at = { 0 };
    struct listing l = { .visit.record = compare };
    int rv = reader_scan(r, &at, UINT32_MAX, &l.visit);
    if (l.wrong)
        return WRONG;
    return rv < 0 ? REFUSED : l.n == N ? RIGHT : WRONG;
}

/* Each group, and then once more: the reader may know where it is. */
static int read_groups(struct reader *r)
{
    for (int i = 0; i < 2 * GROUPS; i++) {
        const int group = i % GROUPS;
        struct position at = { .group = (uint32_t)group };
        struct listing l = { .visit.record = compare, .n = group * (N / GROUPS) };
        if (reader_scan(r, &at, at.group, &l.visit) < 0)
            return REFUSED;
        if (l.wrong || l.n != (group + 1) * (N / GROUPS))
            return WRONG;
    }
    return RIGHT;
}

static int read_each(struct reader *r)
{
    for (int i = 0; i < N; i++) {
        struct bytes value, group;
        uint32_t ordinal;
        int rv = reader_get(r, bytes_of_text(ids[i]), &value);
        if (rv == 1 && !bytes_equal(value, bytes_of_text(values[i])))
            return WRONG;
        if (rv == 1)
            rv = reader_group(r, bytes_of_text(groups[i]), &ordinal);
        if (rv == 1)
            rv = reader_group_id(r, ordinal, &group);
        if (rv == 1 && !bytes_equal(group, bytes_of_text(groups[i])))
            return WRONG;
        if (rv != 1)
            return rv < 0 ? REFUSED : LOST;
    }
    return RIGHT;
}

/* All records twice, in the order of their numbers; only the second time has values. */
struct replay {
    struct change_visit visit;
    struct reader *r;
    uint64_t next;
    int result;
};

static bool replay(struct change_visit *visit, const struct change *c)
{
    struct replay *l = (struct replay *)visit;
    struct bytes value;
    const int i = (int)(l->next++ % N);
    const int found = reader_put_value(l->r, c, &value);
    if (c->revision != l->next || c->revision > 2 * N || c->kind != CHANGE_PUT ||
        !bytes_equal(c->id, bytes_of_text(ids[i])) || c->at.sequence != (uint64_t)i + 1 ||
        (found == 1 && !bytes_equal(value, bytes_of_text(values[i]))))
        l->result = WRONG;
    else if (found < 0 && l->result == RIGHT)
        l->result = REFUSED;
    else if (found != (c->revision > N) && l->result == RIGHT)
        l->result = LOST;
    return true;
}

static int read_changes(struct reader *r)
{
    uint64_t revision = 0;
    struct replay l = { { replay }, r, 0, RIGHT };
    const int rv = reader_changes(r, &revision, &l.visit);
    if (l.result == RIGHT && rv != 0)
        return REFUSED;
    return l.result == RIGHT && l.next != 2 * N ? WRONG : l.result;
}

static int worse(int a, int b)
{
    if (a == WRONG || b == WRONG)
        return WRONG;
    return a == RIGHT ? b : a;
}

static int serve(void)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *store;
    struct reader *r;
    if (store_open(&store, dir, "posts", NULL, error) != 0)
        return strstr(error, dir) != NULL ? REFUSED : WRONG;
    if (reader_new(&r, store, NULL, error) != 0 || reader_begin(r, error) != 0)
        return REFUSED;
    int result = read_all(r);
    result = worse(result, read_groups(r));
    result = worse(result, read_each(r));
    result = worse(result, read_changes(r));
    reader_end(r);
    return result;
}

static const char *read_record(struct store_check *check, struct bytes value,
                               struct bytes *ret_group, struct bytes *ret_id)
{
    (void)check;
    const char *text = (const char *)value.data, *end = text + value.len;
    const char *space = memchr(text, ' ', value.len);
    const char *next = space == NULL ? NULL : memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (next == NULL)
        return "no text of ours";
    *ret_group = bytes_of(text, (size_t)(space - text));
    *ret_id = bytes_of(space + 1, (size_t)(next - space - 1));
    return NULL;
}

static int check(void)
{
    char error[STORE_ERROR_MAX] = "";
    struct store_check c = { .read = read_record };
    if (store_check(dir, "posts", &c, error) != 0 || c.problems > 0)
        return REFUSED;
    return c.records == N && c.groups == GROUPS && c.changes == 2 * N ? RIGHT : WRONG;
}

/* --- Damage ------------------------------------------------------------------------- */

static int in_child(int (*fn)(void))
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        freopen("/dev/null", "w", stderr);
        _exit(fn());
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char *data_path(void)
{
    return tmpdir_path(dir, "data.mdb");
}

static void read_file(void)
{
    char *path = data_path();
    FILE *f = fopen(path, "r");
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    whole_bytes = (size_t)st.st_size;
    whole = malloc(whole_bytes);
    cr_assert_eq(fread(whole, 1, whole_bytes, f), whole_bytes);
    fclose(f);
    free(path);
}

static void write_file(const uint8_t *data, size_t len)
{
    char *path = data_path();
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(data, 1, len, f), len);
    cr_assert_eq(fclose(f), 0);
    free(path);
}

/* Structure is a small part of the bytes, so half of the places are in the
 * first bytes of pages. Returns how many bytes are left of the file. */
static size_t damage(uint8_t *data)
{
    size_t at = (size_t)random() % whole_bytes;
    switch (random() % 8) {
    case 0:
        return at;
    case 1: /* a sector that was lost */
        memset(data + at / 512 * 512, random() % 2 ? 0 : 0xff, 512);
        return whole_bytes;
    case 2: /* a page that is another one */
        memmove(data + at / 4096 * 4096, data + (size_t)random() % (whole_bytes / 4096) * 4096,
                4096);
        return whole_bytes;
    default:
        for (long n = random() % 4; n >= 0; n--, at = (size_t)random() % whole_bytes) {
            if (random() % 2)
                at = at / 4096 * 4096 + at % 64;
            data[at] ^= (uint8_t)(1 << random() % 8);
        }
        return whole_bytes;
    }
}

static void init(void)
{
    dir = tmpdir_make();
    make_up();
    cr_assert_eq(in_child(fill), 0);
    read_file();
    nth(0);
}

static void fini(void)
{
    free(whole);
    tmpdir_remove(dir);
}

TestSuite(store_damage, .init = init, .fini = fini);

Test(store_damage, what_is_whole_is_good)
{
    cr_assert_eq(in_child(serve), RIGHT);
    cr_assert_eq(in_child(check), RIGHT);
}

Test(store_damage, is_never_a_wrong_answer)
{
    unsigned seed = 1, runs = 100, right = 0, refused = 0, ended = 0, lost = 0;
    const char *wish = getenv("STORE_DAMAGE");
    if (wish != NULL)
        sscanf(wish, "%u %u", &seed, &runs);
    uint8_t *data = malloc(whole_bytes);
    for (unsigned i = 0; i < runs; i++) {
        srandom(seed + i);
        memcpy(data, whole, whole_bytes);
        write_file(data, damage(data));
        const int found = in_child(check), served = in_child(serve);
        cr_assert(served >= 0 && served != WRONG, "STORE_DAMAGE=\"%u 1\": served %d", seed + i,
                  served);
        cr_assert(found >= 0 && found != WRONG, "STORE_DAMAGE=\"%u 1\": checked %d", seed + i,
                  found);
        if (served != RIGHT)
            cr_assert_neq(found, RIGHT, "STORE_DAMAGE=\"%u 1\": --check sees nothing", seed + i);
        right += served == RIGHT;
        refused += served == REFUSED;
        ended += served == 1;
        lost += served == LOST;
    }
    if (wish != NULL)
        fprintf(stderr, "%u right, %u refused, %u ended, %u not found\n", right, refused, ended,
                lost);
    cr_assert_gt(refused, runs / 4);
    free(data);
}
