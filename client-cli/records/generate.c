#include "generate.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FIRST_TIME   1603584000 /* 2020-10-25T00:00:00Z */
#define STEP_SECONDS 37         /* between posts, on average */

static const char *const english[] = {
    "stream",    "train",  "coffee",  "morning", "window",  "river",    "letter",  "server",
    "quiet",     "garden", "bicycle", "rain",    "harbour", "again",    "without", "before",
    "slow",      "early",  "message", "answer",  "kitchen", "platform", "music",   "between",
    "north",     "light",  "paper",   "reads",   "writes",  "waits",    "arrives", "leaves",
    "remembers", "the",    "a",       "every",   "one",     "and",      "with",    "over",
    "under",     "after",  "some",    "little",  "summer",  "winter",   "bread",   "tea",
    "cloud",     "buffer", "packet",  "loop",    "evening", "station",
};
static const char *const korean[] = {
    "아침",   "커피",     "기차",     "창가에서", "오늘",   "편지", "조용한",
    "바다",   "다시",     "천천히",   "음악",     "겨울",   "여름", "친구",
    "읽는다", "기다린다", "도착했다", "서버",     "스트림", "비가",
};
static const char *const emoji[] = { "☕", "🚂", "🌧️", "📚", "🎵", "🌊", "🍞", "✨", "🐈", "🚲" };
static const char *const tags[] = {
    "grpc",    "streaming", "c",    "linux",  "coffee",  "travel",   "trains",
    "music",   "books",     "food", "seoul",  "weekend", "photo",    "diary",
    "testing", "tips",      "news", "garden", "code",    "question",
};
static const char *const given_names[] = {
    "Henry", "Michael", "Jessie", "Max",  "Tony",  "Mina",  "Alice", "Jonas",
    "Sora",  "Elena",   "Omar",   "Ines", "Pavel", "Grace", "Noah",  "Yuna",
};
static const char *const family_names[] = {
    "Park", "Miller", "Rossi", "Novak",  "Garcia", "Chen", "Kim",   "Silva",
    "Haas", "Okafor", "Lind",  "Moreau", "Sato",   "Lee",  "Evans", "Weber",
};
static const char *const korean_names[] = {
    "김민준", "이서연", "박지호", "최하은", "정도윤", "강수아", "조예준", "윤지우",
};

/* --- chance ------------------------------------------------------------------------- */

/* A counter whose values are scrambled: splitmix64, a known construction with
 * fixed constants. Good enough to look random, and the same everywhere. */
struct chance {
    uint64_t state;
};

static uint64_t scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static struct chance chance_of(uint64_t seed, uint64_t kind, uint64_t i)
{
    return (struct chance){ scramble(scramble(seed + kind) + i) };
}

static uint64_t chance_next(struct chance *c)
{
    c->state += UINT64_C(0x9e3779b97f4a7c15);
    return scramble(c->state);
}

/* a * b / 2^64: what a is of 2^64, taken of b. */
static uint64_t share_of(uint64_t a, uint64_t b)
{
    return (uint64_t)(((unsigned __int128)a * b) >> 64);
}

/* From 0 to n - 1. */
static uint64_t chance_below(struct chance *c, uint64_t n)
{
    return share_of(chance_next(c), n);
}

/* --- text --------------------------------------------------------------------------- */

struct text {
    char *start, *at, *end; /* end: the place for the '\0' */
};

static struct text text_in(char *room, size_t size)
{
    room[0] = '\0';
    return (struct text){ room, room, room + size - 1 };
}

/* Adds all of @more, or nothing: no character is ever cut. */
static void text_add(struct text *t, const char *more)
{
    size_t len = strlen(more);
    if (len > (size_t)(t->end - t->at))
        return;
    memcpy(t->at, more, len + 1);
    t->at += len;
}

static size_t text_length(const struct text *t)
{
    return (size_t)(t->at - t->start);
}

#define PICK(c, words) (words)[chance_below((c), COUNT(words))]

/* "Some words like these", without the full stop. */
static void add_sentence(struct text *t, struct chance *c, bool in_korean, uint64_t words)
{
    char *start = t->at;
    for (uint64_t i = 0; i < words; i++) {
        if (i > 0)
            text_add(t, " ");
        text_add(t, in_korean ? PICK(c, korean) : PICK(c, english));
    }
    if (*start >= 'a' && *start <= 'z')
        *start = (char)(*start - 'a' + 'A');
}

