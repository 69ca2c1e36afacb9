"""gRPC's own test cases (tests/interop/): our server and client with each other, and each with a
peer on python3-grpcio. `make interop` shows the cases, and makes a longer soak."""
import os
import select
import subprocess
import sys

import pytest

import timing
from pair import BUILD, DIES_WITH_US, SANITIZER, clean_environment
from protos import ROOT

PEER = [sys.executable, "-B", str(ROOT / "tests" / "interop" / "peer.py")]
SERVERS = {"ours": [str(BUILD / "interop-server"), "--loops=1"], "peer": [*PEER, "server"]}
CLIENTS = {"ours": [str(BUILD / "interop-client")], "peer": [*PEER, "client"]}
SOAK = os.environ.get("INTEROP_SOAK", "50")
TEST_NAME = "foo.test.google.fr"  # of the certificate that everybody's tests use


@pytest.fixture(scope="module")
def credentials(tmp_path_factory):
    folder = tmp_path_factory.mktemp("credentials")
    subprocess.run([str(ROOT / "tests" / "certs.sh"), str(folder), "ca", "server1"], check=True,
                   env={**os.environ, "SAN": f"DNS:{TEST_NAME}"})
    return folder


@pytest.fixture
def environment(credentials):
    return {**clean_environment(), "INTEROP_CREDENTIALS": str(credentials)}


@pytest.fixture
def start(environment):
    """start("ours", "--use_tls=true") -> its port"""
    processes = []

    def start(name, *flags):
        process = subprocess.Popen([*DIES_WITH_US, *SERVERS[name], "--port=0", *flags],
                                   stdout=subprocess.PIPE, text=True, env=environment)
        processes.append(process)
        assert select.select([process.stdout], [], [], timing.START)[0], "it does not serve"
        line = process.stdout.readline()
        assert "serving on localhost:" in line, line
        return line.split("localhost:")[1].split()[0]

    yield start
    for process in processes:
        process.terminate()
        process.wait(timing.STOP)
        process.stdout.close()


def run(client, port, environment, *flags, code=0):
    command = [*CLIENTS[client], "--server_host=localhost", f"--server_port={port}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False,
                          timeout=timing.limit(60))
    print(done.stderr)
    assert done.returncode == code and not SANITIZER.search(done.stderr), done.stderr
    return done.stderr


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("server, client", [("ours", "ours"), ("ours", "peer"), ("peer", "ours")],
                         ids=lambda name: name)
def test_all_cases(start, environment, server, client, tls):
    use_tls = ["--use_tls=true"] if tls else ["--use_tls", "false"]
    port = start(server, *use_tls)
    more = ["--use_test_ca=true", f"--server_host_override={TEST_NAME}"]
    if client == "ours":
        more += ["--soak_iterations", SOAK, "--soak_overall_timeout_seconds=60"]
    said = run(client, port, environment, "--test_case=all", *use_tls, *more)
    assert said.count("passed") >= 20 and "FAILED" not in said


def test_a_name_that_is_not_in_the_certificate(start, environment):
    port = start("ours", "--use_tls=true")
    said = run("ours", port, environment, "--test_case=empty_unary", "--use_tls=true",
               "--use_test_ca=true", code=1)
    assert "UNAVAILABLE" in said


def test_a_case_can_fail(start, environment):
    """A soak whose calls may take no time; and one case alone."""
    port = start("ours")
    assert run("ours", port, environment, "--test_case=large_unary") == ""
    assert "FAILED" in run("ours", port, environment, "--test_case=rpc_soak",
                           "--soak_per_iteration_max_acceptable_latency_ms=-1", code=1)
    assert "no test case" in run("ours", port, environment, "--test_case=nonsense", code=2)
