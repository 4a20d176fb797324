package main

import (
	"context"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// deadline is how long one call may take, with all its retries.
const deadline = 5 * time.Second

// streamDeadline is how long a stream may take. A program would let a Watch go
// on until it is cancelled.
const streamDeadline = 15 * time.Second

// client has its own keys: no other run touches those under its prefix.
type client struct {
	kv     pb.KvServiceClient
	health grpc_health_v1.HealthClient
	prefix string
}

// call makes one call. Never call without a deadline.
func call[Request, Reply any](
	method func(context.Context, Request, ...grpc.CallOption) (Reply, error),
	request Request,
) (Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return method(ctx, request)
}

// get reads one entry: nil, and no error, on a miss.
func (c client) get(key string) (*pb.Entry, error) {
	reply, err := call(c.kv.Get, &pb.GetRequest{Key: key})
	return reply.GetEntry(), err
}

func text(text string) *pb.Value {
	return &pb.Value{Kind: &pb.Value_Text{Text: text}}
}

func number(number int64) *pb.Value {
	return &pb.Value{Kind: &pb.Value_Number{Number: number}}
}

func set(key, value string) *pb.Operation {
	return &pb.Operation{Kind: &pb.Operation_Set{Set: &pb.SetRequest{Key: key, Value: text(value)}}}
}

func get(key string) *pb.Operation {
	return &pb.Operation{Kind: &pb.Operation_Get{Get: &pb.GetRequest{Key: key}}}
}

func increment(key string, delta int64) *pb.Operation {
	return &pb.Operation{Kind: &pb.Operation_Increment{
		Increment: &pb.IncrementRequest{Key: key, Delta: &delta},
	}}
}

func incremented(number, version int64) *pb.OperationResult {
	return &pb.OperationResult{Kind: &pb.OperationResult_Increment{
		Increment: &pb.IncrementResponse{Number: &number, Version: version},
	}}
}
