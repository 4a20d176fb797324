package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// expiryCeiling is how long a key may take to expire before it is given up.
const expiryCeiling = 10 * time.Second

func (c client) set() (string, error) {
	key := c.prefix + "greeting"
	reply, err := call(c.kv.Set, &pb.SetRequest{Key: key, Value: text("hello")})
	if err != nil {
		return "", err
	}
	entry, err := c.get(key)
	if err != nil {
		return "", err
	}
	want := &pb.Entry{Key: key, Value: text("hello"), Version: reply.Version}
	if reply.Version <= 0 || !proto.Equal(entry, want) {
		return "", fmt.Errorf("expected %v, got %v", want, entry)
	}
	return fmt.Sprintf("version %d", entry.Version), nil
}

func (c client) getWithTTL() (string, error) {
	key := c.prefix + "session"
	reply, err := call(c.kv.Set, &pb.SetRequest{
		Key:    key,
		Value:  text("open"),
		Expiry: &pb.SetRequest_Ttl{Ttl: durationpb.New(time.Hour)},
	})
	if err != nil {
		return "", err
	}
	entry, err := c.get(key)
	if err != nil {
		return "", err
	}
	if entry.GetExpireTime() == nil || !proto.Equal(entry.ExpireTime, reply.ExpireTime) {
		return "", fmt.Errorf("expected an entry that expires at %v, got %v", reply.ExpireTime, entry)
	}
	return fmt.Sprintf("expires at %s", entry.ExpireTime.AsTime().Format(time.RFC3339Nano)), nil
}

func (c client) miss() (string, error) {
	entry, err := c.get(c.prefix + "nobody")
	if err != nil {
		return "", err
	}
	if entry != nil {
		return "", fmt.Errorf("expected a miss, got %v", entry)
	}
	return "no entry, and no error", nil
}

func (c client) missAfterTTL() (string, error) {
	key := c.prefix + "blink"
	_, err := call(c.kv.Set, &pb.SetRequest{
		Key:    key,
		Value:  text("soon gone"),
		Expiry: &pb.SetRequest_Ttl{Ttl: durationpb.New(200 * time.Millisecond)},
	})
	if err != nil {
		return "", err
	}
	for until := time.Now().Add(expiryCeiling); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		entry, err := c.get(key)
		if err != nil {
			return "", err
		}
		if entry == nil {
			return "no entry, and no error", nil
		}
	}
	return "", fmt.Errorf("expected a miss, the key is there after %v", expiryCeiling)
}

func (c client) conditionAbsent() (string, error) {
	key := c.prefix + "lock"
	mine := &pb.SetRequest{
		Key:       key,
		Value:     text("mine"),
		Condition: &pb.Condition{Kind: &pb.Condition_Absent{Absent: true}},
	}
	reply, err := call(c.kv.Set, mine)
	if err != nil {
		return "", err
	}
	_, err = call(c.kv.Set, mine)
	return refusal{codes.AlreadyExists, "KEY_EXISTS", map[string]string{
		"key":             key,
		"current_version": strconv.FormatInt(reply.Version, 10),
	}}.expect(err)
}

func (c client) conditionVersion() (string, error) {
	key := c.prefix + "document"
	first, err := call(c.kv.Set, &pb.SetRequest{Key: key, Value: text("one")})
	if err != nil {
		return "", err
	}
	unchanged := &pb.Condition{Kind: &pb.Condition_Version{Version: first.Version}}
	second, err := call(c.kv.Set, &pb.SetRequest{Key: key, Value: text("two"), Condition: unchanged})
	if err != nil {
		return "", err
	}
	_, err = call(c.kv.Set, &pb.SetRequest{Key: key, Value: text("three"), Condition: unchanged})
	said, err := refusal{codes.Aborted, "VERSION_MISMATCH", map[string]string{
		"key":             key,
		"current_version": strconv.FormatInt(second.Version, 10),
	}}.expect(err)
	if err != nil {
		return "", err
	}
	entry, err := c.get(key)
	if err != nil {
		return "", err
	}
	if entry.GetValue().GetText() != "two" {
		return "", fmt.Errorf("expected that nothing changed, got %v", entry)
	}
	return said, nil
}

func (c client) counter() (string, error) {
	request := &pb.IncrementRequest{Key: c.prefix + "visits", Initial: 40, Max: proto.Int64(42)}
	for _, want := range []int64{41, 42} {
		reply, err := call(c.kv.Increment, request)
		if err != nil {
			return "", err
		}
		if reply.Number == nil || *reply.Number != want {
			return "", fmt.Errorf("expected %d, got %v", want, reply)
		}
	}
	_, err := call(c.kv.Increment, request)
	return refusal{codes.FailedPrecondition, "COUNTER_OUT_OF_BOUNDS", map[string]string{
		"number": "42",
		"max":    "42",
	}}.expect(err)
}

func (c client) batch() (string, error) {
	key := c.prefix + "batch"
	reply, err := call(c.kv.Batch, &pb.BatchRequest{Operations: []*pb.Operation{
		set(key, "word"),
		increment(key, 1),
		get(key),
	}})
	if err != nil {
		return "", err
	}
	if len(reply.Results) != 3 {
		return "", fmt.Errorf("expected 3 results, got %v", reply)
	}
	version := reply.Results[0].GetSet().GetVersion()
	read := reply.Results[2].GetGet().GetEntry()
	if version <= 0 || read.GetVersion() != version || read.GetValue().GetText() != "word" {
		return "", fmt.Errorf("expected that get sees set, got %v", reply)
	}
	failure := reply.Results[1].GetFailure()
	want := refusal{codes.FailedPrecondition, "WRONG_KIND", map[string]string{"kind": "text"}}
	if codes.Code(failure.GetCode()) != want.code {
		return "", fmt.Errorf("expected %v, got %v", want.code, reply.Results[1])
	}
	if err := want.expectWords(failure.Reason, failure.Message, failure.Metadata); err != nil {
		return "", err
	}
	return fmt.Sprintf("set, get, and %s", failure.Message), nil
}