static void add_body(struct text *t, struct chance *c, bool in_korean)
{
    size_t enough = 55 + chance_below(c, 60);
    do {
        if (text_length(t) > 0)
            text_add(t, " ");
        add_sentence(t, c, in_korean, 4 + chance_below(c, 6));
        text_add(t, chance_below(c, 8) == 0 ? "!" : ".");
    } while (text_length(t) < enough);
    if (chance_below(c, 5) == 0) {
        text_add(t, " ");
        text_add(t, PICK(c, emoji));
    }
}

/* --- posts -------------------------------------------------------------------------- */

/* The posts at places k * posts / users, rounded down, belong to user k: that
 * gives everybody one. The rest is drawn; a squared share favours the first. */
static uint64_t user_of_post(const struct generate_plan *plan, uint64_t i, struct chance *c)
{
    unsigned __int128 scaled = (unsigned __int128)i * plan->users;
    uint64_t drawn = chance_next(c);
    if (plan->grouped || plan->posts <= plan->users)
        return (uint64_t)(scaled / plan->posts);
    uint64_t k = (uint64_t)((scaled + plan->posts - 1) / plan->posts);
    if (k < plan->users && (uint64_t)((unsigned __int128)k * plan->posts / plan->users) == i)
        return k;
    return share_of(share_of(drawn, drawn), plan->users);
}

static size_t pick_tags(struct chance *c, char **ret)
{
    static const size_t strides[] = { 1, 3, 7, 9 }; /* no common divisor with 20: no tag twice */
    size_t n = chance_below(c, GENERATE_MAX_TAGS + 1);
    size_t at = chance_below(c, COUNT(tags));
    size_t stride = PICK(c, strides);
    for (size_t i = 0; i < n; i++)
        ret[i] = (char *)tags[(at + i * stride) % COUNT(tags)];
    return n;
}

static void pick_time(struct chance *c, uint64_t i, Google__Protobuf__Timestamp *ret)
{
    google__protobuf__timestamp__init(ret);
    ret->seconds = FIRST_TIME + (int64_t)(i * STEP_SECONDS + chance_below(c, STEP_SECONDS));
    ret->nanos = (int32_t)chance_below(c, 1000) * 1000000;
}

void generate_post(const struct generate_plan *plan, uint64_t i, struct generated_post *ret)
{
    struct chance c = chance_of(plan->seed, 'p', i);
    uint64_t user = user_of_post(plan, i, &c);
    bool in_korean = chance_below(&c, 8) == 0;
    struct text title = text_in(ret->title, sizeof(ret->title));
    struct text body = text_in(ret->body, sizeof(ret->body));

    snprintf(ret->post_id, sizeof(ret->post_id), "p%" PRIu64, i + 1);
    snprintf(ret->user_id, sizeof(ret->user_id), "u%" PRIu64, user + 1);
    add_sentence(&title, &c, in_korean, 3 + chance_below(&c, 4));
    add_body(&body, &c, in_korean);
    pick_time(&c, i, &ret->create_time);

    v1__post__post_message__init(&ret->message);
    ret->message.post_id = ret->post_id;
    ret->message.user_id = ret->user_id;
    ret->message.title = ret->title;
    ret->message.body = ret->body;
    ret->message.n_tags = pick_tags(&c, ret->tags);
    ret->message.tags = ret->tags;
    ret->message.create_time = &ret->create_time;
}

/* --- users -------------------------------------------------------------------------- */

void generate_user(const struct generate_plan *plan, uint64_t i, struct generated_user *ret)
{
    struct chance c = chance_of(plan->seed, 'u', i);
    struct text name = text_in(ret->name, sizeof(ret->name));
    if (chance_below(&c, 6) == 0) {
        text_add(&name, PICK(&c, korean_names));
    } else {
        text_add(&name, PICK(&c, given_names));
        text_add(&name, " ");
        text_add(&name, PICK(&c, family_names));
    }
    snprintf(ret->user_id, sizeof(ret->user_id), "u%" PRIu64, i + 1);
    snprintf(ret->phone_number, sizeof(ret->phone_number), "010%08" PRIu64,
             chance_below(&c, 100000000));

    v1__user__user_message__init(&ret->message);
    ret->message.user_id = ret->user_id;
    ret->message.name = ret->name;
    ret->message.phone_number = ret->phone_number;
    ret->message.age = 18 + (int32_t)chance_below(&c, 63);
}
