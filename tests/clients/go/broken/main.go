// A server that is broken on purpose: it stands before a real one and breaks
// one thing, so that a client's checks can be seen to fail. Without arguments
// it lists what it can break, each with the step that must notice it.
package main

import (
	"context"
	"fmt"
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
