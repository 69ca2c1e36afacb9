"""What our programs write to standard error is looked at, so that nothing goes wrong unseen.

A sanitizer's report fails a test at once. A line of the log at the levels "warn" and "error" fails
it when it ends, unless the test said in the line's own words that it would come:

    @expects_log("everybody can read the key")
    def test_what_is_hardly_meant_is_said(server):

Such a line must come if the test passes. may_log(…) is for what comes on some days only, and for
whole files:

    pytestmark = may_log("code=UNAVAILABLE")

conftest.py asks for the judgement; programs that are no tests (tests/faults, tests/soak) do not."""
import re

import pytest

import timing

expects_log = pytest.mark.expects_log  # of one text or more, each of which must come
may_log = pytest.mark.may_log

SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")
# Our log as text and as JSON; and what the gRPC core says itself, where nobody takes its lines.
WARNING = re.compile(r'\d{4}-\S+Z (warn |error) |\{"time":"[^"]*","level":"(warn|error)"|E\d{4} ')

# At the end of any test Post stops, and User next: User may be told so before it has seen that
# Post's connection, and with it the stream of names, is gone.
ON_ANY_DAY = re.compile(r'.*ResolveUsers\b.*\bUNAVAILABLE\b.*"the server is stopping"')

# A sanitizer makes many calls slow, and a server says so.
if timing.STRETCH > 1:
    ON_ANY_DAY = re.compile(ON_ANY_DAY.pattern + "|.*slow call")

SHOWN = 20  # lines, of too many

_warnings = []  # since the last judgement
_followed = {}  # path of a log -> how many bytes of it were looked at


def assert_clean(text):
    assert not SANITIZER.search(text), text


def look_at(text):
    """All that a program said."""
    assert_clean(text)
    _warnings.extend(line for line in text.splitlines() if WARNING.match(line))


def follow(path):
    """A file that a program writes to as long as it runs."""
    _followed.setdefault(path, 0)


def _read_on():
    for path, done in _followed.items():
        if path.exists() and path.stat().st_size > done:
            with open(path, "rb") as log:
                log.seek(done)
                text = log.read()
            whole = text[:text.rfind(b"\n") + 1]  # the last line may be half written
            _followed[path] = done + len(whole)
            look_at(whole.decode(errors="replace"))


def forget():
    """What nobody judged, since the test failed anyway."""
    _read_on()
    _warnings.clear()


def judge(expects_log, may_log, passed):
    """What is wrong with all that was said since the last time, or None."""
    _read_on()
    lines, known = list(_warnings), [*expects_log, *may_log]
    _warnings.clear()
    unknown = [line for line in lines
               if not any(text in line for text in known) and not ON_ANY_DAY.match(line)]
    missing = [text for text in expects_log if not any(text in line for line in lines)]
    if unknown:
        return "\n".join([f"{len(unknown)} warnings that the test did not announce (logs.py):",
                          *unknown[:SHOWN]])
    if missing and passed:
        return "\n".join([f"the log should have said {missing}; its warnings:", *lines[:SHOWN]])
    return None
