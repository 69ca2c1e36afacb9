#!/bin/sh
# Server reflection, grpc.reflection.v1: what a server serves, from the server
# itself. Any tool that knows reflection works; postcli has "describe".
# Needs both servers ("make run").
#
# expect:
#   v1.post.Post
#   grpc.health.v1.Health
#   grpc.reflection.v1.ServerReflection
#   grpc.reflection.v1alpha.ServerReflection
#   package v1.user;
#
#   service User {
#     // NOT_FOUND if there is no such user.
#     rpc GetUser(GetUserRequest) returns (GetUserResponse);
#     // Users in import order.
#     rpc ListUsers(ListUsersRequest) returns (ListUsersResponse);
#     rpc ListUsersServerStream(ListUsersRequest) returns (stream ListUsersResponse);
#     // Names for ids, ...
#     ...
#     rpc ResolveUsers(stream ResolveUsersRequest) returns (stream ResolveUsersResponse);
#     // Upsert by user_id. ...
#     ...
#     rpc ImportUsers(stream ImportUsersRequest) returns (ImportUsersResponse);
#     // By user_id. ...
#     ...
#     rpc DeleteUsers(stream DeleteUsersRequest) returns (DeleteUsersResponse);
#   }
#   package v1.post;
#
#   message PostMessage {
#     string post_id = 1;  // 1 to 256 bytes, unique
#     ...
#     google.protobuf.Timestamp create_time = 7;
#   }
#   postcli: NOT_FOUND: there is no symbol v1.post.Nothing
set -eu
postcli=${BUILD:-build}/postcli

"$postcli" describe
"$postcli" describe --server user v1.user.User
"$postcli" describe v1.post.PostMessage
"$postcli" describe v1.post.Nothing || true
