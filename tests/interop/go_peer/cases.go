package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"interop"
)

type testCase struct {
	name string
	run  func(*client) error
}

var cases = []testCase{
	{"empty_unary", emptyUnary},
	{"large_unary", largeUnary},
	{"client_streaming", clientStreaming},
	{"server_streaming", serverStreaming},
	{"ping_pong", pingPong},
	{"empty_stream", emptyStream},
	{"cancel_after_begin", cancelAfterBegin},
	{"cancel_after_first_response", cancelAfterFirstResponse},
	{"timeout_on_sleeping_server", timeoutOnSleepingServer},
	{"status_code_and_message", statusCodeAndMessage},
	{"special_status_message", specialStatusMessage},
	{"unimplemented_method", unimplementedMethod},
	{"unimplemented_service", unimplementedService},
	{"custom_metadata", customMetadata},
	{"client_compressed_unary", clientCompressedUnary},
}

const largeRequest, largeResponse = 271828, 314159

var (
	requestSizes  = []int32{27182, 8, 1828, 45904}
	responseSizes = []int32{31415, 9, 2653, 58979}
)

// --- what cases expect ----------------------------------------------------------------------

func isCode(err error, wanted codes.Code) error {
	if got := status.Code(err); got != wanted {
		return fmt.Errorf("the status is %v, not %v: %v", got, wanted, err)
	}
	return nil
}

// isUnknown looks at the status that cases ask for: UNKNOWN, with a message.
func isUnknown(err error, message string) error {
	if got := status.Convert(err).Message(); got != message {
		return fmt.Errorf("the message is %q, not %q", got, message)
	}
	return isCode(err, codes.Unknown)
}

func isZeros(p *interop.Payload, size int32) error {
	if len(p.GetBody()) != int(size) {
		return fmt.Errorf("%d bytes, not %d", len(p.GetBody()), size)
	}
	for at, b := range p.GetBody() {
		if b != 0 {
			return fmt.Errorf("byte %d is %d", at, b)
		}
	}
	return nil
}

// answers is what the calls with many responses have of their streams.
type answers interface {
	Recv() (*interop.StreamingOutputCallResponse, error)
}

func receive(stream answers, size int32) error {
	response, err := stream.Recv()
	if err != nil {
		return err
	}
	return isZeros(response.Payload, size)
}

// atEnd: nothing comes any more, and the status is OK.
func atEnd(stream answers) error {
	if response, err := stream.Recv(); err != io.EOF {
		return fmt.Errorf("not the end: %v, %v", response, err)
	}
	return nil
}

// --- what they send -------------------------------------------------------------------------

func large() *interop.SimpleRequest {
	return &interop.SimpleRequest{ResponseSize: largeResponse, Payload: zeros(largeRequest)}
}

func (c *client) largeCall(ctx context.Context, request *interop.SimpleRequest,
	options ...grpc.CallOption) error {
	response, err := c.UnaryCall(ctx, request, options...)
	if err != nil {
		return err
	}
	return isZeros(response.Payload, largeResponse)
}

func output(payload int32, sizes ...int32) *interop.StreamingOutputCallRequest {
	request := &interop.StreamingOutputCallRequest{Payload: zeros(payload)}
	for _, size := range sizes {
		request.ResponseParameters = append(request.ResponseParameters,
			&interop.ResponseParameters{Size: size})
	}
	return request
}

// --- the shapes -----------------------------------------------------------------------------

func emptyUnary(c *client) error {
	_, err := c.EmptyCall(c.ctx, new(interop.Empty))
	return err
}

func largeUnary(c *client) error {
	return c.largeCall(c.ctx, large())
}

func clientStreaming(c *client) error {
	stream, err := c.StreamingInputCall(c.ctx)
	if err != nil {
		return err
	}
	for _, size := range requestSizes {
		request := &interop.StreamingInputCallRequest{Payload: zeros(size)}
		if err := stream.Send(request); err != nil {
			return err
		}
	}
	response, err := stream.CloseAndRecv()
	if err == nil && response.AggregatedPayloadSize != 74922 {
		err = fmt.Errorf("%d bytes came, not 74922", response.AggregatedPayloadSize)
	}
	return err
}

func serverStreaming(c *client) error {
	stream, err := c.StreamingOutputCall(c.ctx, output(0, responseSizes...))
	if err != nil {
		return err
	}
	for _, size := range responseSizes {
		if err := receive(stream, size); err != nil {
			return err
		}
	}
	return atEnd(stream)
}

