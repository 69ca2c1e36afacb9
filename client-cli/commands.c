#include "commands.h"

static const struct command users_commands[] = {
    { .name = "users get",
      .arguments = "ID...",
      .help = "users by their ids",
      .usage = "[OPTION]... ID...",
      .summary = "Shows the users with these ids, by GetUser.",
      .most = ANY_NUMBER,
      .examples = "postcli users get 1 3\n"
                  "postcli users get 5 --format json",
      .runs = &users_get_routine },
    { .name = "users list",
      .arguments = "",
      .help = "all users, page by page",
      .usage = "[OPTION]...",
      .summary = "Lists all users page by page, by ListUsers.",
      .examples = "postcli users list --limit 10\n"
                  "postcli users list -o ndjson | jq -r .name",
      .runs = &users_list_routine },
    { .name = "users resolve",
      .arguments = "[ID]...",
      .help = "the names of users, by one bidirectional call",
      .usage = "[OPTION]... [ID]...",
      .summary = "Shows the names of the users with these ids, or of ids from standard input, by\n"
                 "ResolveUsers.",
      .most = ANY_NUMBER,
      .examples = "postcli users resolve 1 3 5\n"
                  "postcli list -o ndjson | jq -r .user_id | sort -u | postcli users resolve",
      .runs = &users_resolve_routine },
    { .name = NULL },
};

static const struct command delete_commands[] = {
    { .name = "delete posts",
      .arguments = "ID...|-",
      .help = "posts by their ids",
      .usage = "[OPTION]... ID...|-",
      .summary =
          "Deletes the posts with these ids, by DeletePosts. With \"-\" the ids are the lines of\n"
          "standard input. It asks first, on a terminal. It says how many posts were not\n"
          "there.",
      .most = ANY_NUMBER,
      .examples =
          "postcli delete posts 7 8\n"
          "postcli list --tag old -o ndjson | jq -r .post_id | postcli delete posts - --yes",
      .runs = &delete_posts_routine },
    { .name = "delete users",
      .arguments = "ID...|-",
      .help = "users by their ids; their posts stay",
      .usage = "[OPTION]... ID...|-",
      .summary =
          "Deletes the users with these ids, by DeleteUsers. With \"-\" the ids are the lines of\n"
          "standard input. It asks first, on a terminal. It says how many users were not\n"
          "there. Their posts stay, and have no author then.",
      .most = ANY_NUMBER,
      .examples = "postcli delete users 5",
      .runs = &delete_users_routine },
    { .name = NULL },
};

