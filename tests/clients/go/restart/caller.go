package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	// callers of each kind are at it at once.
	callers = 4
	// pause between two calls of one of them.
	pause = 5 * time.Millisecond
)

// caller makes one kind of call over and over.
type caller struct {
	name string
	call func(context.Context) error

	begun, answered, refused, retried atomic.Int64
	// running is how many callers have not ended.
	running atomic.Int64
	// wrong is an error that is not UNAVAILABLE.
	wrong atomic.Pointer[error]
}

func (c *caller) start(stop *atomic.Bool) {
	c.running.Store(callers)
	for range callers {
		go func() {
			defer c.running.Add(-1)
			for ; !stop.Load(); time.Sleep(pause) {
				c.once()
			}
		}()
	}
}

func (c *caller) once() {
	c.begun.Add(1)
	var made atomic.Int64
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), attempts{}, &made), deadline)
	defer cancel()
	err := c.call(ctx)
	if made.Load() > 1 {
		c.retried.Add(1)
	}
	switch status.Code(err) {
	case codes.OK:
		c.answered.Add(1)
	case codes.Unavailable:
		c.refused.Add(1)
	default:
		c.refused.Add(1)
		c.wrong.Store(&err)
	}
}

// hung is how many calls have not ended, once none is begun any more.
func (c *caller) hung() int64 {
	return c.begun.Load() - c.answered.Load() - c.refused.Load()
}

func (c *caller) String() string {
	told := fmt.Sprintf("%s: %d calls, %d answered, %d refused, %d retried, %d hung",
		c.name, c.begun.Load(), c.answered.Load(), c.refused.Load(), c.retried.Load(), c.hung())
	if wrong := c.wrong.Load(); wrong != nil {
		told += fmt.Sprintf(", wrongly with %v", *wrong)
	}
	return told
}

// attempts counts the attempts of a call, in the counter that its context
// carries under this type. What was never sent to the server is sent again
// transparently, whatever the retry policy, and is not counted.
type attempts struct{}

func (attempts) HandleRPC(ctx context.Context, event stats.RPCStats) {
	begin, is := event.(*stats.Begin)
	if made, counts := ctx.Value(attempts{}).(*atomic.Int64); counts && is && !begin.IsTransparentRetryAttempt {
		made.Add(1)
	}
}

func (attempts) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (attempts) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (attempts) HandleConn(context.Context, stats.ConnStats) {}
