// Every kind of call that nanokv takes, from Go.
package main

import (
	"fmt"
	"os"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/nanokv/nanokv/tests/clients/go/dial"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: example SERVICE_CONFIG ADDRESS")
		os.Exit(2)
	}
	connection, err := dial.Retrying(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer connection.Close()

	c := client{
		kv:     pb.NewKvServiceClient(connection),
		health: grpc_health_v1.NewHealthClient(connection),
		prefix: fmt.Sprintf("go/%d/", time.Now().UnixNano()),
	}
	passed, failed := 0, 0
	for _, step := range []struct {
		name  string
		check func() (string, error)
	}{
		{"set", c.set},
		{"get with ttl", c.getWithTTL},
		{"miss", c.miss},
		{"miss after ttl", c.missAfterTTL},
		{"condition absent", c.conditionAbsent},
		{"condition version", c.conditionVersion},
		{"counter", c.counter},
		{"batch", c.batch},
		{"transact", c.transact},
		{"request id", c.requestID},
		{"pipeline", c.pipeline},
		{"watch resume", c.watchResume},
		{"list", c.list},
		{"too large", c.tooLarge},
		{"health", c.healthChecks},
	} {
		if said, err := step.check(); err != nil {
			failed++
			fmt.Printf("FAILED  %s: %v\n", step.name, err)
		} else {
			passed++
			fmt.Printf("ok      %s: %s\n", step.name, said)
		}
	}
	fmt.Printf("go: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
