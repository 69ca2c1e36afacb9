package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"interop"
)

const caseTime = 20 * time.Second // more than any case needs

// client is what a case has: a connection of its own, and how long it may take.
type client struct {
	interop.TestServiceClient
	unimplemented interop.UnimplementedServiceClient
	ctx           context.Context
}

func security(f *flags) (grpc.DialOption, error) {
	if f.useTLS != "true" {
		return grpc.WithInsecure(), nil
	}
	if f.useTestCA != "true" {
		return grpc.WithTransportCredentials(
			credentials.NewClientTLSFromCert(nil, f.hostOverride)), nil
	}
	tls, err := credentials.NewClientTLSFromFile(credential("ca.pem"), f.hostOverride)
	return grpc.WithTransportCredentials(tls), err
}

func runCase(f *flags, c testCase) error {
	ctx, cancel := context.WithTimeout(context.Background(), caseTime)
	defer cancel()
	secure, err := security(f)
	if err != nil {
		return err
	}
	target := net.JoinHostPort(f.serverHost, f.serverPort)
	conn, err := grpc.DialContext(ctx, target, secure, grpc.WithBlock())
	if err != nil {
		return err
	}
	defer conn.Close()
	return c.run(&client{
		TestServiceClient: interop.NewTestServiceClient(conn),
		unimplemented:     interop.NewUnimplementedServiceClient(conn),
		ctx:               ctx,
	})
}

func runCases(f *flags) error {
	known := false
	for _, c := range cases {
		if f.testCase != "all" && f.testCase != c.name {
			continue
		}
		known = true
		if err := runCase(f, c); err != nil {
			fmt.Fprintf(os.Stderr, "%-32sFAILED\n", c.name)
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(os.Stderr, "%-32spassed\n", c.name)
	}
	if !known {
		return fmt.Errorf("there is no test case %s", f.testCase)
	}
	return nil
}
