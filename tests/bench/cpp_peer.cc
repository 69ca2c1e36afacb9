// The peer of the benchmark: the same listings on the same posts, as a good
// C++ user of gRPC would write them. Its job is easier: posts are in memory as
// messages, names in a map, and there are no tokens, filters or imports.
//
//   cpp_peer DUMP
//
// DUMP holds ListPostsResponses, each behind gRPC's five bytes: the DATA of a
// ListPostsServerStream call. Serves on a free port of 127.0.0.1 and prints it.

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/message_allocator.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "v1/post/post.grpc.pb.h"

namespace
{

using google::protobuf::Arena;
using grpc::CallbackServerContext;
using grpc::Status;
using grpc::StatusCode;
using v1::post::ListPostsByUserIdRequest;
using v1::post::ListPostsByUserIdResponse;
using v1::post::ListPostsRequest;
using v1::post::ListPostsResponse;
using v1::post::PostMessage;

constexpr size_t kDefaultBatch = 256; // posts of a message when the client asks for no size
constexpr size_t kStep = 64;          // messages that are flushed together

// An arena that keeps its first block, so that most messages need no other.
class RoomyArena
{
  public:
    RoomyArena() : arena_(Options(block_.get()))
    {
    }
    Arena *Emptied()
    {
        arena_.Reset();
        return &arena_;
    }

  private:
    static constexpr size_t kBlock = 64 << 10;

    static google::protobuf::ArenaOptions Options(char *block)
    {
        google::protobuf::ArenaOptions options;
        options.initial_block = block;
        options.initial_block_size = kBlock;
        return options;
    }

    std::unique_ptr<char[]> block_{ new char[kBlock] };
    Arena arena_;
};

// --- the data -------------------------------------------------------------------

struct Library {
    std::vector<PostMessage> posts;                          // in the order of the listing
    std::unordered_map<std::string, std::vector<size_t>> of; // user id -> places in posts
    std::unordered_map<std::string, std::string> names;      // user id -> name
};

void Add(Library *library, PostMessage *post)
{
    library->names.emplace(post->user_id(), post->author());
    library->of[post->user_id()].push_back(library->posts.size());
    post->clear_author();
    library->posts.push_back(std::move(*post));
}

bool Load(const char *path, Library *library)
{
    std::ifstream in(path, std::ios::binary);
    unsigned char head[5];
    std::string body;
    while (in.read(reinterpret_cast<char *>(head), sizeof head)) {
        uint32_t length = uint32_t{ head[1] } << 24 | uint32_t{ head[2] } << 16 |
                          uint32_t{ head[3] } << 8 | uint32_t{ head[4] };
        body.resize(length);
        ListPostsResponse response;
        if (!in.read(&body[0], length) || !response.ParseFromString(body))
            return false;
        for (PostMessage &post : *response.mutable_post_messages())
            Add(library, &post);
    }
    return in.eof() && in.gcount() == 0 && !library->posts.empty();
}

// A post as it is answered: its author's name is looked up now.
void Fill(const Library &library, const PostMessage &post, PostMessage *out)
{
    *out = post;
    auto name = library.names.find(post.user_id());
    if (name != library.names.end())
        out->set_author(name->second);
}

Status FillUser(const Library &library, const std::string &user_id,
                ListPostsByUserIdResponse *response)
{
    auto places = library.of.find(user_id);
    if (places == library.of.end())
        return Status(StatusCode::NOT_FOUND, "no such user");
    for (size_t place : places->second)
        Fill(library, library.posts[place], response->add_post_messages());
    return Status::OK;
}

// --- unary: both messages of a call on one arena ------------------------------------

template <class Request, class Response>
class ArenaHolder : public grpc::MessageHolder<Request, Response>
{
  public:
    ArenaHolder()
    {
        this->set_request(Arena::CreateMessage<Request>(&arena_));
        this->set_response(Arena::CreateMessage<Response>(&arena_));
    }
    void Release() override
    {
        delete this;
    }

  private:
    Arena arena_;
};

template <class Request, class Response>
class ArenaAllocator : public grpc::MessageAllocator<Request, Response>
{
  public:
    grpc::MessageHolder<Request, Response> *AllocateMessages() override
    {
        return new ArenaHolder<Request, Response>;
    }
};

// --- server streaming ---------------------------------------------------------------

class AllPosts : public grpc::ServerWriteReactor<ListPostsResponse>
{
  public:
    AllPosts(const Library &library, const ListPostsRequest &request)
        : library_(library), end_(library.posts.size()),
          batch_(request.page_size() > 0 ? size_t(request.page_size()) : kDefaultBatch)
    {
        if (request.limit() > 0)
            end_ = std::min(end_, size_t(request.limit()));
        WriteNext();
    }
    void OnWriteDone(bool ok) override
    {
        if (ok)
            WriteNext();
        else
            Finish(Status::CANCELLED);
    }
    void OnDone() override
    {
        delete this;
    }

