"""All time limits of these tests, in one place.

TEST_STRETCH multiplies them: the Makefile sets it where a sanitizer makes
everything slower. They are limits, not waits: a test that passes never waits
for one."""
import os
import time

STRETCH = float(os.environ.get("TEST_STRETCH") or 1)


def limit(seconds):
    return seconds * STRETCH


CALL = limit(20)  # one RPC, to its end
START = limit(10)  # until a server serves
STOP = limit(15)  # from SIGTERM until it is gone
CONDITION = limit(10)  # wait_until
MARGIN = limit(4)  # "at once", and "in time", where other things run too


def wait_until(condition, what, seconds=CONDITION, every=0.01):
    """Polls; for what tells nobody when it happens. Returns what the condition did."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(every)
