/* The numbers that fields have in google/protobuf/: messages with a form of their own in
 * JSON are read and written by them, whatever a pool says of these types. */
#ifndef PBJSON_KNOWN_H
#define PBJSON_KNOWN_H

enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };
enum { TIME_SECONDS = 1, TIME_NANOS = 2 }; /* of Timestamp and Duration */
enum { MASK_PATHS = 1, LIST_VALUES = 1, STRUCT_FIELDS = 1, WRAPPER_VALUE = 1 };
enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

/* Of any map's entries, which are messages. */
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };

#endif
