package main

import (
	"fmt"
	"slices"
	"sync"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// fault answers a request wrongly; ask gives the right answer to the request
// as it is by then.
type fault func(request any, ask func() (any, error)) (any, error)

// faults has at least one for each step that a client checks, and names the
// step that must notice it.
var faults = []struct {
	name, step string
	breakIt    fault
}{
	{"set-lost", "set", setLost},
	{"ttl-ignored", "get with ttl", onRequest(func(set *pb.SetRequest) { set.Expiry = nil })},
	{"miss-is-an-error", "miss", missIsAnError},
	{"expired-read", "miss after ttl", expiredRead()},
	{"condition-ignored", "condition absent", onRequest(func(set *pb.SetRequest) { set.Condition = nil })},
	{"error-without-details", "condition version", errorWithoutDetails},
	{"counter-without-bounds", "counter", onRequest(func(increment *pb.IncrementRequest) {
		increment.Min, increment.Max = nil, nil
	})},
	{"counter-adds-nothing", "counter", onRequest(func(increment *pb.IncrementRequest) {
		increment.Delta = proto.Int64(0)
	})},
	{"batch-failure-without-reason", "batch", onReply(func(reply *pb.BatchResponse) {
		for _, result := range reply.Results {
			if failure := result.GetFailure(); failure != nil {
				failure.Reason, failure.Metadata = "", nil
			}
		}
	})},
	{"batch-result-missing", "batch", onReply(func(reply *pb.BatchResponse) {
		reply.Results = reply.Results[min(1, len(reply.Results)):]
	})},
	{"checks-ignored", "transact", onRequest(func(transact *pb.TransactRequest) { transact.Checks = nil })},
	{"transaction-in-halves", "transact", transactionInHalves},
	{"transaction-result-missing", "transact", onReply(func(reply *pb.TransactResponse) {
		reply.Results = reply.Results[1:]
	})},
	{"request-id-ignored", "request id", onRequest(func(increment *pb.IncrementRequest) {
		increment.RequestId = ""
	})},
	{"pipeline-id-lost", "pipeline", onReply(func(reply *pb.PipelineResponse) { reply.Id = 0 })},
	{"pipeline-failure-hidden", "pipeline", onReply(func(reply *pb.PipelineResponse) {
		reply.Failure = nil
	})},
	{"pipeline-write-lost", "pipeline", onRequest(func(list *pb.PipelineRequest) {
		for _, operation := range list.Operations {
			if set := operation.GetSet(); set != nil {
				set.Key += "/lost"
			}
		}
	})},
	{"watch-snapshot-empty", "watch resume", onReply(func(reply *pb.WatchResponse) {
		reply.SnapshotEntries = nil
	})},
	{"watch-resumed-with-a-gap", "watch resume", onRequest(func(watch *pb.WatchRequest) {
		if _, resumed := watch.Start.(*pb.WatchRequest_AfterVersion); resumed {
			watch.Start = nil
		}
	})},
	{"watch-events-repeated", "watch resume", onReply(func(reply *pb.WatchResponse) {
		reply.Events = append(reply.Events, reply.Events...)
	})},
	{"watch-expiry-not-told", "watch resume", onReply(func(reply *pb.WatchResponse) {
		reply.Events = slices.DeleteFunc(reply.Events, func(event *pb.Event) bool {
			return event.Type == pb.EventType_EVENT_TYPE_EXPIRE
		})
	})},
	{"list-unordered", "list", onReply(func(page *pb.ListResponse) { slices.Reverse(page.Entries) })},
	{"list-duplicated", "list", onReply(func(page *pb.ListResponse) {
		for i := range page.Entries {
			page.Entries[i] = page.Entries[0]
		}
	})},
	{"list-cut-short", "list", onReply(func(page *pb.ListResponse) { page.NextPageToken = "" })},
	{"too-large-accepted", "too large", tooLargeAccepted},
	{"health-service-unknown", "health", onReply(func(reply *grpc_health_v1.HealthCheckResponse) {
		reply.Status = grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN
	})},
	{"health-knows-all", "health", healthKnowsAll},
}

// nothing is broken under the name "none": with that every client must still
// be content.
func nothing(_ any, ask func() (any, error)) (any, error) { return ask() }

func faultNamed(name string) (fault, error) {
	if name == "none" {
		return nothing, nil
	}
	for _, fault := range faults {
		if fault.name == name {
			return fault.breakIt, nil
		}
	}
	return nil, fmt.Errorf("expected none or a fault that is listed without arguments, got %q", name)
}

// onRequest changes requests of one kind before they are carried out.
func onRequest[Request any](change func(Request)) fault {
	return func(request any, ask func() (any, error)) (any, error) {
		if request, is := request.(Request); is {
			change(request)
		}
		return ask()
	}
}

// onReply changes replies of one kind.
func onReply[Reply any](change func(Reply)) fault {
	return func(_ any, ask func() (any, error)) (any, error) {
		reply, err := ask()
		if reply, is := reply.(Reply); is && err == nil {
			change(reply)
		}
		return reply, err
	}
}

// setLost acknowledges what it stores under another key.
func setLost(request any, ask func() (any, error)) (any, error) {
	if set, is := request.(*pb.SetRequest); is {
		set.Key = "lost"
		set.Condition = nil
	}
	return ask()
}

// transactionInHalves does the first operation whether the checks hold or not.
func transactionInHalves(request any, ask func() (any, error)) (any, error) {
	if transact, is := request.(*pb.TransactRequest); is {
		checks, operations := transact.Checks, transact.Operations
		transact.Checks, transact.Operations = nil, operations[:1]
		if reply, err := ask(); err != nil {
			return reply, err
		}
		transact.Checks, transact.Operations = checks, operations
	}
	return ask()
}

func missIsAnError(_ any, ask func() (any, error)) (any, error) {
	reply, err := ask()
	if get, is := reply.(*pb.GetResponse); is && err == nil && get.Entry == nil {
		return nil, status.Error(codes.NotFound, "KEY_NOT_FOUND: the key is absent")
	}
	return reply, err
}

// expiredRead answers a miss with what was there before.
func expiredRead() fault {
	var mutex sync.Mutex
	stored := map[string]*pb.SetRequest{}
	return func(request any, ask func() (any, error)) (any, error) {
		mutex.Lock()
		defer mutex.Unlock()
		reply, err := ask()
		if set, is := request.(*pb.SetRequest); is && err == nil {
			stored[set.Key] = set
		}
		get, is := reply.(*pb.GetResponse)
		if is && err == nil && get.Entry == nil {
			key := request.(*pb.GetRequest).Key
			if set, was := stored[key]; was {
				get.Entry = &pb.Entry{Key: key, Value: set.Value, Version: 1}
			}
		}
		return reply, err
	}
}

func errorWithoutDetails(_ any, ask func() (any, error)) (any, error) {
	reply, err := ask()
	if err != nil {
		return nil, status.Error(status.Code(err), status.Convert(err).Message())
	}
	return reply, nil
}

func tooLargeAccepted(_ any, ask func() (any, error)) (any, error) {
	reply, err := ask()
	if status.Code(err) == codes.ResourceExhausted {
		return &pb.SetResponse{Version: 1}, nil
	}
	return reply, err
}

func healthKnowsAll(_ any, ask func() (any, error)) (any, error) {
	reply, err := ask()
	if status.Code(err) == codes.NotFound {
		return &grpc_health_v1.HealthCheckResponse{
			Status: grpc_health_v1.HealthCheckResponse_SERVING,
		}, nil
	}
	return reply, err
}
