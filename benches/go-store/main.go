// The store that most would write first: grpc-go with generated stubs over a
// locked map. What nanokv is compared with. Listens on a free port of loopback
// and prints "listening on ADDRESS".
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"sync"

	nanokvv1 "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc"
)

type store struct {
	nanokvv1.UnimplementedKvServiceServer
	lock    sync.RWMutex
	entries map[string]*nanokvv1.Entry
	version int64
}

func (s *store) Get(_ context.Context, request *nanokvv1.GetRequest) (*nanokvv1.GetResponse, error) {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return &nanokvv1.GetResponse{Entry: s.entries[request.Key]}, nil
}

func (s *store) Set(_ context.Context, request *nanokvv1.SetRequest) (*nanokvv1.SetResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.version++
	s.entries[request.Key] = &nanokvv1.Entry{Key: request.Key, Value: request.Value, Version: s.version}
	return &nanokvv1.SetResponse{Version: s.version}, nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	server := grpc.NewServer()
	nanokvv1.RegisterKvServiceServer(server, &store{entries: map[string]*nanokvv1.Entry{}})
	log.Fatal(server.Serve(listener))
}
