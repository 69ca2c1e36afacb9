"""A gRPC client that knows the shapes of all methods from their protos."""
import queue

import grpc

import protos
import timing

LOCAL = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own for each client
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
]


def serialize(message):
    """Bytes go out as they are: whatever a client may send can be sent."""
    return message if isinstance(message, bytes) else message.SerializeToString()


class Client:
    """One connection to a server.

        client.call("/v1.post.Post/ListPosts", request)        one response: the message
        client.call("/v1.post.Post/ListPostsServerStream", request)       many: an iterator
        client.call("/v1.post.Post/ImportPosts", [request, request])
        client.open("/v1.post.Post/ListPostsBidiStream")       a Stream, step by step

    A request may be a message or bytes. Every call has a deadline, and the
    token, if there is one."""

    def __init__(self, target, methods=protos.current.methods, options=(), token=None,
                 credentials=None):
        options = [*LOCAL, *options]
        self.channel = grpc.insecure_channel(target, options) if credentials is None else \
            grpc.secure_channel(target, credentials, options)
        self.methods = methods
        self.metadata = [("authorization", f"Bearer {token}")] if token is not None else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.channel.close()

    def multicallable(self, path, **changes):
        """What grpc calls a method; its shape and classes may be changed for
        requests that no client of the protos would send."""
        method = self.methods[path]._replace(**changes) if path in self.methods else \
            protos.Method(bytes, None, changes.get("many_requests", False),
                          changes.get("many_responses", False))
        name = "_".join("stream" if many else "unary"
                        for many in (method.many_requests, method.many_responses))
        decode = method.response.FromString if method.response else None
        return getattr(self.channel, name)(path, serialize, decode)

    def call(self, path, request, timeout=timing.CALL, **changes):
        if path in self.methods and self.methods[path].many_requests and \
                "many_requests" not in changes:
            request = iter(request)
        return self.multicallable(path, **changes)(request, timeout=timeout,
                                                      metadata=self.metadata)

    def open(self, path, timeout=timing.CALL, **changes):
        return Stream(self.multicallable(path, **changes), timeout, self.metadata)


class Stream:
    """A call with many requests, whose requests are sent when the test says so.

    With one response, receive() returns that."""

    def __init__(self, multicallable, timeout, metadata=None):
        self.requests = queue.Queue()
        self.one_response = isinstance(multicallable, grpc.StreamUnaryMultiCallable)
        call = multicallable.future if self.one_response else multicallable
        self.rpc = call(iter(self.requests.get, None), timeout=timeout, metadata=metadata)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.rpc.cancel()
        self.done()  # the thread of grpc that waits for requests

    def send(self, *requests):
        for request in requests:
            self.requests.put(request)

    def done(self):
        """No more requests."""
        self.requests.put(None)

    def receive(self):
        """The next response; StopIteration at a good end, grpc.RpcError at a bad one."""
        return self.rpc.result() if self.one_response else next(self.rpc)

    def rest(self):
        self.done()
        return list(self.rpc)


def failure(call):
    """The code and text of the error that call() must raise."""
    try:
        result = call()
        if hasattr(result, "__next__"):
            result = list(result)
    except grpc.RpcError as e:
        return e.code(), e.details()
    raise AssertionError(f"no error, but {str(result)[:200]}")
