#ifndef WEB_REST_EVENTS_H
#define WEB_REST_EVENTS_H

/* The id of the last event of a call that ended well. No page token is so short. */
#define REST_EVENT_END "end"

#endif
