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

	begun, answered, refused atomic.Int64
	// retried is how many calls were tried more than once, and sentAgain how
	// many of them the server was sent more than once.
	retried, sentAgain atomic.Int64
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
	var made counts
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), countsKey{}, &made), deadline)
	defer cancel()
	err := c.call(ctx)
	if made.begun.Load() > 1 {
		c.retried.Add(1)
	}
	if made.sent.Load() > 1 {
		c.sentAgain.Add(1)
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
	told := fmt.Sprintf("%s: %d calls, %d answered, %d refused, %d retried, %d sent again, %d hung",
		c.name, c.begun.Load(), c.answered.Load(), c.refused.Load(), c.retried.Load(), c.sentAgain.Load(), c.hung())
	if wrong := c.wrong.Load(); wrong != nil {
		told += fmt.Sprintf(", wrongly with %v", *wrong)
	}
	return told
}

// attempts counts those of each call in the counts that its context carries.
// What the server has not looked at is tried again transparently, whatever the
// retry policy, and is not counted.
type attempts struct{}

// counts is how many attempts of a call began, and how many of these were sent.
// An attempt that finds its connection gone is never sent, and grpc-go begins
// another then without calling that one transparent.
type counts struct{ begun, sent atomic.Int64 }

// Under these a context carries them.
type countsKey struct{}
type attemptKey struct{}

// attempt is what the context of one attempt carries.
type attempt struct{ transparent bool }

func (attempts) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, attemptKey{}, &attempt{})
}

func (attempts) HandleRPC(ctx context.Context, event stats.RPCStats) {
	made, counted := ctx.Value(countsKey{}).(*counts)
	this, tagged := ctx.Value(attemptKey{}).(*attempt)
	if !counted || !tagged {
		return
	}
	switch event := event.(type) {
	case *stats.Begin:
		this.transparent = event.IsTransparentRetryAttempt
		if !this.transparent {
			made.begun.Add(1)
		}
	case *stats.OutHeader:
		if !this.transparent {
			made.sent.Add(1)
		}
	}
}

func (attempts) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (attempts) HandleConn(context.Context, stats.ConnStats) {}
