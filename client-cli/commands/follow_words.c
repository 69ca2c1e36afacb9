#include "follow_words.h"

#include <string.h>
#include <time.h>

#include "client-cli/frame/common.h"
#include "client-cli/frame/connection.h"
#include "client-cli/frame/session.h"

#define TIME_BYTES sizeof "17:03:12"

static bool waits;

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

/* Post says itself that it lacks User's names; else it is Post that is not there. */
void follow_words_wait(struct session *s, const struct status *why)
{
    if (s->options->progress && !waits) {
        if (strcmp(why->reason, "USER_UNREACHABLE") == 0)
            session_note_later(s, "waiting for User: %s", why->message);
        else
            session_note_later(s, "waiting for Post at %s: %s", connection.target, why->message);
    }
    waits = true;
}

void follow_words_goes_on(void)
{
    waits = false;
}
