// The other peer of the benchmark: the same listings on the same posts, as a
// good Go user of gRPC would write them. Its job is as easy as cpp_peer.cc's:
// posts are in memory as messages, names in a map, and there are no tokens,
// filters or imports.
//
//	go_peer DUMP
//
// DUMP holds ListPostsResponses, each behind gRPC's five bytes: the DATA of a
// ListPostsServerStream call. Serves on a free port of 127.0.0.1 and prints it.
package main

import (
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"

	"v1/post"
)

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: go_peer DUMP")
	}
	posts, err := load(os.Args[1])
	if err != nil {
		return fmt.Errorf("cannot load the posts: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	post.RegisterPostServer(server, &service{library: posts})
	fmt.Printf("go_peer: serving on %s\n", listener.Addr())
	return server.Serve(listener)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go_peer:", err)
		os.Exit(1)
	}
}
