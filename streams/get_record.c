#include "get_record.h"

static void fail_unreadable(struct stream *s, const char *why)
{
    stream_fail_because(s, STATUS_INTERNAL, "STORE_UNREADABLE", "%s", why);
}

void get_record(struct stream *s, struct reader *reader, const char *id,
                const struct record_kind *kind)
{
    char error[STORE_ERROR_MAX];
    struct bytes record;
    if (reader_begin(reader, error) != 0) {
        fail_unreadable(s, error);
        return;
    }
    const int found = reader_get(reader, bytes_of_text(id), &record);
    if (found > 0)
        kind->found(s, record);
    else if (found == 0)
        stream_fail_because(s, STATUS_NOT_FOUND, kind->reason, "there is no %s %s", kind->name, id);
    else
        fail_unreadable(s, reader_error(reader));
    reader_end(reader);
}
