#include "commands.h"

static const struct command users_commands[] = {
    { .name = "users get",
      .arguments = "ID...",
      .help = "what is known of them",
      .usage = "[OPTION]... ID...",
      .summary = "Shows the users with these ids, by GetUser.",
      .most = ANY_NUMBER,
      .runs = &users_get_routine },
    { .name = "users list",
      .arguments = "",
      .help = "everybody, page by page",
      .usage = "[OPTION]...",
      .summary = "Lists all users page by page, by ListUsers.",
      .runs = &users_list_routine },
    { .name = "users resolve",
      .arguments = "[ID]...",
      .help = "their names, by one bidirectional call",
      .usage = "[OPTION]... [ID]...",
      .summary = "Shows the names of the users with these ids, or of ids from standard input, by\n"
                 "ResolveUsers.",
      .most = ANY_NUMBER,
      .runs = &users_resolve_routine },
    { .name = NULL },
};

static const struct command delete_commands[] = {
    { .name = "delete posts",
      .arguments = "ID...|-",
      .help = "posts by their ids",
      .usage = "[OPTION]... ID...|-",
      .summary =
          "Deletes the posts with these ids, or with the ids on standard input (\"-\"), one a\n"
          "line, by DeletePosts. Asks first, on a terminal. Posts that are not there are\n"
          "counted.",
      .most = ANY_NUMBER,
      .runs = &delete_posts_routine },
    { .name = "delete users",
      .arguments = "ID...|-",
      .help = "users by their ids; their posts stay",
      .usage = "[OPTION]... ID...|-",
      .summary =
          "Deletes the users with these ids, or with the ids on standard input (\"-\"), one a\n"
          "line, by DeleteUsers. Asks first, on a terminal. Users who are not there are\n"
          "counted. Their posts stay, and have no author then.",
      .most = ANY_NUMBER,
      .runs = &delete_users_routine },
    { .name = NULL },
};

const struct command commands[] = {
    { .name = "list",
      .arguments = "",
      .help = "posts, page by page (unary calls)",
      .usage = "[OPTION]...",
      .summary = "Lists posts page by page, by ListPosts or ListPostsByUserId (unary calls).",
      .runs = &list_routine },
    { .name = "stream-list",
      .arguments = "",
      .help = "posts as they come, and what changes (server streaming)",
      .usage = "[OPTION]...",
      .summary = "Lists posts as they come, by ListPostsServerStream or\n"
                 "ListPostsByUserIdServerStream; with --follow then what changes.",
      .epilogue = "Examples:\n"
                  "  postcli stream-list --user 5 --format ndjson\n"
                  "  postcli stream-list --follow --tag coffee\n"
                  "  postcli stream-list --follow --from-now | jq -r .title\n"
                  "  postcli stream-list --follow --page-token TOKEN   (as Ctrl-C has told it)",
      .runs = &stream_list_routine },
    { .name = "collect-list",
      .arguments = "[ID]...",
      .help = "posts of many users in one answer (client streaming)",
      .usage = "[OPTION]... [ID]...",
      .summary = "Lists the posts of the users with these ids, or of ids from standard input, by\n"
                 "ListPostsByUserIdClientStream; with --all everybody's, by "
                 "ListPostsClientStream.",
      .most = ANY_NUMBER,
      .runs = &collect_list_routine },
    { .name = "bidi-list",
      .arguments = "[ID]...",
      .help = "posts of many users, one by one (bidirectional)",
      .usage = "[OPTION]... [ID]...",
      .summary =
          "Lists the posts of the users with these ids, or of ids from standard input, line\n"
          "by line as they come, by ListPostsByUserIdBidiStream; with --all everybody's, by\n"
          "ListPostsBidiStream.",
      .most = ANY_NUMBER,
      .runs = &bidi_list_routine },
    { .name = "get",
      .arguments = "ID...",
      .help = "posts by their ids, one unary call each",
      .usage = "[OPTION]... ID...",
      .summary = "Shows the posts with these ids, with their authors, by GetPost.",
      .most = ANY_NUMBER,
      .runs = &get_routine },
    { .name = "demo",
      .arguments = "",
      .help = "shows the four call shapes side by side",
      .usage = "[OPTION]...",
      .summary = "Shows what goes over the wire in each of the four call shapes, and what happens\n"
                 "when a reader stops. Needs some posts; leaves everything as it is.",
      .runs = &demo_routine },
    { .name = "bench",
      .arguments = "SHAPE",
      .help = "load test: calls a second, latencies, a report",
      .usage = "SHAPE [OPTION]...",
      .summary = "Load test. SHAPE is unary, server-stream, client-stream, bidi (listings, of\n"
                 "everybody or with --user or --users), import (stores made-up posts, for good),\n"
                 "follow (many follow what is imported, of everybody or one user each) or resolve\n"
                 "(names for ids, from the User service).",
      .epilogue = "Exit status: 0 all calls were OK, 1 not all, 130 interrupted (it still "
                  "reports).",
      .choices = "unary|server-stream|client-stream|bidi|import|resolve|follow",
      .most = 1,
      .too_many = "takes one shape",
      .runs = &bench_routine },
    { .name = "import",
      .arguments = "posts|users FILE",
      .help = "stores records read from NDJSON",
      .usage = "posts|users FILE [OPTION]...",
      .summary = "Stores the posts or users of an NDJSON file (\"-\": standard input), by\n"
                 "ImportPosts or ImportUsers. Known ones are updated. Damaged lines are told and\n"
                 "left out.",
      .choices = "posts|users",
      .most = ANY_NUMBER,
      .runs = &import_routine },
    { .name = "delete",
      .help = "removes records by their ids",
      .summary = "Deletes posts or users, for good.",
      .commands = delete_commands },
    { .name = "generate",
      .arguments = "posts|users",
      .help = "prints made-up records as NDJSON",
      .usage = "posts|users --count N [OPTION]...",
      .summary = "Prints made-up posts or users as NDJSON, for postcli import.",
      .choices = "posts|users",
      .most = 1,
      .too_many = "takes no more arguments",
      .runs = &generate_routine },
    { .name = "users",
      .help = "people and their names",
      .summary = "Shows people of the User service.",
      .commands = users_commands },
    { .name = "health",
      .arguments = "[SERVICE]",
      .help = "whether a server serves (grpc.health.v1)",
      .usage = "[OPTION]... [SERVICE]",
      .summary = "Tells whether a service of a server serves, by grpc.health.v1; without a name,\n"
                 "whether the server as a process does. Exit status: 0 it is SERVING, 1 it is not.",
      .most = 1,
      .too_many = "takes one service",
      .runs = &health_routine },
    { .name = "describe",
      .arguments = "[SYMBOL]",
      .help = "what a server serves (reflection)",
      .usage = "[OPTION]... [SYMBOL]",
      .summary =
          "Tells what a server serves, by its reflection: the names of its services, or the\n"
          "definition of a service, method, message, field or enum (v1.post.PostMessage).",
      .most = 1,
      .too_many = "takes one name",
      .runs = &describe_routine },
    { .name = NULL },
};
