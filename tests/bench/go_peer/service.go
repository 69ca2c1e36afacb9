package main

import (
	"context"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"v1/post"
)

const defaultBatch = 256 // posts of a message when the client asks for no size

var errNoSuchUser = status.Error(codes.NotFound, "no such user")

type service struct {
	post.UnimplementedPostServer
	*library
}

// batch is one message of a stream. SendMsg has encoded it when it returns, so
// that the next one can use the same memory.
type batch struct {
	posts    []post.PostMessage
	response post.ListPostsResponse
}

func newBatch(size int) *batch {
	b := &batch{posts: make([]post.PostMessage, size)}
	b.response.PostMessages = make([]*post.PostMessage, 0, size)
	return b
}

func (b *batch) fill(l *library, posts []*post.PostMessage) *post.ListPostsResponse {
	list := b.response.PostMessages[:0]
	for i, p := range posts {
		l.fill(p, &b.posts[i])
		list = append(list, &b.posts[i])
	}
	b.response.PostMessages = list
	return &b.response
}

func (s *service) ListPostsServerStream(request *post.ListPostsRequest,
	stream post.Post_ListPostsServerStreamServer) error {
	posts, size := s.posts, defaultBatch
	if limit := request.Limit; limit > 0 && limit < int64(len(posts)) {
		posts = posts[:limit]
	}
	if request.PageSize > 0 {
		size = int(request.PageSize)
	}
	size = least(size, len(posts))
	b := newBatch(size)
	for len(posts) > 0 {
		n := least(size, len(posts))
		if err := stream.Send(b.fill(s.library, posts[:n])); err != nil {
			return err
		}
		posts = posts[n:]
	}
	return nil
}

func (s *service) ListPostsByUserId(_ context.Context,
	request *post.ListPostsByUserIdRequest) (*post.ListPostsByUserIdResponse, error) {
	posts, known := s.ofUser(nil, request.UserId)
	if !known {
		return nil, errNoSuchUser
	}
	return &post.ListPostsByUserIdResponse{PostMessages: posts}, nil
}

func (s *service) ListPostsByUserIdClientStream(
	stream post.Post_ListPostsByUserIdClientStreamServer) error {
	response := new(post.ListPostsByUserIdResponse)
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(response)
		}
		if err != nil {
			return err
		}
		posts, known := s.ofUser(response.PostMessages, request.UserId)
		if !known {
			return errNoSuchUser
		}
		response.PostMessages = posts
	}
}

func (s *service) ListPostsByUserIdBidiStream(
	stream post.Post_ListPostsByUserIdBidiStreamServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		posts, known := s.ofUser(nil, request.UserId)
		if !known {
			return errNoSuchUser
		}
		if err := stream.Send(&post.ListPostsByUserIdResponse{PostMessages: posts}); err != nil {
			return err
		}
	}
}

func least(a, b int) int {
	if a < b {
		return a
	}
	return b
}
