// A server and a client of grpc.testing.TestService on grpc-go, for our programs
// to be tested against: the same cases, the same flags.
//
//	interop-go server --port=0 | client --server_port=PORT --test_case=NAME|all
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// flags are those that the runners of these tests give to everybody's programs.
// Booleans are texts: runners write "--use_tls false" as well as "--use_tls=false".
type flags struct {
	port, serverHost, serverPort, hostOverride string
	useTLS, useTestCA, testCase                string
}

func parse(args []string) *flags {
	f := new(flags)
	set := flag.NewFlagSet("interop-go", flag.ExitOnError)
	set.StringVar(&f.port, "port", "8080", "where to serve")
	set.StringVar(&f.serverHost, "server_host", "localhost", "where the server is")
	set.StringVar(&f.serverPort, "server_port", "8080", "its port")
	set.StringVar(&f.hostOverride, "server_host_override", "", "the name in its certificate")
	set.StringVar(&f.useTLS, "use_tls", "false", "encrypt")
	set.StringVar(&f.useTestCA, "use_test_ca", "false", "trust ca.pem")
	set.StringVar(&f.testCase, "test_case", "large_unary", "what to run, or all")
	set.Parse(args) // it has ended the program if that fails
	return f
}

// credential is the path of ca.pem, server1.pem or server1.key.
func credential(name string) string {
	return filepath.Join(os.Getenv("INTEROP_CREDENTIALS"), name)
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "server" {
		return serve(parse(args[1:]))
	}
	if len(args) > 0 && args[0] == "client" {
		return runCases(parse(args[1:]))
	}
	return fmt.Errorf("usage: interop-go server|client [FLAG]...")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "interop-go:", err)
		os.Exit(1)
	}
}
