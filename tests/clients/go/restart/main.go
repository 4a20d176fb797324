// Keeps calling a server that is stopped and started again, and counts what
// became of every call. It says "calling" when the restart may begin, and ends
// by itself when both kinds of calls succeed on the server that came after.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc"

	"github.com/nanokv/nanokv/tests/clients/go/dial"
)

const (
	deadline = 10 * time.Second
	// restartCeiling is how long the restart may take before it is given up.
	restartCeiling = 60 * time.Second
	// poll is how often a state is looked at.
	poll = 20 * time.Millisecond
	key  = "go/restart"
	// answersAfter of each kind must come from the server that came after.
	answersAfter = 50
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: restart SERVICE_CONFIG ADDRESS")
		os.Exit(2)
	}
	connection, err := dial.Retrying(os.Args[1], os.Args[2], grpc.WithStatsHandler(attempts{}))
	if err == nil {
		defer connection.Close()
		err = run(pb.NewKvServiceClient(connection), pb.NewAdminServiceClient(connection))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(1)
	}
}

func run(kv pb.KvServiceClient, admin pb.AdminServiceClient) error {
	before, err := storeID(admin)
	if err != nil {
		return err
	}
	get := &caller{name: "get", call: func(ctx context.Context) error {
		_, err := kv.Get(ctx, &pb.GetRequest{Key: key})
		return err
	}}
	set := &caller{name: "set", call: func(ctx context.Context) error {
		value := &pb.Value{Kind: &pb.Value_Text{Text: "kept"}}
		_, err := kv.Set(ctx, &pb.SetRequest{Key: key, Value: value})
		return err
	}}
	var stop atomic.Bool
	get.start(&stop)
	set.start(&stop)
	answered := func(of int64) func() bool {
		gets, sets := get.answered.Load(), set.answered.Load()
		return func() bool {
			return get.answered.Load() >= gets+of && set.answered.Load() >= sets+of
		}
	}
	await := func(what string, condition func() bool) {
		if err == nil && !within(restartCeiling, condition) {
			err = fmt.Errorf("expected %s within %v", what, restartCeiling)
		}
	}
	await("answers to get and set", answered(1))
	fmt.Println("calling")
	await("another store", func() bool {
		now, err := storeID(admin)
		return err == nil && now != before
	})
	await("answers from it", answered(answersAfter))
	stop.Store(true)
	hung := !within(2*deadline, func() bool { return get.running.Load()+set.running.Load() == 0 })
	fmt.Printf("go: %v; %v\n", get, set)
	switch {
	case err != nil:
		return err
	case hung:
		return fmt.Errorf("expected that every call ends by its deadline")
	case get.wrong.Load() != nil || set.wrong.Load() != nil:
		return fmt.Errorf("expected UNAVAILABLE as the only error")
	case get.retried.Load() == 0:
		return fmt.Errorf("expected that a get was retried")
	case set.refused.Load() == 0:
		return fmt.Errorf("expected that sets were refused while nobody served")
	case set.sentAgain.Load() > 0:
		return fmt.Errorf("expected that no set was sent again")
	}
	return nil
}

// storeID tells the server before the restart from the one after it.
func storeID(admin pb.AdminServiceClient) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	reply, err := admin.Describe(ctx, &pb.DescribeRequest{})
	return reply.GetStoreId(), err
}

// within polls until the condition holds, and gives up at the ceiling.
func within(ceiling time.Duration, condition func() bool) bool {
	for until := time.Now().Add(ceiling); time.Now().Before(until); time.Sleep(poll) {
		if condition() {
			return true
		}
	}
	return false
}
