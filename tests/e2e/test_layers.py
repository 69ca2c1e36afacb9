"""make check-layers sees includes that go up, however they are written."""
import subprocess
import sys

import pytest

from protos import ROOT

LAYERS = ["base:src/base:", "weir:src/weir:base", "serverkit:src/serverkit:weir base",
          "streams:streams:weir base"]
FILES = ["src/base/bytes.h", "src/weir/loop.h", "src/weir/http/conn.h", "src/weir/grpc_core/call.h",
         "src/serverkit/auth/jwt.h", "src/serverkit/metrics/metrics.h", "streams/listing.h"]


def look(folder, path=None, include=None):
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    if path is not None:
        (folder / path).write_text(f"#include {include}\n")
    return subprocess.run([sys.executable, "-B", ROOT / "tests/layers.py", *LAYERS], cwd=folder,
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path, include", [
    ("src/weir/loop.h", '"base/bytes.h"'),
    ("src/weir/loop.h", '"grpc/health/v1/health.pb-c.h"'),
    ("src/weir/loop.h", "<stdio.h>"),
    ("src/weir/http/conn.h", "<nghttp2/nghttp2.h>"),
    ("streams/listing.h", '"v1/post/post.pb-c.h"'),
    ("src/serverkit/auth/jwt.h", '"serverkit/metrics/metrics.h"'),
])
def test_what_goes_down(tmp_path, path, include):
    done = look(tmp_path, path, include)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path, include", [
    ("src/base/bytes.h", '"weir/loop.h"'),
    ("src/base/bytes.h", '"../weir/loop.h"'),
    ("src/base/bytes.h", "<weir/loop.h>"),
    ("src/weir/loop.h", '"v1/post/post.pb-c.h"'),
    ("src/weir/loop.h", "<nghttp2/nghttp2.h>"),
    ("src/weir/http/conn.h", "<grpc/grpc.h>"),
    ("src/weir/loop.h", "<postgresql/libpq-fe.h>"),
    ("src/weir/http/conn.h", '"weir/grpc_core/call.h"'),
    ("src/weir/loop.h", '"streams/listing.h"'),
    ("src/serverkit/metrics/metrics.h", '"serverkit/auth/jwt.h"'),
])
def test_what_goes_up_or_aside(tmp_path, path, include):
    done = look(tmp_path, path, include)
    assert done.returncode == 1 and path in done.stderr, done.stderr


def test_an_empty_tree(tmp_path):
    assert look(tmp_path).returncode == 0
