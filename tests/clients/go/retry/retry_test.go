// Package retry holds the shipped service config to what it is for, against a
// server that can be told to be unavailable.
package retry

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/nanokv/nanokv/tests/clients/go/dial"
)

const (
	serviceConfig = "../../../../proto/nanokv/v1/service_config.json"
	ceiling       = 30 * time.Second
	attemptsMax   = 5
)

// server answers every method with code as often as it is told, then with OK.
type server struct {
	code     codes.Code
	failures int32
	pushback string
	attempts atomic.Int32
}

func (s *server) answer(_ any, stream grpc.ServerStream) error {
	if s.attempts.Add(1) <= s.failures {
		if s.pushback != "" {
			stream.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", s.pushback))
		}
		return status.Error(s.code, "as told")
	}
	return stream.SendMsg(&emptypb.Empty{})
}

// call starts the server and calls the method once. An empty message is a
// request and a reply of any method.
func (s *server) call(t *testing.T, method string, deadline time.Duration) codes.Code {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := grpc.NewServer(grpc.UnknownServiceHandler(s.answer))
	go serving.Serve(listener)
	t.Cleanup(serving.Stop)
	connection, err := dial.Retrying(serviceConfig, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	return status.Code(connection.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{}))
}

func TestOnlyGetListAndDescribeAreRetried(t *testing.T) {
	retried := map[string]bool{
		pb.KvService_Get_FullMethodName:         true,
		pb.KvService_List_FullMethodName:        true,
		pb.AdminService_Describe_FullMethodName: true,
	}
	for _, service := range []grpc.ServiceDesc{pb.KvService_ServiceDesc, pb.AdminService_ServiceDesc} {
		for _, desc := range service.Methods {
			method := "/" + service.ServiceName + "/" + desc.MethodName
			t.Run(strings.TrimPrefix(method, "/"), func(t *testing.T) {
				t.Parallel()
				away := &server{code: codes.Unavailable, failures: 2}
				code := away.call(t, method, ceiling)
				want, attempts := codes.Unavailable, int32(1)
				if retried[method] {
					want, attempts = codes.OK, 3
				}
				if code != want || away.attempts.Load() != attempts {
					t.Errorf("expected %v after %d attempts, got %v after %d",
						want, attempts, code, away.attempts.Load())
				}
			})
		}
	}
}

func TestNothingIsTriedMoreThanFiveTimes(t *testing.T) {
	t.Parallel()
	away := &server{code: codes.Unavailable, failures: 100}
	code := away.call(t, pb.KvService_Get_FullMethodName, ceiling)
	if code != codes.Unavailable || away.attempts.Load() != attemptsMax {
		t.Errorf("got %v after %d attempts", code, away.attempts.Load())
	}
}

func TestOtherCodesAreNotRetried(t *testing.T) {
	for _, code := range []codes.Code{codes.ResourceExhausted, codes.Aborted, codes.Internal} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			refusing := &server{code: code, failures: 1}
			got := refusing.call(t, pb.KvService_Get_FullMethodName, ceiling)
			if got != code || refusing.attempts.Load() != 1 {
				t.Errorf("got %v after %d attempts", got, refusing.attempts.Load())
			}
		})
	}
}

func TestPushbackOfTheServerComesBeforeTheBackoff(t *testing.T) {
	t.Parallel()
	// By the backoff alone the second attempt would come in the deadline.
	away := &server{code: codes.Unavailable, failures: 1, pushback: "60000"}
	code := away.call(t, pb.KvService_Get_FullMethodName, 2*time.Second)
	if code != codes.DeadlineExceeded || away.attempts.Load() != 1 {
		t.Errorf("got %v after %d attempts", code, away.attempts.Load())
	}
}

func TestPushbackThatForbidsRetriesIsObeyed(t *testing.T) {
	t.Parallel()
	away := &server{code: codes.Unavailable, failures: 1, pushback: "-1"}
	code := away.call(t, pb.KvService_Get_FullMethodName, ceiling)
	if code != codes.Unavailable || away.attempts.Load() != 1 {
		t.Errorf("got %v after %d attempts", code, away.attempts.Load())
	}
}
