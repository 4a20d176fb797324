// A server that is broken on purpose: it stands before a real one and breaks
// one thing, so that a client's checks can be seen to fail. Without arguments
// it lists what it can break, each with the step that must notice it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// requestBytesMax lets through what the real server is to refuse.
const requestBytesMax = 16 << 20

func main() {
	if len(os.Args) == 1 {
		for _, fault := range faults {
			fmt.Printf("%s\t%s\n", fault.name, fault.step)
		}
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: broken [FAULT ADDRESS]")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "broken:", err)
		os.Exit(1)
	}
}

func serve(name, address string) error {
	breakIt, err := faultNamed(name)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(requestBytesMax),
		grpc.UnaryInterceptor(func(
			ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
		) (any, error) {
			return breakIt(request, func() (any, error) { return handler(ctx, request) })
		}),
		grpc.StreamInterceptor(func(
			service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler,
		) error {
			return handler(service, brokenStream{stream, breakIt})
		}),
	)
	pb.RegisterKvServiceServer(server, kv{to: pb.NewKvServiceClient(connection)})
	pb.RegisterAdminServiceServer(server, admin{to: pb.NewAdminServiceClient(connection)})
	grpc_health_v1.RegisterHealthServer(server, health{to: grpc_health_v1.NewHealthClient(connection)})
	fmt.Println("listening on", listener.Addr())
	return server.Serve(listener)
}

// kv hands every call on.
type kv struct {
	pb.UnimplementedKvServiceServer
	to pb.KvServiceClient
}

func (s kv) Get(ctx context.Context, request *pb.GetRequest) (*pb.GetResponse, error) {
	return s.to.Get(ctx, request)
}

func (s kv) Set(ctx context.Context, request *pb.SetRequest) (*pb.SetResponse, error) {
	return s.to.Set(ctx, request)
}

func (s kv) Delete(ctx context.Context, request *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	return s.to.Delete(ctx, request)
}

func (s kv) Increment(ctx context.Context, request *pb.IncrementRequest) (*pb.IncrementResponse, error) {
	return s.to.Increment(ctx, request)
}

func (s kv) Touch(ctx context.Context, request *pb.TouchRequest) (*pb.TouchResponse, error) {
	return s.to.Touch(ctx, request)
}

func (s kv) Batch(ctx context.Context, request *pb.BatchRequest) (*pb.BatchResponse, error) {
	return s.to.Batch(ctx, request)
}

func (s kv) List(ctx context.Context, request *pb.ListRequest) (*pb.ListResponse, error) {
	return s.to.List(ctx, request)
}

func (s kv) Transact(ctx context.Context, request *pb.TransactRequest) (*pb.TransactResponse, error) {
	return s.to.Transact(ctx, request)
}

func (s kv) Watch(request *pb.WatchRequest, from grpc.ServerStreamingServer[pb.WatchResponse]) error {
	to, err := s.to.Watch(from.Context(), request)
	if err != nil {
		return err
	}
	return replies(to, from.Send)
}

func (s kv) Pipeline(from grpc.BidiStreamingServer[pb.PipelineRequest, pb.PipelineResponse]) error {
	ctx, cancel := context.WithCancel(from.Context())
	defer cancel()
	to, err := s.to.Pipeline(ctx)
	if err != nil {
		return err
	}
	go func() {
		for {
			list, err := from.Recv()
			switch {
			case errors.Is(err, io.EOF):
				_ = to.CloseSend()
				return
			case err != nil || to.Send(list) != nil:
				cancel()
				return
			}
		}
	}()
	return replies(to, from.Send)
}

// replies hands on what comes, until its end.
func replies[Reply any](to interface{ Recv() (*Reply, error) }, send func(*Reply) error) error {
	for {
		reply, err := to.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := send(reply); err != nil {
			return err
		}
	}
}

// brokenStream breaks each message of a stream as if it came or went alone.
type brokenStream struct {
	grpc.ServerStream
	breakIt fault
}

func (s brokenStream) RecvMsg(request any) error {
	if err := s.ServerStream.RecvMsg(request); err != nil {
		return err
	}
	_, err := s.breakIt(request, func() (any, error) { return nil, nil })
	return err
}

func (s brokenStream) SendMsg(reply any) error {
	reply, err := s.breakIt(nil, func() (any, error) { return reply, nil })
	if err != nil {
		return err
	}
	return s.ServerStream.SendMsg(reply)
}

type admin struct {
	pb.UnimplementedAdminServiceServer
	to pb.AdminServiceClient
}

func (s admin) Describe(ctx context.Context, request *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return s.to.Describe(ctx, request)
}

type health struct {
	grpc_health_v1.UnimplementedHealthServer
	to grpc_health_v1.HealthClient
}

func (s health) Check(
	ctx context.Context, request *grpc_health_v1.HealthCheckRequest,
) (*grpc_health_v1.HealthCheckResponse, error) {
	return s.to.Check(ctx, request)
}
