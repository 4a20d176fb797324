package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc/codes"
)

func (c client) pipeline() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), streamDeadline)
	defer cancel()
	stream, err := c.kv.Pipeline(ctx)
	if err != nil {
		return "", err
	}
	key := c.prefix + "pipeline"
	tooMany := make([]*pb.Operation, 1025)
	for i := range tooMany {
		tooMany[i] = get(key)
	}
	lists := []*pb.PipelineRequest{
		{Id: 7, Operations: []*pb.Operation{set(key, "first"), get(key)}},
		{Id: -1, Operations: tooMany},
		{Id: 3, Operations: []*pb.Operation{get(key), set(key, "second")}},
		{Id: 5, Operations: []*pb.Operation{get(key)}},
	}
	// All are sent before an answer is read.
	for _, list := range lists {
		if err := stream.Send(list); err != nil {
			return "", err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	var seen []string
	for _, list := range lists {
		reply, err := stream.Recv()
		if err != nil {
			return "", err
		}
		if reply.Id != list.Id {
			return "", fmt.Errorf("expected list %d, got %v", list.Id, reply)
		}
		if list.Id == -1 {
			failure := reply.GetFailure()
			want := refusal{codes.InvalidArgument, "FIELD_TOO_LARGE", map[string]string{
				"field": "operations",
				"limit": "batch_operations_max",
			}}
			if codes.Code(failure.GetCode()) != want.code || len(reply.Results) > 0 {
				return "", fmt.Errorf("expected that the list is refused, got %v", reply)
			}
			if err := want.expectWords(failure.Reason, failure.Message, failure.Metadata); err != nil {
				return "", err
			}
			continue
		}
		if reply.Failure != nil || len(reply.Results) != len(list.Operations) {
			return "", fmt.Errorf("expected %d results, got %v", len(list.Operations), reply)
		}
		for i, operation := range list.Operations {
			if operation.GetGet() != nil {
				seen = append(seen, reply.Results[i].GetGet().GetEntry().GetValue().GetText())
			}
		}
	}
	if want := "[first first second]"; fmt.Sprint(seen) != want {
		return "", fmt.Errorf("expected that later lists see earlier ones: %s, got %v", want, seen)
	}
	if reply, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return "", errors.Join(err, fmt.Errorf("expected the end, got %v", reply))
	}
	return fmt.Sprintf("%d lists answered in order, one of them refused", len(lists)), nil
}
