/* The core's locks look for deadlocks in some builds. */
#ifndef CORE_LOCKS_H
#define CORE_LOCKS_H

/** Turns that off, for the whole process. Abseil built without NDEBUG (Debian's
 * is) enters each lock that a thread takes in one graph for all threads, under
 * one lock: 5 % of the instructions of a small call, and the loops wait for
 * each other there. Any thread; again does nothing. Where there is no such
 * abseil, nothing happens. */
void core_locks_trust(void);

#endif
