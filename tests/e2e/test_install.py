"""Running it for good: what make install puts where, units, pages, completion, the manager."""
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from pair import BUILD, Server
from protos import ROOT


def make(*args):
    return subprocess.run(["make", "-s", f"BUILD={os.path.relpath(BUILD, ROOT)}", *args], cwd=ROOT,
                          capture_output=True, text=True, check=True, timeout=120).stdout


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_install_and_uninstall(tmp_path):
    make("install", f"DESTDIR={tmp_path}", "prefix=/opt/pair")
    installed = files(tmp_path)
    for name in ("bin/postcli", "bin/post-server", "bin/user-server", "share/man/man1/postcli.1",
                 "share/man/man1/postcli-stream-list.1", "share/man/man1/postcli-delete-posts.1",
                 "share/man/man8/post-server.8",
                 "share/bash-completion/completions/postcli",
                 "lib/systemd/system/post-server.service"):
        assert f"opt/pair/{name}" in installed
    unit = (tmp_path / "opt/pair/lib/systemd/system/user-server.service").read_text()
    assert "ExecStart=/opt/pair/bin/user-server\n" in unit
    # What /etc/default says comes behind it, and counts.
    assert unit.index("\nEnvironment=USER_SERVER_DB=%S/user-server\n") < \
        unit.index("\nEnvironmentFile=-/etc/default/user-server\n")
    done = subprocess.run([tmp_path / "opt/pair/bin/postcli", "--help"], capture_output=True,
                          check=True, timeout=10)
    assert b"stream-list" in done.stdout
    make("uninstall", f"DESTDIR={tmp_path}", "prefix=/opt/pair")
    assert files(tmp_path) == []


def needed_by(program):
    """The libraries that it names itself."""
    said = subprocess.run(["readelf", "-d", str(BUILD / program)], capture_output=True, text=True,
                          check=True, timeout=30).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", said)


def packages_of(library):
    said = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True,
                          check=True, timeout=30).stdout
    return {line.split(":")[0] for line in said.splitlines()}


def is_bookworm():
    release = Path("/etc/os-release")
    return release.exists() and "VERSION_CODENAME=bookworm" in release.read_text()


@pytest.mark.skipif(not is_bookworm(), reason="the image is of Debian 12")
def test_the_image_has_the_libraries_of_all_programs():
    """But libc's and those of a sanitizer, which every image or none has."""
    words = set((ROOT / "docs" / "deploy" / "Containerfile").read_text().split())
    libraries = {each for program in ("user-server", "post-server", "postcli")
                 for each in needed_by(program)}
    assert "libpq.so.5" in libraries
    for library in libraries:
        if not re.match(r"(libc|libm|libpthread|ld-linux.*|libasan|libubsan|libtsan|libgcc_s)\.", library):
            assert packages_of(library) & words, library


@pytest.mark.parametrize("command", [["post-server"], ["user-server"], ["postcli", "users", "get"],
                                     ["postcli", "delete", "posts"],
                                     ["postcli", "stream-list"], ["postcli", "import"]])
def test_a_page_has_every_option(command):
    run = [str(BUILD / command[0]), *command[1:]]
    page = subprocess.run([*run, "--help=man"], capture_output=True, text=True, check=True).stdout
    words = subprocess.run([*run, "--help=words"], capture_output=True, text=True, check=True).stdout
    assert page.startswith(f".TH {'-'.join(command).upper()} ")
    plain = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")
    for word in words.split():
        name = word.split("=")[0].removeprefix("--no-").removeprefix("--")
        known = {"help", "posts", "users"}  # and the first arguments of import
        assert name in known or f"--{name}" in plain or f"--[no-]{name}" in plain or \
            f"\n{name}, --" in plain


def complete(*words):
    """What bash offers for the last of the words."""
    script = (f"source {ROOT}/client-cli/completion.bash; PATH={BUILD}:$PATH; COMP_WORDS=(\"$@\"); "
              "COMP_CWORD=$(($# - 1)); _pair_complete \"$1\"; printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True,
                          check=True, timeout=30)
    return done.stdout.split()


@pytest.mark.parametrize("words, offers", [
    (("postcli", "str"), ["stream-list"]),
    (("postcli", "users", "res"), ["resolve"]),
    (("postcli", "del"), ["delete"]),
    (("postcli", "delete", "u"), ["users"]),
    (("postcli", "delete", "posts", "--y"), ["--yes"]),
    (("postcli", "stream-list", "--page-t"), ["--page-token="]),
    (("postcli", "stream-list", "--format", "=", "nd"), ["ndjson"]),
    (("postcli", "stream-list", "--fol"), ["--follow"]),
    (("postcli", "call", "--proto-s"), ["--proto-set="]),
    (("post-server", "--log-f"), ["--log-format=", "--log-format=text", "--log-format=json"]),
    (("postcli", "import", "posts", "/etc/host"), None),
    (("postcli", "import", ""), ["posts", "users"]),
    (("postcli", "users", ""), ["get", "list", "resolve"]),
    (("postcli", "bench", "cl"), ["client-stream"]),
    (("postcli", "list", "--format", ""), ["table", "wide", "expanded", "csv", "ndjson", "json",
                                                "none"]),
    (("postcli", "list", "--format", "nd"), ["ndjson"]),
    (("postcli", "list", "-o", "j"), ["json"]),
    (("postcli", "list", "--columns", "ti"), ["title"]),
    (("postcli", "list", "--columns", "post_id,ti"), ["post_id,title"]),
    (("postcli", "users", "list", "--columns", "=", "name,user_id,"),
     [f"name,user_id,{name}" for name in ("user_id", "name", "phone_number", "age")]),
    (("postcli", "list", "--expanded", "a"), ["auto", "always"]),
    (("postcli", "call", "--color", "=", "n"), ["never"]),
    (("postcli", "list", "--no-pa"), ["--no-pager"]),
    (("postcli", "list", "--pager", "/etc/host"), None),
    (("postcli", "describe", "--no-c"), ["--no-comments"]),
    (("postcli", "-o", "j"), []),
    (("postcli", "--target", "x", "str"), ["stream-list"]),
    (("postcli", "list", "--tls-ca", "/etc/host"), None),
    (("postcli", "help", "str"), ["stream-list"]),
    (("postcli", "list", "-"), ["--"]),
])
def test_completion(words, offers):
    offered = complete(*words)
    if offers is None:
        assert any(offer.startswith("/etc/host") for offer in offered)
    elif offers == ["--"]:
        assert "--limit=" in offered and all(offer.startswith("--") for offer in offered)
    else:
        assert offered == offers


def test_the_service_manager_is_told(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "90000")
        server = Server("user-server", tmp_path).start()
        lines = []
        while lines.count("WATCHDOG=1") < 3 or "READY=1" not in lines:
            lines.append(manager.recv(100).decode())
        server.stop()
        while lines[-1] != "STOPPING=1":
            lines.append(manager.recv(100).decode())
        assert lines.count("READY=1") == 1
