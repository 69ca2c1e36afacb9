"""What other protocols than gRPC cost: the same server, and the same posts, in turns.

The ratio is that of the posts, or answers, in a second, and the median of those of the rounds."""
import http.client
import json
import random
from collections import namedtuple

import cases
import data
import grpc_wire
import h2load
from h2 import Failure
from report import Row
from servers import Pair
from stats import Samples, median_of_ratios
from usage import Usage

TOPIC = "Web"
NDJSON = "application/x-ndjson"

# protocol, method, target: a request; body: None of a GET. count: posts of a whole answer's bytes.
# at_least: of gRPC's speed in the same shape. http1: with 128 connections.
Case = namedtuple("Case", "title target body headers count at_least http1", defaults=(False,))
STREAM, UNARY = "ListPostsServerStream", "ListPostsByUserId"


def framed(answer):
    """Posts of messages behind heads, but for a last frame that has the end."""
    posts, at = 0, 0
    while at < len(answer):
        flag, length = answer[at], int.from_bytes(answer[at + 1:at + 5], "big")
        if flag == 0:
            posts += grpc_wire.Listing(memoryview(answer)[at:at + 5 + length]).posts
        at += 5 + length
    return posts


def lines(answer):
    return sum(len(json.loads(line)["result"].get("postMessages", []))
               for line in answer.splitlines())


def one(answer):
    return len(json.loads(answer)["postMessages"])


def typed(kind):
    return (f"content-type: {kind}",)


def streams():
    path, body = cases.POST + STREAM, grpc_wire.list_posts()
    return [
        Case("stream, Connect", path, body, typed("application/connect+proto"), framed, 0.9),
        Case("stream, gRPC-Web", path, body, typed("application/grpc-web+proto"), framed, 0.9),
        Case("stream, REST, JSON lines", "/v1/posts", None, (f"accept: {NDJSON}",), lines, 0.35),
    ]


def unaries():
    rest = f"/v1/users/{data.FIVE}/posts"
    body = json.dumps({"userId": data.FIVE}).encode()
    connect = cases.POST + UNARY
    kind = typed("application/json")
    return [
        Case("unary, 5 posts, REST, JSON, 4 x 32", rest, None, (), one, 0.6),
        Case("unary, 5 posts, Connect, JSON, 4 x 32", connect, body, kind, one, 0.6),
        Case("unary, 5 posts, REST, JSON, HTTP/1.1, 128 connections", rest, None, (), one, 0.4,
             True),
    ]


def size_of(server, case, posts):
    """The bytes of an answer, which must have all posts."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET" if case.body is None else "POST", case.target, case.body,
                       dict(header.split(": ") for header in case.headers))
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200 or case.count(answer) != posts:
        raise Failure(f"{case.title}: {response.status}, and not {posts} posts")
    return len(answer)


class Contender:
    def __init__(self, case, server, size, folder):
        self.case, self.server, self.size = case, server, size
        self.samples, self.usage = Samples(), Usage()
        self.body = None
        if case.body is not None:
            self.body = folder / f"web-{case.title.replace('/', '-')}"
            self.body.write_bytes(case.body)

    def run(self, calls, connections, each):
        if self.case.http1:
            connections, each = connections * each, 1
        with self.usage.of(self.server) as look:
            run = h2load.load(self.server.port, self.case.target, self.size, self.body, calls,
                              connections, each, look, headers=self.case.headers,
                              is_grpc=False, http1=self.case.http1)
        self.samples.add(run.elapsed_s)
        self.server.rest()


def compare(pair, folder, sizes, report, grpc, others, calls, connections, each):
    """@grpc: a case of cases.py, for what all are compared with."""
    file, body = folder / "web-answer", folder / "web-grpc"
    body.write_bytes(grpc.body)
    path = cases.POST + grpc.method
    cases.check(grpc, cases.capture(pair.post.port, path, grpc.body, file), None)
    base = cases.Contender("gRPC", pair.post, path, file.stat().st_size, body)
    contenders = [Contender(case, pair.post, size_of(pair.post, case, grpc.posts), folder)
                  for case in others]
    ours = grpc._replace(calls=calls, connections=connections, streams=each)
    for _ in range(sizes.rounds):
        turns = [lambda: base.run(ours), *(lambda c=c: c.run(calls, connections, each)
                                           for c in contenders)]
        for turn in random.sample(turns, len(turns)):
            turn()
    for contender in contenders:
        report.add(Row(TOPIC, contender.case.title, contender.samples, "gRPC, in the same shape",
                       base.samples, median_of_ratios(base.samples, contender.samples),
                       at_least=contender.case.at_least, uses=contender.usage,
                       other_uses=base.usage))


def run(pair, folder, sizes, report):
    """On the main store, which a server with --web opens meanwhile."""
    table = {case.key: case for case in cases.table(sizes)}
    pair.post.stop()
    try:
        with Pair(pair.folder, user=pair.user, post_args=("--web",)) as web:
            cases.warm(web.post.port, sizes.posts)
            compare(web, folder, sizes, report, table["stream"], streams(), sizes.stream_calls, 1, 1)
            compare(web, folder, sizes, report, table["unary5"], unaries(), 2 * sizes.unary_calls,
                    4, 32)
    finally:
        pair.start_post()
