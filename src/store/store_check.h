/* --check: looks at everything in a store, also while a server has it open. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/store.h"

struct store_check {
    /** What a record says of itself: its group and id, valid until the next
     * call. Returns NULL, or what is wrong with it. */
    const char *(*read)(struct store_check *check, struct bytes value, struct bytes *ret_group,
                        struct bytes *ret_id);
    /** One line; how many there were is counted. May be NULL. */
    void (*problem)(struct store_check *check, const char *line);

    uint64_t records, groups, changes, value_bytes, problems; /* set by store_check() */
};

/** Looks at one state of the store in @where: that its pages are whole and each is
 * used once (of a database that is its own to check); that each record is what was stored, decodes,
 * and is where its group and its id say; that groups and ids lead nowhere else; the order; that the
 * log of changes has no gap, and ends for each id with what is there: a record knows its last
 * change, which the log has for this id and place, and one that is gone was deleted.
 * Nothing is changed. It takes 16 bytes of memory for each deletion in the log. What a server
 * commits meanwhile takes new pages. Returns 0: it was looked at, see check->problems; or -1 with a
 * line in @error: it cannot be opened, or its pages are damaged. */
int store_check(const char *where, const char *kind, struct store_check *check,
                char error[STORE_ERROR_MAX]);

#endif
