"""gRPC's own test cases (tests/interop/): our server, on both of its transports, and our client
with each other, and each with a peer on python3-grpcio and one on grpc-go. `make interop` installs
Go for the latter, shows the cases, and makes a longer soak."""
import os
import select
import subprocess
import sys

import pytest

import logs
import timing
from logs import expects_log, may_log
from pair import BUILD, DIES_WITH_US, clean_environment
from protos import ROOT

PEER = [sys.executable, "-B", str(ROOT / "tests" / "interop" / "peer.py")]
GO = BUILD / "interop-go"
OURS = [str(BUILD / "interop-server"), "--loops=1"]
SERVERS = {"ours": OURS, "ours on the core": [*OURS, "--transport=core"],
           "peer": [*PEER, "server"], "go": [str(GO), "server"]}
CLIENTS = {"ours": [str(BUILD / "interop-client")], "peer": [*PEER, "client"],
           "go": [str(GO), "client"]}
SOAK = os.environ.get("INTEROP_SOAK", "50")
TEST_NAME = "foo.test.google.fr"  # of the certificate that everybody's tests use

# What grpc-go's server can be asked: through its public API it cannot tell how a message came,
# nor choose how each one goes, so cases of compression are for its client alone.
GO_SERVER_CASES = """empty_unary large_unary client_streaming server_streaming ping_pong empty_stream
    cancel_after_begin cancel_after_first_response timeout_on_sleeping_server
    status_code_and_message special_status_message unimplemented_method unimplemented_service
    custom_metadata per_rpc_creds oauth2_auth_token rpc_soak channel_soak""".split()
GO_CLIENT_CASES = 15

errors_are_asked_for = expects_log("code=UNKNOWN")
plaintext_and_tls = pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
if_go_is_there = pytest.mark.skipif(
    not GO.exists(), reason="grpc-go is not installed, so it is not talked to; make interop does")


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
def start(environment, tmp_path):
    """start("ours", "--use_tls=true") -> its port"""
    processes, log = [], tmp_path / "stderr"
    logs.follow(log)

    def start(name, *flags):
        with open(log, "ab") as stderr:
            process = subprocess.Popen([*DIES_WITH_US, *SERVERS[name], "--port=0", *flags],
                                       stdout=subprocess.PIPE, stderr=stderr, text=True,
                                       env=environment)
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
                          timeout=timing.limit(60 if timing.STRETCH == 1 else 150))
    print(done.stderr)
    logs.look_at(done.stderr)
    assert done.returncode == code, done.stderr
    return done.stderr


def tls_flags(tls):
    return ["--use_tls=true"] if tls else ["--use_tls", "false"]


def client_flags(client, tls):
    more = ["--use_test_ca=true", f"--server_host_override={TEST_NAME}"]
    if client == "ours":
        more += ["--soak_iterations", SOAK,
                 f"--soak_overall_timeout_seconds={timing.limit(60):.0f}",
                 f"--soak_per_iteration_max_acceptable_latency_ms={timing.limit(1000):.0f}"]
    return [*tls_flags(tls), *more]


@plaintext_and_tls
@pytest.mark.parametrize("server, client", [
    pytest.param("ours", "ours", marks=errors_are_asked_for),
    pytest.param("ours", "peer", marks=errors_are_asked_for),
    pytest.param("ours on the core", "ours", marks=errors_are_asked_for),
    pytest.param("ours on the core", "peer", marks=errors_are_asked_for),
    ("peer", "ours"),
], ids=lambda name: name)
def test_all_cases(start, environment, server, client, tls):
    port = start(server, *tls_flags(tls))
    said = run(client, port, environment, "--test_case=all", *client_flags(client, tls))
    assert said.count("passed") >= 20 and "FAILED" not in said


@if_go_is_there
@plaintext_and_tls
def test_our_client_with_a_server_on_grpc_go(start, environment, tls):
    port = start("go", *tls_flags(tls))
    for case in GO_SERVER_CASES:
        run("ours", port, environment, f"--test_case={case}", *client_flags("ours", tls))
        print(f"{case:32}passed", file=sys.stderr)


@if_go_is_there
@plaintext_and_tls
@errors_are_asked_for
@pytest.mark.parametrize("server", ["ours", "ours on the core"])
def test_a_client_on_grpc_go_with_our_server(start, environment, server, tls):
    port = start(server, *tls_flags(tls))
    said = run("go", port, environment, "--test_case=all", *client_flags("go", tls))
    assert said.count("passed") == GO_CLIENT_CASES and "FAILED" not in said


# The client leaves the core connecting when it fails, and OpenSSL is at its end then.
@may_log("gRPC: ", "Handshaker creation failed")
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