  private:
    void WriteNext()
    {
        auto *response = Arena::CreateMessage<ListPostsResponse>(arena_.Emptied());
        size_t until = std::min(end_, at_ + batch_);
        response->mutable_post_messages()->Reserve(int(until - at_));
        for (; at_ < until; at_++)
            Fill(library_, library_.posts[at_], response->add_post_messages());
        Write(response);
    }
    // The first message carries the headers: with the hint it would never leave.
    void Write(ListPostsResponse *response)
    {
        grpc::WriteOptions options;
        if (at_ == end_) {
            StartWriteAndFinish(response, options, Status::OK);
            return;
        }
        if (written_ > 0 && written_ % kStep != 0)
            options.set_buffer_hint();
        written_++;
        StartWrite(response, options);
    }

    const Library &library_;
    size_t at_ = 0, end_, batch_, written_ = 0;
    RoomyArena arena_;
};

// --- client streaming ---------------------------------------------------------------

class PostsOfMany : public grpc::ServerReadReactor<ListPostsByUserIdRequest>
{
  public:
    PostsOfMany(const Library &library, ListPostsByUserIdResponse *response)
        : library_(library), response_(response)
    {
        StartRead(&request_);
    }
    void OnReadDone(bool ok) override
    {
        if (!ok) {
            Finish(Status::OK);
            return;
        }
        Status status = FillUser(library_, request_.user_id(), response_);
        if (status.ok())
            StartRead(&request_);
        else
            Finish(status);
    }
    void OnDone() override
    {
        delete this;
    }

  private:
    const Library &library_;
    ListPostsByUserIdRequest request_;
    ListPostsByUserIdResponse *response_;
};

// --- bidirectional ------------------------------------------------------------------

// Reads a request, answers it, reads the next: one thing at a time needs no lock.
class PostsOfEach
    : public grpc::ServerBidiReactor<ListPostsByUserIdRequest, ListPostsByUserIdResponse>
{
  public:
    explicit PostsOfEach(const Library &library) : library_(library)
    {
        StartRead(&request_);
    }

    void OnReadDone(bool ok) override
    {
        if (!ok) {
            Finish(Status::OK);
            return;
        }
        auto *response = Arena::CreateMessage<ListPostsByUserIdResponse>(arena_.Emptied());
        Status status = FillUser(library_, request_.user_id(), response);
        if (status.ok())
            StartWrite(response);
        else
            Finish(status);
    }
    void OnWriteDone(bool ok) override
    {
        if (ok)
            StartRead(&request_);
        else
            Finish(Status::CANCELLED);
    }
    void OnDone() override
    {
        delete this;
    }

  private:
    const Library &library_;
    ListPostsByUserIdRequest request_;
    RoomyArena arena_;
};

// --- the service --------------------------------------------------------------------

class Service final : public v1::post::Post::CallbackService
{
  public:
    explicit Service(const Library &library) : library_(library)
    {
        SetMessageAllocatorFor_ListPostsByUserId(&allocator_);
    }
    grpc::ServerUnaryReactor *ListPostsByUserId(CallbackServerContext *context,
                                                const ListPostsByUserIdRequest *request,
                                                ListPostsByUserIdResponse *response) override
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(FillUser(library_, request->user_id(), response));
        return reactor;
    }
    grpc::ServerWriteReactor<ListPostsResponse> *
    ListPostsServerStream(CallbackServerContext *, const ListPostsRequest *request) override
    {
        return new AllPosts(library_, *request);
    }
    grpc::ServerReadReactor<ListPostsByUserIdRequest> *
    ListPostsByUserIdClientStream(CallbackServerContext *,
                                  ListPostsByUserIdResponse *response) override
    {
        return new PostsOfMany(library_, response);
    }
    grpc::ServerBidiReactor<ListPostsByUserIdRequest, ListPostsByUserIdResponse> *
    ListPostsByUserIdBidiStream(CallbackServerContext *) override
    {
        return new PostsOfEach(library_);
    }

  private:
    const Library &library_;
    ArenaAllocator<ListPostsByUserIdRequest, ListPostsByUserIdResponse> allocator_;
};

} // namespace

int main(int argc, char **argv)
{
    Library library;
    if (argc != 2 || !Load(argv[1], &library)) {
        std::fprintf(stderr, "cpp_peer: cannot load the posts; usage: cpp_peer DUMP\n");
        return 1;
    }
    Service service(library);
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) {
        std::fprintf(stderr, "cpp_peer: cannot listen\n");
        return 1;
    }
    std::printf("cpp_peer: serving on 127.0.0.1:%d\n", port);
    std::fflush(stdout);
    server->Wait();
}