func (c client) transact() (string, error) {
	from, to := c.prefix+"alice", c.prefix+"bob"
	have, err := call(c.kv.Set, &pb.SetRequest{Key: from, Value: number(100)})
	if err != nil {
		return "", err
	}
	had, err := call(c.kv.Set, &pb.SetRequest{Key: to, Value: number(0)})
	if err != nil {
		return "", err
	}
	move := &pb.TransactRequest{
		Checks: []*pb.Check{{Key: from, Condition: &pb.Condition{
			Kind: &pb.Condition_Version{Version: have.Version},
		}}},
		Operations: []*pb.Operation{
			increment(from, -30),
			increment(to, 30),
			get(to),
		},
	}
	reply, err := call(c.kv.Transact, move)
	if err != nil {
		return "", err
	}
	// Reads see the state before, and versions follow each other.
	last := reply.Version
	want := &pb.TransactResponse{Version: last, Results: []*pb.OperationResult{
		incremented(70, last-1),
		incremented(30, last),
		{Kind: &pb.OperationResult_Get{Get: &pb.GetResponse{
			Entry: &pb.Entry{Key: to, Value: number(0), Version: had.Version},
		}}},
	}}
	if last <= had.Version || !proto.Equal(reply, want) {
		return "", fmt.Errorf("expected %v, got %v", want, reply)
	}
	_, err = call(c.kv.Transact, move)
	said, err := refusal{codes.Aborted, "CHECK_FAILED", map[string]string{
		"check_index":     "0",
		"key":             from,
		"current_version": strconv.FormatInt(last-1, 10),
	}}.expect(err)
	if err != nil {
		return "", err
	}
	for _, want := range []*pb.Entry{
		{Key: from, Value: number(70), Version: last - 1},
		{Key: to, Value: number(30), Version: last},
	} {
		if entry, err := c.get(want.Key); err != nil || !proto.Equal(entry, want) {
			return "", errors.Join(err, fmt.Errorf("expected that nothing changed: %v, got %v", want, entry))
		}
	}
	return said, nil
}

func (c client) requestID() (string, error) {
	once := &pb.IncrementRequest{Key: c.prefix + "once", RequestId: c.prefix + "request"}
	first, err := call(c.kv.Increment, once)
	if err != nil {
		return "", err
	}
	again, err := call(c.kv.Increment, once)
	if err != nil {
		return "", err
	}
	entry, err := c.get(once.Key)
	if err != nil {
		return "", err
	}
	if !proto.Equal(first, again) || entry.GetValue().GetNumber() != 1 {
		return "", fmt.Errorf("expected %v twice and 1, got %v and %v", first, again, entry)
	}
	once.Delta = proto.Int64(2)
	_, err = call(c.kv.Increment, once)
	return refusal{codes.AlreadyExists, "REQUEST_ID_REUSED", nil}.expect(err)
}

func (c client) list() (string, error) {
	// Byte order: upper case comes before lower case, and "é" after both.
	prefix := c.prefix + "list/"
	want := []string{prefix + "B", prefix + "a", prefix + "aa", prefix + "c", prefix + "é"}
	for _, i := range []int{3, 0, 4, 2, 1} {
		if _, err := call(c.kv.Set, &pb.SetRequest{Key: want[i], Value: number(int64(i))}); err != nil {
			return "", err
		}
	}
	var keys []string
	request := &pb.ListRequest{Range: &pb.Range{Prefix: prefix}, PageSize: 2}
	for pages := 1; ; pages++ {
		page, err := call(c.kv.List, request)
		if err != nil {
			return "", err
		}
		if len(page.Entries) > 2 || pages > 10 {
			return "", fmt.Errorf("expected pages of 2 that end, got page %d: %v", pages, page)
		}
		for _, entry := range page.Entries {
			keys = append(keys, entry.Key)
		}
		if page.NextPageToken == "" {
			if !slices.Equal(keys, want) {
				return "", fmt.Errorf("expected %q, got %q", want, keys)
			}
			return fmt.Sprintf("%d keys in order on %d pages", len(keys), pages), nil
		}
		request.PageToken = page.NextPageToken
	}
}

func (c client) tooLarge() (string, error) {
	_, err := call(c.kv.Set, &pb.SetRequest{
		Key:   c.prefix + "large",
		Value: &pb.Value{Kind: &pb.Value_Data{Data: make([]byte, 5<<20)}},
	})
	return refusal{codes.ResourceExhausted, "MESSAGE_TOO_LARGE", map[string]string{
		"limit": "message_bytes_max",
	}}.expect(err)
}

func (c client) healthChecks() (string, error) {
	for _, service := range []string{"", pb.KvService_ServiceDesc.ServiceName} {
		reply, err := call(c.health.Check, &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil {
			return "", fmt.Errorf("service %q: %w", service, err)
		}
		if reply.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			return "", fmt.Errorf("service %q: expected SERVING, got %v", service, reply.Status)
		}
	}
	_, err := call(c.health.Check, &grpc_health_v1.HealthCheckRequest{Service: "nobody"})
	if status.Code(err) != codes.NotFound {
		return "", errors.Join(errors.New("expected NotFound for an unknown service"), err)
	}
	return "SERVING; an unknown service is NOT_FOUND", nil
}
