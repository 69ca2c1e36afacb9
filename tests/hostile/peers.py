"""The hostile peers, a function each.

One is given the Target, how much it may do, and an event: a peer that occupies something keeps
it until the event is set. Returns what it saw, a Counter; "kept" are calls or connections that
the server left open. Where nothing is kept it is run again and again."""
import contextlib
import gzip
import os
import ssl
import struct
from collections import Counter, namedtuple

from peer import (DATA, END_HEADERS, HEADERS, LARGEST_FRAME, LARGEST_WINDOW, PING,
                  PREFACE, RST_STREAM, SETTINGS, Peer, frame, message, settings, update)

UNARY = "/v1.post.Post/ListPosts"
STREAM = UNARY + "ServerStream"
BIDI = UNARY + "BidiStream"
IMPORT = "/v1.post.Post/ImportPosts"
NOTHING = "/v1.post.Post/Nothing"  # answered at once, and with little
CONTINUATION, PRIORITY, UNKNOWN_FRAME = 9, 2, 0xfa
STREAMS = 100  # calls at once that a connection may have
CANCEL = struct.pack(">I", 8)

CALM = "GOAWAY ENHANCE_YOUR_CALM"

# expected: something of it must be seen.
Hostile = namedtuple("Hostile", "name what run few many expected seconds tls web")
ALL = []


def hostile(what, few, many, expected, seconds=3, tls=False, web=False):
    """web: of a server with --web."""
    def add(run):
        ALL.append(Hostile(run.__name__.replace("_", " "), what, run, few, many, set(expected),
                           seconds, tls, web))
        return run
    return add


@contextlib.contextmanager
def crowd(target, count, **more):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Peer(target, **more)) for _ in range(count)]


def keep(peers, over, calls, sync=True):
    """Holds them; what is seen is theirs. calls: how many each has open."""
    for peer in peers:
        if sync and peer.reads:
            peer.sync()
    over.wait()
    seen = Counter()
    for peer in peers:
        if peer.reads:
            peer.take()
        seen += peer.seen
        seen["kept"] += 0 if peer.over else calls - len(peer.ended)
    return +seen


