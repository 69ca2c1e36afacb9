/* The memory of a connection's session: nghttp2 has it through us, so that what
 * a connection takes is known. What goes to the heap's own books is counted too. */
#ifndef HTTP_SESSION_HEAP_H
#define HTTP_SESSION_HEAP_H

#include <nghttp2/nghttp2.h>
#include <stddef.h>

/** malloc() and its like, which count in *held how many bytes are taken. nghttp2
 * copies what is returned; *held must stay as long as its session. The thread of
 * the session. */
nghttp2_mem session_heap(size_t *held);

#endif
