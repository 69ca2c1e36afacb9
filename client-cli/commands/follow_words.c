#include "follow_words.h"

#include <time.h>

#include "client-cli/frame/common.h"
#include "client-cli/frame/session.h"

#define TIME_BYTES sizeof "17:03:12"

/* Of day, here. */
static const char *time_text(char ret[TIME_BYTES])
{
    const time_t now = time(NULL);
    struct tm tm;
    ret[0] = '\0';
    if (localtime_r(&now, &tm) != NULL)
        strftime(ret, TIME_BYTES, "%T", &tm);
    return ret;
}

void follow_words_caught_up(struct session *s)
{
    char room[TIME_BYTES];
    progress_rest(&s->progress);
    if (s->options->progress)
        session_note_later(s, "following, caught up at %s", time_text(room));
}