def connections_for(calls):
    return -(-calls // STREAMS)


# --- Calls ------------------------------------------------------------------------------------


@hostile("calls of a method that is not there", 50, 2000, ["UNIMPLEMENTED"])
def unknown_method(target, calls, _):
    with Peer(target) as peer:
        for done in range(0, calls, 50):
            peer.send(b"".join(peer.request(NOTHING) for _ in range(50)))
            peer.await_ends(done + 50)
        return peer.seen


@hostile("calls without a message, then silence", 200, 10_000, ["kept"])
def headers_only(target, calls, over):
    with crowd(target, connections_for(calls)) as peers:
        for peer in peers:
            peer.send(b"".join(peer.headers(UNARY) for _ in range(STREAMS)))
        return keep(peers, over, STREAMS)


@hostile("calls with the most of a 4 MB message, then silence", 20, 500, ["kept", CALM])
def half_a_message(target, calls, over):
    each = min(calls, STREAMS)
    with crowd(target, calls // each) as peers:
        for peer in peers:
            peer.send(b"".join(peer.headers(UNARY) for _ in range(each)))
            peer.pour(range(1, 2 * each, 2), message(bytes(4 << 20))[:-1])
        return keep(peers, over, each)


@hostile("calls with the first 64 KiB of a message", 200, 10_000, ["kept", CALM])
def begun_messages(target, calls, over):
    part = message(bytes(1 << 17))[:1 << 14], bytes(1 << 14), bytes(1 << 14), bytes(1 << 14)
    with crowd(target, connections_for(calls)) as peers:
        for peer in peers:
            peer.send(b"".join(peer.headers(UNARY) for _ in range(STREAMS)))
            for stream in range(1, 2 * STREAMS, 2):
                peer.send(b"".join(frame(DATA, 0, stream, data) for data in part))
        return keep(peers, over, STREAMS)


@hostile("calls beyond the limit, by a client that never acknowledges SETTINGS", 300, 10_000,
         ["RST_STREAM REFUSED_STREAM"])
def no_settings_ack(target, calls, over):
    with crowd(target, 1, acks=False) as peers:
        for _ in range(calls // 50):
            peers[0].send(b"".join(peers[0].headers(BIDI) for _ in range(50)))
        return keep(peers, over, calls)


@hostile("calls beyond the limit, by one that does", 300, 10_000, ["GOAWAY PROTOCOL_ERROR"])
def too_many_calls(target, calls, _):
    with Peer(target) as peer:
        peer.sync()
        peer.send(b"".join(peer.headers(BIDI) for _ in range(calls)))
        peer.until(lambda: peer.over)
        return peer.seen


def reset(peer, path, whole):
    call = peer.request(path) if whole else peer.headers(path)
    return call + frame(RST_STREAM, 0, peer.last, CANCEL)


@hostile("calls that are reset at once", 2000, 20_000, [CALM])
def rapid_reset(target, calls, _):
    with Peer(target) as peer:
        peer.send(b"".join(reset(peer, STREAM, whole=False) for _ in range(calls)), 60)
        return survived(peer)


@hostile("calls of a method that is not there, reset at once", 2000, 20_000, [CALM])
def unknown_and_reset(target, calls, _):
    with Peer(target) as peer:
        peer.send(b"".join(reset(peer, NOTHING, whole=True) for _ in range(calls)), 60)
        return survived(peer)


@hostile("whole requests that are reset at once", 2000, 20_000, [CALM])
def rapid_reset_of_requests(target, calls, _):
    with Peer(target) as peer:
        peer.send(b"".join(reset(peer, STREAM, whole=True) for _ in range(calls)), 60)
        return survived(peer)


def survived(peer):
    """The peer did all it wanted, and the connection still works."""
    if not peer.over and peer.sync(30):
        peer.seen["survived"] += 1
    return peer.seen


# --- Floods -----------------------------------------------------------------------------------


@hostile("pings", 1000, 200_000, [CALM])
def ping_flood(target, frames, _):
    with Peer(target) as peer:
        peer.send(frame(PING, 0, 0, bytes(8)) * frames)
        peer.until(lambda: peer.over)
        return peer.seen


@hostile("SETTINGS, each to be acknowledged, by one that reads", 1000, 100_000, [CALM])
def settings_flood(target, frames, _):
    with Peer(target) as peer:
        peer.send(frame(SETTINGS, 0, 0) * frames, 20)
        return survived(peer)


@hostile("SETTINGS, by one that does not read", 100_000, 2_000_000, [CALM])
def settings_flood_unread(target, frames, _):
    with Peer(target, reads=False) as peer:
        peer.send(frame(SETTINGS, 0, 0) * frames)
        peer.until(lambda: peer.over)
        return peer.seen


@hostile("empty DATA frames on one call", 5000, 200_000, [CALM])
def empty_data(target, frames, _):
    with Peer(target) as peer:
        peer.send(peer.headers(BIDI))
        peer.send(frame(DATA, 0, peer.last) * frames, 20)
        return survived(peer)


@hostile("frames of an unknown type, and priorities", 5000, 200_000, [CALM])
def useless_frames(target, frames, _):
    both = frame(UNKNOWN_FRAME, 0, 0) + frame(PRIORITY, 0, 1, bytes(5))
    return flood(target, both * (frames // 2))


@hostile("frames of an unknown type", 5000, 200_000, [CALM])
def unknown_frames(target, frames, _):
    return flood(target, frame(UNKNOWN_FRAME, 0, 0) * frames)


@hostile("priorities", 5000, 200_000, [CALM])
def priority_flood(target, frames, _):
    return flood(target, frame(PRIORITY, 0, 1, bytes(5)) * frames)


@hostile("WINDOW_UPDATE frames of a byte", 5000, 200_000, [CALM])
def window_update_flood(target, frames, _):
    return flood(target, update(0, 1) * frames)


def flood(target, frames):
    with Peer(target) as peer:
        peer.send(frames, 20)
        return survived(peer)


@hostile("bytes of a message, each in a DATA frame of its own", 5000, 200_000, ["survived"])
def one_byte_frames(target, count, _):
    """Clients that send small messages do the same, so it is no flood."""
    with Peer(target) as peer:
        peer.send(peer.headers(IMPORT) + frame(DATA, 0, peer.last, message(bytes(1 << 20))[:5]))
        peer.send(frame(DATA, 0, peer.last, b"x") * count, 20)
        return survived(peer)


# --- Windows ----------------------------------------------------------------------------------


@hostile("listings with a window of 0", 100, 1000, ["kept"])
def no_window(target, calls, over):
    with crowd(target, connections_for(calls), hello=settings(initial_window_size=0)) as peers:
        for peer in peers:
            peer.send(b"".join(peer.request(STREAM) for _ in range(STREAMS)))
        return keep(peers, over, STREAMS)


@hostile("listings, read byte by byte: WINDOW_UPDATE 1", 10_000, 20_000, [CALM])
def tiny_windows(target, updates, _):
    with Peer(target, hello=settings(initial_window_size=1)) as peer:
        peer.send(b"".join(peer.request(STREAM) for _ in range(10)))
        peer.send(b"".join(update(stream, 1) for stream in range(1, 20, 2)) * (updates // 10), 20)
        return survived(peer)


@hostile("a connection's window beyond 2^31", 1, 1, ["GOAWAY FLOW_CONTROL_ERROR"])
def window_overflow(target, _, __):
    with Peer(target) as peer:
        peer.send(update(0, LARGEST_WINDOW) * 2)
        return survived(peer)


@hostile("an initial window beyond 2^31", 1, 1, ["GOAWAY FLOW_CONTROL_ERROR"])
def bad_initial_window(target, _, __):
    with Peer(target, hello=settings(initial_window_size=LARGEST_WINDOW + 1)) as peer:
        peer.until(lambda: peer.over)
        return peer.seen


@hostile("100 listings whose windows are opened and shut by SETTINGS", 1000, 2000, [CALM])
def window_games(target, changes, _):
    with Peer(target, hello=settings(initial_window_size=0)) as peer:
        peer.send(b"".join(peer.request(STREAM) for _ in range(STREAMS)))
        peer.send((settings(initial_window_size=1) + settings(initial_window_size=0)) *
                  (changes // 2), 20)
        return survived(peer)


@hostile("requests that ignore the window, of a call that cannot answer", 2, 64,
         ["RST_STREAM FLOW_CONTROL_ERROR"])
def window_ignored(target, megabytes, _):
    with Peer(target, hello=settings(initial_window_size=0)) as peer:
        peer.send(peer.headers(BIDI))
        peer.send(frame(DATA, 0, peer.last, message(b"") * 3000) * (megabytes * 70))
        peer.until(lambda: peer.over or peer.ended)
        return peer.seen


@hostile("listings that are read for 2 MB a connection, and then no more", 100, 1000,
         ["kept", CALM])
def stop_after_megabytes(target, calls, over):
    with crowd(target, connections_for(calls)) as peers:
        for peer in peers:
            peer.send(update(0, LARGEST_WINDOW - (1 << 16)) +
                      b"".join(peer.request(STREAM) for _ in range(STREAMS)))
        for peer in peers:
            peer.until(lambda peer=peer: peer.received > 2 << 20)
            peer.reads = False
        return keep(peers, over, STREAMS)


@hostile("listings that nobody reads", 100, 1000, ["kept"])
def stopped_readers(target, calls, over):
    with crowd(target, calls // 50, reads=False) as peers:
        for peer in peers:
            peer.send(update(0, LARGEST_WINDOW - (1 << 16)))
            peer.send(b"".join(peer.request(STREAM) for _ in range(50)))
        return keep(peers, over, 50)


# --- Messages and headers ---------------------------------------------------------------------


@hostile("a request of many megabytes", 8, 64, ["RESOURCE_EXHAUSTED"])
def huge_request(target, megabytes, _):
    with Peer(target) as peer:
        peer.send(peer.headers(IMPORT))
        peer.pour([peer.last], message(bytes(megabytes << 20)))
        peer.await_ends(1)
        return peer.seen


@hostile("a message that unpacks to 1,000 times its size", 8, 100, ["RESOURCE_EXHAUSTED"])
def gzip_bomb(target, megabytes, _):
    body = message(gzip.compress(bytes(megabytes << 20)), flag=1)
    with Peer(target) as peer:
        peer.send(peer.headers(IMPORT, ("grpc-encoding", "gzip")))
        peer.pour([peer.last], body)
        peer.await_ends(1)
        return peer.seen


@hostile("40 KB of headers", 1, 1, ["HTTP 431"])
def large_headers(target, _, __):
    with Peer(target) as peer:
        block = peer.headers(NOTHING, *[(f"x{i}", "v" * 100) for i in range(400)])[9:]
        peer.send(frame(HEADERS, 0, peer.last, block[:LARGEST_FRAME]) +
                  frame(CONTINUATION, 0, peer.last, block[LARGEST_FRAME:2 * LARGEST_FRAME]) +
                  frame(CONTINUATION, END_HEADERS, peer.last, block[2 * LARGEST_FRAME:]))
        peer.await_ends(1)
        return peer.seen


def endless_header(peer, kilobytes):
    """One header, never finished, in CONTINUATION frames."""
    length = b"\x7f" + bytes([0xff, 0xff, 0xff, 0x3f])  # 7-bit prefix; 128 MB
    start = peer.headers(UNARY)[9:] + b"\0\1x" + length
    return (frame(HEADERS, 0, peer.last, start) +
            frame(CONTINUATION, 0, peer.last, b"v" * (1 << 14)) * (kilobytes // 16))


@hostile("one header of many frames, without an end", 256, 4096,
         [CALM, "GOAWAY COMPRESSION_ERROR"])
def continuation_flood(target, kilobytes, over):
    with Peer(target) as peer:
        peer.send(endless_header(peer, kilobytes), 60)
        peer.until(lambda: peer.over)
        return peer.seen


@hostile("CONTINUATION frames with nothing in them", 1000, 200_000, [CALM])
def empty_continuations(target, frames, _):
    with Peer(target) as peer:
        start = peer.headers(UNARY)[9:]
        peer.send(frame(HEADERS, 0, peer.last, start) + frame(CONTINUATION, 0, peer.last) * frames,
                  20)
        peer.until(lambda: peer.over)
        return peer.seen


@hostile("a 4 KB header, 16,000 times by its number in the table", 1, 20, [CALM])
def hpack_bomb(target, _, __):
    kept = b"\x40\1x\x7f" + bytes([0xa1, 0x1e]) + b"v" * 4000  # 127 + 0x21 + 0x1e * 128
    with Peer(target) as peer:
        block = peer.headers(NOTHING)[9:] + kept + b"\xbe" * 10_000
        peer.send(frame(HEADERS, END_HEADERS, peer.last, block[:1 << 14]))
        peer.until(lambda: peer.over)
        return peer.seen


def header_list(path, bytes_each, peer, headers):
    """One call's, in frames; and never an end of the call."""
    block = peer.headers(path)[9:] + headers * (bytes_each // len(headers))
    parts = [block[at:at + LARGEST_FRAME] for at in range(0, len(block), LARGEST_FRAME)]
    return frame(HEADERS, 0, peer.last, parts[0]) + b"".join(
        frame(CONTINUATION, END_HEADERS if part is parts[-1] else 0, peer.last, part)
        for part in parts[1:])


LITERAL = b"\0\1x\x7f" + bytes([0xa1, 0x1e]) + b"v" * 4000  # as in hpack_bomb, and not kept


@hostile("kilobytes of headers of one call", 8192, 8192, [CALM])
def literal_headers(target, kilobytes, _):
    with Peer(target) as peer:
        peer.send(header_list(NOTHING, kilobytes << 10, peer, LITERAL))
        return survived(peer)


@hostile("calls with 100 KB of headers each", 80, 80, [CALM])
def literal_headers_of_many(target, calls, _):
    with Peer(target) as peer:
        peer.send(b"".join(header_list(NOTHING, 100_000, peer, LITERAL) for _ in range(calls)))
        return survived(peer)


@hostile("calls with 100,000 headers that take a byte each", 80, 80, [CALM])
def indexed_headers_of_many(target, calls, _):
    with Peer(target) as peer:
        peer.send(b"".join(header_list(NOTHING, 100_000, peer, b"\x90") for _ in range(calls)))
        return survived(peer)


# --- Connections ------------------------------------------------------------------------------


@hostile("connections that do nothing", 100, 10_000, ["kept"])
def idle_connections(target, count, over):
    with crowd(target, count) as peers:
        return keep(peers, over, 1)


@hostile("connections that say nothing", 100, 10_000, ["closed"], seconds=14)
def silent_connections(target, count, over):
    with crowd(target, count, hello=None, acks=False) as peers:
        return wait_for_ends(peers, over)


@hostile("connections that send the preface, and no SETTINGS", 100, 1000, ["closed"], seconds=14)
def only_prefaces(target, count, over):
    with crowd(target, count, hello=b"", acks=False) as peers:
        return wait_for_ends(peers, over)


@hostile("connections that send a byte a second", 50, 500, ["closed"], seconds=14)
def slow_preface(target, count, over):
    with crowd(target, count, hello=None, acks=False) as peers:
        for byte in PREFACE:
            for peer in peers:
                peer.send(bytes([byte]))
            if all(peer.over for peer in peers) or over.wait(1):
                break
        return wait_for_ends(peers, over)


@hostile("TLS handshakes, left half done", 50, 2000, ["closed"], seconds=14, tls=True)
def half_open_tls(target, count, over):
    hello = client_hello()
    with crowd(target._replace(context=None), count, hello=None, acks=False) as peers:
        for peer in peers:
            peer.send(hello)
        return wait_for_ends(peers, over)


@hostile("TLS handshakes with 24 KB of other records right behind", 20, 500, ["closed"], seconds=4,
         tls=True)
def records_behind_a_hello(target, count, over):
    """Each read is full, and those that wait for their turn in the handshakes have more to read."""
    record = b"\x17\x03\x03" + (6000).to_bytes(2, "big") + bytes(6000)
    everything = client_hello() + 4 * record
    with crowd(target._replace(context=None), count, hello=None, acks=False) as peers:
        for peer in peers:
            peer.send(everything)
        return wait_for_ends(peers, over)


@hostile("connections that begin byte by byte", 50, 500, ["closed"], seconds=14)
def slowloris(target, count, over):
    with crowd(target, count, hello=None, acks=False) as peers:
        for byte in PREFACE + frame(SETTINGS, 0, 0, bytes(1200)):
            for peer in peers:
                peer.send(bytes([byte]))
            if all(peer.over for peer in peers) or over.wait(0.05):
                break
        return wait_for_ends(peers, over)


@hostile("calls whose headers come byte by byte", 50, 500, ["kept"])
def slow_headers(target, count, over):
    with crowd(target, count) as peers:
        calls = [peer.headers(UNARY) for peer in peers]
        for peer in peers:  # its acknowledgement must not come between the bytes
            peer.sync()
            peer.acks = False
        for at in range(len(calls[0])):
            for peer, call in zip(peers, calls):
                peer.send(call[at:at + 1])
            if over.wait(0.02):
                break
        return keep(peers, over, 1, sync=False)


@hostile("HTTP/1.1, and random bytes", 10, 1000, ["GOAWAY PROTOCOL_ERROR"])
def garbage(target, connections, _):
    seen = Counter()
    for i in range(connections):
        with Peer(target, hello=None) as peer:
            peer.send(os.urandom(1000) if i % 2 else b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            peer.until(lambda peer=peer: peer.over)
            seen += peer.seen
    return seen


def client_hello():
    """The first bytes of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])  # or the server refuses it at once
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def wait_for_ends(peers, over):
    """Those that the server is expected to end, within its handshake timeout."""
    seen = Counter()
    for peer in peers:
        while not peer.over and not over.is_set():
            peer.until(lambda peer=peer: peer.over, 0.1)
        peer.take()
        seen += peer.seen
        seen["kept"] += not peer.over
    return +seen