const struct command commands[] = {
    { .name = "list",
      .arguments = "",
      .help = "posts, page by page (unary calls)",
      .usage = "[OPTION]...",
      .summary = "Lists posts page by page, by ListPosts or ListPostsByUserId (unary calls).",
      .examples =
          "postcli list --limit 5\n"
          "postcli list --user 1 --tag grpc\n"
          "postcli list --limit 3 -o json\n"
          "postcli list --page-size 2 --page-token \"$TOKEN\"   # where an earlier one ended",
      .runs = &list_routine },
    { .name = "stream-list",
      .arguments = "",
      .help = "posts as they come, then what changes (server streaming)",
      .usage = "[OPTION]...",
      .summary = "Lists posts as they come, by ListPostsServerStream or\n"
                 "ListPostsByUserIdServerStream. With --follow it goes on with what changes.",
      .examples =
          "postcli stream-list --user 5 --format ndjson\n"
          "postcli stream-list -o none   # counts them, and says how long it took\n"
          "postcli stream-list --follow --tag coffee   # and what changes, until Ctrl-C\n"
          "postcli stream-list --follow --page-token \"$TOKEN\"   # the token that Ctrl-C printed",
      .runs = &stream_list_routine },
    { .name = "collect-list",
      .arguments = "[ID]...",
      .help = "posts of many users in one answer (client streaming)",
      .usage = "[OPTION]... [ID]...",
      .summary =
          "Lists the posts of the users with these ids, by ListPostsByUserIdClientStream. The\n"
          "ids come from standard input if there are none here. With --all it lists the posts\n"
          "of all users, by ListPostsClientStream.",
      .most = ANY_NUMBER,
      .examples = "postcli collect-list 1 2 4 --tag coffee\n"
                  "postcli users list -o ndjson | jq -r .user_id | postcli collect-list",
      .runs = &collect_list_routine },
    { .name = "bidi-list",
      .arguments = "[ID]...",
      .help = "posts of many users, one by one (bidirectional)",
      .usage = "[OPTION]... [ID]...",
      .summary =
          "Lists the posts of the users with these ids, by ListPostsByUserIdBidiStream. Without\n"
          "ids here it reads them from standard input, line by line, and answers each as it\n"
          "comes. With --all it lists the posts of all users, by ListPostsBidiStream.",
      .most = ANY_NUMBER,
      .examples = "postcli bidi-list 3 4\n"
                  "seq 1 5 | postcli bidi-list\n"
                  "postcli bidi-list   # then type ids, each with Enter, and Ctrl-D",
      .runs = &bidi_list_routine },
    { .name = "get",
      .arguments = "ID...",
      .help = "posts by their ids, one unary call each",
      .usage = "[OPTION]... ID...",
      .summary = "Shows the posts with these ids, with their authors, by GetPost.",
      .most = ANY_NUMBER,
      .examples = "postcli get 1 8\n"
                  "postcli get 8 --format json",
      .runs = &get_routine },
    { .name = "demo",
      .arguments = "",
      .help = "shows the four call shapes side by side",
      .usage = "[OPTION]...",
      .summary = "Shows what goes over the wire in each of the four call shapes, and what happens\n"
                 "when a reader stops. It needs some posts, and leaves everything as it is.",
      .examples = "postcli demo",
      .runs = &demo_routine },
    { .name = "bench",
      .arguments = "SHAPE",
      .help = "load test: calls a second, latencies, a report",
      .usage = "SHAPE [OPTION]...",
      .summary =
          "Makes a load test. The shapes unary, server-stream, client-stream and bidi are\n"
          "listings, of all posts or of those of --user or --users. The shape import stores\n"
          "made-up posts, which stay. With follow many clients follow what is imported, of\n"
          "all users or of one user each. With resolve the User service gives names for ids.",
      .epilogue =
          "The exit status is 0 if all calls were OK, or no more of them had an error than\n"
          "--max-error-rate accepts. It is 1 if not, or if the run was slower than\n"
          "--fail-if-slower accepts, and 130 after Ctrl-C, which still prints the report.",
      .choices = "unary|server-stream|client-stream|bidi|import|resolve|follow",
      .most = 1,
      .too_many = "takes one shape",
      .examples = "postcli bench server-stream --duration 10s\n"
                  "postcli bench unary --limit 10 --count 1000\n"
                  "postcli bench bidi --users 1..5 --duration 10s --report bench.html\n"
                  "postcli bench unary --duration 10s --report before.json\n"
                  "postcli bench unary --duration 10s --compare before.json",
      .runs = &bench_routine },
    { .name = "import",
      .arguments = "posts|users FILE",
      .help = "stores records read from NDJSON",
      .usage = "posts|users FILE [OPTION]...",
      .summary =
          "Stores the posts or users of an NDJSON file (\"-\": standard input), by\n"
          "ImportPosts or ImportUsers. Records that are known are updated. Lines that cannot\n"
          "be used are named and left out. Posts of users that User does not know are stored\n"
          "and counted; with --strict they are rejected, and named by their lines. Post asks\n"
          "User for that. If User does not answer, posts are stored and not counted, and with\n"
          "--strict the import ends with UNAVAILABLE.",
      .choices = "posts|users",
      .most = ANY_NUMBER,
      .examples = "postcli import users people.ndjson\n"
                  "postcli generate posts --count 1000 | postcli import posts -\n"
                  "postcli import posts posts.ndjson --strict   # stop at the first bad line",
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
      .examples = "postcli generate users --count 1000 | postcli import users -\n"
                  "postcli generate posts -n 1000000 --users 1000 >posts.ndjson",
      .runs = &generate_routine },
    { .name = "users",
      .help = "people and their names",
      .summary = "Shows people of the User service.",
      .commands = users_commands },
    { .name = "health",
      .arguments = "[SERVICE]",
      .help = "whether a server serves (grpc.health.v1)",
      .usage = "[OPTION]... [SERVICE]",
      .summary = "Says whether a service of a server serves, by grpc.health.v1. Without a name it\n"
                 "asks for the process. The exit status is 0 if the answer is SERVING, else 1.",
      .most = 1,
      .too_many = "takes one service",
      .examples = "postcli health\n"
                  "postcli health v1.post.Post\n"
                  "postcli health --server user",
      .runs = &health_routine },
    { .name = "describe",
      .arguments = "[SYMBOL]",
      .help = "what a server serves (reflection)",
      .usage = "[OPTION]... [SYMBOL]",
      .summary = "Says what a server serves, by its reflection: the names of its services, or the\n"
                 "definition of a service, method, message, field or enum (v1.post.PostMessage,\n"
                 "v1.post.Post/GetPost).",
      .most = 1,
      .too_many = "takes one name",
      .examples = "postcli describe\n"
                  "postcli describe v1.post.PostMessage\n"
                  "postcli describe --server user v1.user.User.GetUser",
      .runs = &describe_routine },
    { .name = "call",
      .arguments = "METHOD [JSON|-]",
      .help = "any method of any server, with JSON",
      .usage = "[OPTION]... METHOD [JSON|-]",
      .summary =
          "Calls any method (v1.post.Post/GetPost) of any server, with requests and responses\n"
          "as JSON. It learns their types by the server's reflection, or from --proto-set.\n"
          "Requests are JSON, one after the other, in the argument or on standard input\n"
          "(\"-\"). Each is sent as soon as it is read, and each response is printed as it\n"
          "comes. Without JSON, a method that takes one request gets an empty one, and a\n"
          "method that takes many reads standard input. A call that fails is not made again,\n"
          "unless --retries says so.",
      .examples = "postcli call v1.post.Post/ListPosts '{\"page_size\": 3}'\n"
                  "postcli call --server user v1.user.User/ResolveUsers   # then type requests\n"
                  "echo '{\"user_ids\": [\"1\"]}' | postcli call --server user "
                  "v1.user.User/ResolveUsers -\n"
                  "postcli call -v -H 'x-note: hello' grpc.health.v1.Health/Check",
      .most = 2,
      .too_many = "takes a method and one text of JSON",
      .runs = &call_routine },
    { .name = NULL },
};