func pingPong(c *client) error {
	stream, err := c.FullDuplexCall(c.ctx)
	if err != nil {
		return err
	}
	for i, size := range requestSizes {
		if err := stream.Send(output(size, responseSizes[i])); err != nil {
			return err
		}
		if err := receive(stream, responseSizes[i]); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return atEnd(stream)
}

func emptyStream(c *client) error {
	stream, err := c.FullDuplexCall(c.ctx)
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return atEnd(stream)
}

// --- ends -----------------------------------------------------------------------------------

func cancelAfterBegin(c *client) error {
	ctx, cancel := context.WithCancel(c.ctx)
	stream, err := c.StreamingInputCall(ctx)
	cancel()
	if err != nil {
		return err
	}
	_, err = stream.CloseAndRecv()
	return isCode(err, codes.Canceled)
}

func cancelAfterFirstResponse(c *client) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(output(requestSizes[0], responseSizes[0])); err != nil {
		return err
	}
	if err := receive(stream, responseSizes[0]); err != nil {
		return err
	}
	cancel()
	_, err = stream.Recv()
	return isCode(err, codes.Canceled)
}

// The time may be over before anything has gone out.
func timeoutOnSleepingServer(c *client) error {
	ctx, cancel := context.WithTimeout(c.ctx, time.Millisecond)
	defer cancel()
	stream, err := c.FullDuplexCall(ctx)
	if err == nil {
		if err = stream.Send(output(27182)); err == nil || err == io.EOF {
			_, err = stream.Recv()
		}
	}
	return isCode(err, codes.DeadlineExceeded)
}

func (c *client) unaryStatus(message string) error {
	_, err := c.UnaryCall(c.ctx, &interop.SimpleRequest{
		ResponseStatus: &interop.EchoStatus{Code: int32(codes.Unknown), Message: message},
	})
	return isUnknown(err, message)
}

func (c *client) duplexStatus(message string) error {
	stream, err := c.FullDuplexCall(c.ctx)
	if err != nil {
		return err
	}
	request := output(0)
	request.ResponseStatus = &interop.EchoStatus{Code: int32(codes.Unknown), Message: message}
	if err := stream.Send(request); err != nil {
		return err
	}
	_, err = stream.Recv()
	return isUnknown(err, message)
}

func statusCodeAndMessage(c *client) error {
	const message = "test status message"
	if err := c.unaryStatus(message); err != nil {
		return err
	}
	return c.duplexStatus(message)
}

func specialStatusMessage(c *client) error {
	return c.unaryStatus("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")
}

func unimplementedMethod(c *client) error {
	_, err := c.UnimplementedCall(c.ctx, new(interop.Empty))
	return isCode(err, codes.Unimplemented)
}

func unimplementedService(c *client) error {
	_, err := c.unimplemented.UnimplementedCall(c.ctx, new(interop.Empty))
	return isCode(err, codes.Unimplemented)
}

// --- metadata, compression ------------------------------------------------------------------

const initialValue, trailingValue = "test_initial_metadata_value", "\xab\xab\xab"

func isEcho(header, trailer metadata.MD) error {
	initial, trailing := header.Get(echoInitial), trailer.Get(echoTrailing)
	if len(initial) != 1 || initial[0] != initialValue {
		return fmt.Errorf("%s came back as %q", echoInitial, initial)
	}
	if len(trailing) != 1 || trailing[0] != trailingValue {
		return fmt.Errorf("%s came back as %q", echoTrailing, trailing)
	}
	return nil
}

func (c *client) unaryEcho(ctx context.Context) error {
	var header, trailer metadata.MD
	if err := c.largeCall(ctx, large(), grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		return err
	}
	return isEcho(header, trailer)
}

func (c *client) duplexEcho(ctx context.Context) error {
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(output(largeRequest, largeResponse)); err != nil {
		return err
	}
	if err := receive(stream, largeResponse); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := atEnd(stream); err != nil {
		return err
	}
	header, err := stream.Header()
	if err != nil {
		return err
	}
	return isEcho(header, stream.Trailer())
}

func customMetadata(c *client) error {
	ctx := metadata.AppendToOutgoingContext(c.ctx, echoInitial, initialValue,
		echoTrailing, trailingValue)
	if err := c.unaryEcho(ctx); err != nil {
		return err
	}
	return c.duplexEcho(ctx)
}

// A server that looks at how messages come refuses one that is not as it says.
func clientCompressedUnary(c *client) error {
	probe := large()
	probe.ExpectCompressed = &interop.BoolValue{Value: true}
	_, err := c.UnaryCall(c.ctx, probe)
	if err := isCode(err, codes.InvalidArgument); err != nil {
		return err
	}
	if err := c.largeCall(c.ctx, probe, grpc.UseCompressor(gzip.Name)); err != nil {
		return err
	}
	plain := large()
	plain.ExpectCompressed = new(interop.BoolValue)
	return c.largeCall(c.ctx, plain)
}
