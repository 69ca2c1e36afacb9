"""What errors say to programs: google.rpc.Status in the trailers, and what
postcli makes of it."""
import grpc
import pytest

import protos
import timing

rpc = protos.current.packages["google.rpc"]
KINDS = {f"type.googleapis.com/google.rpc.{name}": getattr(rpc, name)
         for name in ("ErrorInfo", "BadRequest", "RetryInfo")}


def details_of(call):
    """The error that call() raises, its google.rpc.Status, and the details by name."""
    with pytest.raises(grpc.RpcError) as caught:
        result = call()
        if hasattr(result, "__next__"):
            list(result)
    error = caught.value
    trailers = dict(error.trailing_metadata())
    status = rpc.Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    assert len(trailers["grpc-status-details-bin"]) < 2048
    details = {any_.type_url.rsplit(".", 1)[1]: KINDS[any_.type_url].FromString(any_.value)
               for any_ in status.details}
    assert len(details) == len(status.details)  # each kind once
    assert details["ErrorInfo"].reason
    return error, details


def blamed(details):
    return [v.field for v in details["BadRequest"].field_violations]


BAD_REQUESTS = [
    (protos.post.ListPostsRequest(page_token="nonsense"), "INVALID_PAGE_TOKEN", "page_token"),
    (protos.post.ListPostsRequest(page_size=-1), "FIELD_NEGATIVE", "page_size"),
    (protos.post.ListPostsRequest(limit=-1), "FIELD_NEGATIVE", "limit"),
    (protos.post.ListPostsRequest(tag="x" * 300), "FIELD_TOO_LONG", "tag"),
    (b"\x22\x01\xff", "FIELD_NOT_TEXT", "tag"),
]


def test_a_bad_request_names_its_field(pair):
    client = pair.client(pair.post)
    for shape in "", "ServerStream":
        for request, reason, field in BAD_REQUESTS:
            error, details = details_of(
                lambda: client.call(f"/v1.post.Post/ListPosts{shape}", request))
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert details["ErrorInfo"].reason == reason
            assert details["ErrorInfo"].domain == "v1.post.Post"
            assert blamed(details) == [field]
            assert "RetryInfo" not in details


def test_errors_of_user(pair):
    client = pair.client(pair.user)
    for user_id, code, reason in (("", "INVALID_ARGUMENT", "FIELD_EMPTY"),
                                  ("nobody", "NOT_FOUND", "USER_NOT_FOUND")):
        error, details = details_of(lambda: client.call(
            "/v1.user.User/GetUser", protos.user.GetUserRequest(user_id=user_id)))
        assert error.code().name == code
        assert details["ErrorInfo"].reason == reason
        assert details["ErrorInfo"].domain == "v1.user.User"


def test_every_error_has_a_reason(pair):
    client = pair.client(pair.post)
    _, unknown = details_of(lambda: client.call("/v1.post.Post/Nothing", b""))
    _, garbage = details_of(lambda: client.call("/v1.post.Post/ListPosts", b"\xff"))
    _, nobody = details_of(lambda: client.call(
        "/v1.post.Post/ListPostsByUserId",
        protos.post.ListPostsByUserIdRequest(user_id="nobody")))
    assert unknown["ErrorInfo"].reason == "UNKNOWN_METHOD"
    assert garbage["ErrorInfo"].reason == "INVALID_MESSAGE"
    assert nobody["ErrorInfo"].reason == "USER_NOT_FOUND"


def test_no_details_when_all_is_well(pair):
    call = pair.client(pair.post).multicallable("/v1.post.Post/ListPosts")
    _, done = call.with_call(protos.post.ListPostsRequest(page_size=1), timeout=timing.CALL)
    assert "grpc-status-details-bin" not in dict(done.trailing_metadata())


def test_postcli_prints_them(pair):
    done = pair.postcli("list", "--page-token", "nonsense")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        "postcli: INVALID_ARGUMENT: page_token is damaged",
        "postcli: reason INVALID_PAGE_TOKEN, field page_token"]
    done = pair.postcli("users", "list", "--page-token", "nonsense")
    assert "postcli: reason INVALID_PAGE_TOKEN, field page_token\n" in done.stderr
