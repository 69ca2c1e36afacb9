#include "store_status.h"

struct status status_of_store(const struct reader *reader, const char *error)
{
    const bool later = reader_unavailable(reader);
    struct status s = status_of(later ? STATUS_UNAVAILABLE : STATUS_INTERNAL, "%s", error);
    status_because(&s, later ? "STORE_UNAVAILABLE" : "STORE_UNREADABLE");
    return s;
}

enum log_level store_log_level(const struct reader *reader)
{
    return reader_unavailable(reader) ? LOG_DEBUG : LOG_ERROR;
}
