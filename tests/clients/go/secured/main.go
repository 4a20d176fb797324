// Credentials as a client in Go gives them: right, wrong, expired, revoked and
// made anew.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// ceiling bounds what comes long before.
const ceiling = 30 * time.Second

// step is something to try, and what it must come to: a reason word, or a code
// where no server answers, or nothing.
type step struct {
	name, expected string
	try            func() error
}

// world is where the servers and the credentials are.
type world struct {
	folder, mutual, tokens string
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: secured FOLDER MUTUAL_ADDRESS TOKENS_ADDRESS")
		os.Exit(2)
	}
	w := world{os.Args[1], os.Args[2], os.Args[3]}
	failed := 0
	for _, step := range append(w.certificates(), w.bearers()...) {
		if came := outcome(step.try()); came != step.expected {
			failed++
			fmt.Printf("FAILED  %s: %q and not %q\n", step.name, came, step.expected)
		} else {
			fmt.Printf("ok      %s: %s\n", step.name, came)
		}
	}
	fmt.Printf("go: %d failed\n", failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func (w world) certificates() []step {
	as := func(name string) func() error {
		return func() error { return w.set(w.mutual, w.tls("ca", name), "", "a/go") }
	}
	return []step{
		{"a certificate that is known", "", as("ada")},
		{"a key that is not granted", "PERMISSION_DENIED", func() error {
			return w.set(w.mutual, w.tls("ca", "ada"), "", "b/go")
		}},
		{"a name that nobody has", "CREDENTIALS_INVALID", as("stranger")},
		{"no certificate", "Unavailable", as("")},
		{"a certificate of another authority", "Unavailable", as("other")},
		{"a certificate that has expired", "Unavailable", as("expired")},
		{"a server of another authority", "Unavailable", func() error {
			return w.set(w.mutual, w.tls("other-ca", "ada"), "", "a/go")
		}},
	}
}

func (w world) bearers() []step {
	as := func(token string) func() error {
		return func() error { return w.set(w.tokens, w.tls("ca", ""), token, "a/go") }
	}
	return []step{
		{"a token that is known", "", as("token-of-ada")},
		{"a key that is not granted", "PERMISSION_DENIED", func() error {
			return w.set(w.tokens, w.tls("ca", ""), "token-of-ada", "b/go")
		}},
		{"no token", "CREDENTIALS_MISSING", as("")},
		{"a wrong token", "CREDENTIALS_INVALID", as("token-of-adA")},
		{"a token that has expired", "CREDENTIALS_EXPIRED", as("token-of-old")},
		{"a token that is not there yet", "CREDENTIALS_INVALID", as("token-of-new")},
		{"a token that is added", "", func() error {
			return w.rewritten("identities.more", as("token-of-new"), "")
		}},
		{"a token that is revoked", "CREDENTIALS_INVALID", func() error {
			return w.rewritten("identities.few", as("token-of-new"), "CREDENTIALS_INVALID")
		}},
		{"a token that stays", "", as("token-of-ada")},
	}
}

// rewritten puts another file of identities in place, and tries until it came
// to what is expected.
func (w world) rewritten(file string, try func() error, expected string) error {
	said, err := os.ReadFile(filepath.Join(w.folder, file))
	if err != nil {
		return err
	}
	next := filepath.Join(w.folder, "identities.next")
	if err := os.WriteFile(next, said, 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(w.folder, "identities.toml")); err != nil {
		return err
	}
	for until := time.Now().Add(ceiling); ; time.Sleep(5 * time.Millisecond) {
		if err := try(); outcome(err) == expected || time.Now().After(until) {
			return err
		}
	}
}

func (w world) set(address string, secured *tls.Config, token, key string) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(secured)))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), ceiling)
	defer cancel()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	value := &pb.Value{Kind: &pb.Value_Text{Text: "x"}}
	_, err = pb.NewKvServiceClient(connection).Set(ctx, &pb.SetRequest{Key: key, Value: value})
	return err
}

// tls trusts an authority, and shows a certificate, if any.
func (w world) tls(authority, certificate string) *tls.Config {
	pem, err := os.ReadFile(filepath.Join(w.folder, authority+".pem"))
	must(err)
	secured := &tls.Config{RootCAs: x509.NewCertPool()}
	secured.RootCAs.AppendCertsFromPEM(pem)
	if certificate != "" {
		own := filepath.Join(w.folder, certificate)
		pair, err := tls.LoadX509KeyPair(own+".pem", own+".key")
		must(err)
		secured.Certificates = []tls.Certificate{pair}
	}
	return secured
}

// outcome is the reason that a server gives, or else the code.
func outcome(err error) string {
	said := status.Convert(err)
	for _, detail := range said.Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			return info.GetReason()
		}
	}
	if said.Code() == codes.OK {
		return ""
	}
	return said.Code().String()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
