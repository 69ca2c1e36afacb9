package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"interop"
)

const (
	echoInitial  = "x-grpc-test-echo-initial"
	echoTrailing = "x-grpc-test-echo-trailing-bin"
)

type server struct {
	interop.UnimplementedTestServiceServer // for UnimplementedCall
}

func zeros(size int32) *interop.Payload {
	return &interop.Payload{Body: make([]byte, size)}
}

// asked is what the client wants a call to end with; nil: it does not say.
func asked(s *interop.EchoStatus) error {
	return status.Error(codes.Code(s.GetCode()), s.GetMessage())
}

// echoes are the metadata that go back, with the headers and with the trailers.
func echoes(ctx context.Context) (initial, trailing metadata.MD) {
	came, _ := metadata.FromIncomingContext(ctx)
	initial, trailing = metadata.MD{}, metadata.MD{}
	initial.Append(echoInitial, came.Get(echoInitial)...)
	trailing.Append(echoTrailing, came.Get(echoTrailing)...)
	return initial, trailing
}

func echoUnary(ctx context.Context) error {
	initial, trailing := echoes(ctx)
	if err := grpc.SetTrailer(ctx, trailing); err != nil {
		return err
	}
	return grpc.SetHeader(ctx, initial)
}

func echoStream(stream grpc.ServerStream) error {
	initial, trailing := echoes(stream.Context())
	stream.SetTrailer(trailing)
	return stream.SetHeader(initial)
}

// caller is NAME of "Bearer NAME": we know no users.
func caller(ctx context.Context) string {
	came, _ := metadata.FromIncomingContext(ctx)
	for _, value := range came.Get("authorization") {
		if strings.HasPrefix(value, "Bearer ") {
			return strings.TrimPrefix(value, "Bearer ")
		}
	}
	return ""
}

func (*server) EmptyCall(ctx context.Context, _ *interop.Empty) (*interop.Empty, error) {
	return new(interop.Empty), echoUnary(ctx)
}

func (*server) UnaryCall(ctx context.Context,
	request *interop.SimpleRequest) (*interop.SimpleResponse, error) {
	if err := echoUnary(ctx); err != nil {
		return nil, err
	}
	if err := asked(request.ResponseStatus); err != nil {
		return nil, err
	}
	response := &interop.SimpleResponse{Payload: zeros(request.ResponseSize)}
	if request.FillUsername {
		response.Username = caller(ctx)
	}
	if request.FillOauthScope && caller(ctx) != "" {
		response.OauthScope = "test.scope"
	}
	return response, nil
}

func (*server) StreamingInputCall(stream interop.TestService_StreamingInputCallServer) error {
	if err := echoStream(stream); err != nil {
		return err
	}
	response := new(interop.StreamingInputCallResponse)
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(response)
		}
		if err != nil {
			return err
		}
		response.AggregatedPayloadSize += int32(len(request.GetPayload().GetBody()))
	}
}

// outputs is what the calls with many responses have of their streams.
type outputs interface {
	grpc.ServerStream
	Send(*interop.StreamingOutputCallResponse) error
}

func sendOutputs(stream outputs, request *interop.StreamingOutputCallRequest) error {
	for _, wanted := range request.ResponseParameters {
		time.Sleep(time.Duration(wanted.IntervalUs) * time.Microsecond)
		response := &interop.StreamingOutputCallResponse{Payload: zeros(wanted.Size)}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	return asked(request.ResponseStatus)
}

func (*server) StreamingOutputCall(request *interop.StreamingOutputCallRequest,
	stream interop.TestService_StreamingOutputCallServer) error {
	if err := echoStream(stream); err != nil {
		return err
	}
	return sendOutputs(stream, request)
}

func (*server) FullDuplexCall(stream interop.TestService_FullDuplexCallServer) error {
	if err := echoStream(stream); err != nil {
		return err
	}
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := sendOutputs(stream, request); err != nil {
			return err
		}
	}
}

func serve(f *flags) error {
	var options []grpc.ServerOption
	if f.useTLS == "true" {
		tls, err := credentials.NewServerTLSFromFile(credential("server1.pem"),
			credential("server1.key"))
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(tls))
	}
	listener, err := net.Listen("tcp", "localhost:"+f.port)
	if err != nil {
		return err
	}
	s := grpc.NewServer(options...)
	interop.RegisterTestServiceServer(s, new(server))
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	fmt.Printf("interop-go: serving on localhost:%s\n", port)
	return s.Serve(listener)
}
