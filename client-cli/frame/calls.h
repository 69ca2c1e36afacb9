/* A command's calls: one at a time, and the next one when that has ended and
 * the output has room.
 *
 *   begin -> next -> OPEN -message-> take -> OPEN
 *                    OPEN -end-> judge -well, and more-> next, once there is room
 *                                      -well-> session_end()
 *                                      -not well-> session_fail(), or next after a while
 *
 * A routine (command.h) has these steps. Messages are read only while the output
 * has room. After a stop the call is cancelled, and none is made any more. */
#ifndef CLI_CALLS_H
#define CLI_CALLS_H

#include "session.h"

/** Opens a call with what is left of --deadline, which is session->call from now
 * on. false: the session has ended, or will. */
bool calls_open(struct session *s, struct channel *channel, const char *path);

/** The same, and sends @message as its only request, and reads. */
void calls_ask(struct session *s, struct channel *channel, const char *path,
               const ProtobufCMessage *message);

/** As stream_send_message(), but out of memory fails the stream: EPIPE, and
 * on_close comes. */
int calls_send(struct stream *stream, const ProtobufCMessage *message, unsigned flags);

/** Reads the next message, once the output has room. */
void calls_read(struct session *s);

/** No more requests. */
void calls_half_close(struct session *s);

/** For judge: a call that is OK has brought a message. */
struct status calls_answered(struct session *s, const struct status *status);

/** An answer is due that Post does not give without User. For a command that brings no posts as
 * rows and sends its requests itself. */
void calls_await_names(struct session *s);

/** For judge: the next call comes after a while, whatever became of this one. */
void calls_again(struct session *s, uint64_t wait_ms);

/** --deadline counts from now on: what was before was no call's time. */
void calls_restart_deadline(struct session *s);

/** --deadline has left no time for another call. */
bool calls_deadline_passed(const struct session *s);

/** The session's callbacks for a routine with calls. */
void calls_start(struct session *s);
void calls_stop(struct session *s);
void calls_room(struct session *s);

#endif
