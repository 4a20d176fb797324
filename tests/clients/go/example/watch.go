package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	pb "github.com/nanokv/nanokv/gen/go/nanokv/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

// mirror is a copy of the keys under a prefix, by what a Watch tells.
type mirror struct {
	entries map[string]stored
	resume  int64
	last    int64
}

type stored struct {
	text    string
	version int64
}

func (c client) watchResume() (string, error) {
	keys := c.prefix + "watched/"
	change := func(name string, value string, ttl time.Duration) (int64, error) {
		request := &pb.SetRequest{Key: keys + name, Value: text(value)}
		if ttl > 0 {
			request.Expiry = &pb.SetRequest_Ttl{Ttl: durationpb.New(ttl)}
		}
		reply, err := call(c.kv.Set, request)
		return reply.GetVersion(), err
	}
	remove := func(name string) error {
		_, err := call(c.kv.Delete, &pb.DeleteRequest{Key: keys + name})
		return err
	}
	for _, name := range []string{"unchanged", "changed", "removed"} {
		if _, err := change(name, "before", 0); err != nil {
			return "", err
		}
	}

	m := &mirror{entries: map[string]stored{}}
	request := &pb.WatchRequest{
		Ranges: []*pb.Range{{Prefix: keys}},
		Start:  &pb.WatchRequest_Snapshot{Snapshot: true},
	}
	changed := false
	err := c.watch(request, func(reply *pb.WatchResponse) (bool, error) {
		if err := m.take(reply); err != nil {
			return false, err
		}
		if reply.SnapshotComplete && !changed {
			changed = true
			_, err := change("changed", "while watched", 0)
			_, expires := change("brief", "expires", 200*time.Millisecond)
			return false, errors.Join(err, expires, remove("removed"))
		}
		for _, event := range reply.Events {
			if event.Type == pb.EventType_EVENT_TYPE_EXPIRE && event.Entry.Key == keys+"brief" {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return "", fmt.Errorf("until the key expired: %w", err)
	}

	// Nobody watches now.
	if _, err := change("new", "unwatched", 0); err != nil {
		return "", err
	}
	last, err := change("changed", "unwatched", 0)
	if err != nil {
		return "", err
	}
	from := m.resume
	request.Start = &pb.WatchRequest_AfterVersion{AfterVersion: from}
	err = c.watch(request, func(reply *pb.WatchResponse) (bool, error) {
		err := m.take(reply)
		return m.resume >= last, err
	})
	if err != nil {
		return "", fmt.Errorf("resumed: %w", err)
	}
	page, err := call(c.kv.List, &pb.ListRequest{Range: request.Ranges[0]})
	if err != nil {
		return "", err
	}
	listed := map[string]stored{}
	for _, entry := range page.Entries {
		listed[entry.Key] = stored{entry.Value.GetText(), entry.Version}
	}
	if !maps.Equal(m.entries, listed) {
		return "", fmt.Errorf("expected %v, got %v", listed, m.entries)
	}

	request.Start = &pb.WatchRequest_AfterVersion{AfterVersion: math.MaxInt64}
	err = c.watch(request, func(*pb.WatchResponse) (bool, error) { return true, nil })
	if _, err := (refusal{codes.OutOfRange, "VERSION_AHEAD", nil}).expect(err); err != nil {
		return "", err
	}
	return fmt.Sprintf("resumed after %d, and like List", from), nil
}

// watch reads until done says so, and then cancels.
func (c client) watch(request *pb.WatchRequest, done func(*pb.WatchResponse) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), streamDeadline)
	defer cancel()
	stream, err := c.kv.Watch(ctx, request)
	if err != nil {
		return err
	}
	for {
		reply, err := stream.Recv()
		if err != nil {
			return err
		}
		if enough, err := done(reply); enough || err != nil {
			return err
		}
	}
}

func (m *mirror) take(reply *pb.WatchResponse) error {
	for _, entry := range reply.SnapshotEntries {
		if _, twice := m.entries[entry.Key]; twice {
			return fmt.Errorf("%s is in the snapshot twice", entry.Key)
		}
		m.entries[entry.Key] = stored{entry.Value.GetText(), entry.Version}
	}
	for _, event := range reply.Events {
		entry := event.Entry
		if entry.Version <= m.last {
			return fmt.Errorf("expected a version above %d, got %v", m.last, event)
		}
		m.last = entry.Version
		if event.Type == pb.EventType_EVENT_TYPE_PUT {
			m.entries[entry.Key] = stored{entry.Value.GetText(), entry.Version}
		} else {
			delete(m.entries, entry.Key)
		}
	}
	m.resume = reply.ResumeVersion
	return nil
}
