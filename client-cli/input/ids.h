/* Ids to ask about: the arguments of a command, or lines of standard input,
 * which is read no faster than the ids are used. */
#ifndef CLI_IDS_H
#define CLI_IDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "input.h"

struct ids {
    /** More ids are there, or `ended` was set. Not from within ids_ functions
     * other than ids_want(). */
    void (*on_change)(struct ids *ids);
    /** Every line that came was taken: more is being waited for. May be NULL. */
    void (*on_idle)(struct ids *ids);
    /* Set it: lines that a server would not take as ids are told, and left out, where it
     * would end the whole call for one. Arguments are the command's to check, by ids_wrong(). */
    bool checked;
    size_t n;    /* read-only: ids so far */
    bool ended;  /* read-only: no more will come */
    bool failed; /* read-only: lines that cannot be ids were left out */

    struct session *session; /* read-only */

    char **id; /* private, like the rest */
    size_t cap, forgotten;
    size_t wanted;
    bool from_input;
    struct input in;
};

/** Why a server would not take @id as one; NULL: it would. */
const char *ids_wrong(struct bytes id);

/** Ids from @count arguments, or, if there are none or the only one is "-", from
 * standard input. Returns 0 or an errno value. */
int ids_init(struct ids *ids, struct session *s, char *const *arguments, int count);

/** After the session has ended; fine if it was never opened. */
void ids_close(struct ids *ids);

/** Ids up to number @n are of use: reads until they are there. */
void ids_want(struct ids *ids, size_t n);

/** Id number @i, from 0, below n and not forgotten. */
const char *ids_at(const struct ids *ids, size_t i);

/** Ids below number @n are not needed any more. */
void ids_forget(struct ids *ids, size_t n);

#endif
