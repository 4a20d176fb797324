// The tutorial's store: Fiber over HTTP/1.1, a map under one lock, ten minutes
// to live. What nanokv's plain HTTP is compared with. Listens on a free port of
// loopback and prints "listening on ADDRESS".
package main

import (
	"fmt"
	"log"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

const ttl = 10 * time.Minute

type entry struct {
	value   string
	expires time.Time
}

type store struct {
	lock    sync.RWMutex
	entries map[string]entry
}

func (s *store) set(c *fiber.Ctx) error {
	// Fiber's strings are of the request, and gone with it.
	key, value := string([]byte(c.Params("key"))), string([]byte(c.Params("value")))
	s.lock.Lock()
	s.entries[key] = entry{value, time.Now().Add(ttl)}
	s.lock.Unlock()
	return c.Status(fiber.StatusCreated).SendString("OK")
}

func (s *store) get(c *fiber.Ctx) error {
	s.lock.RLock()
	found, ok := s.entries[c.Params("key")]
	s.lock.RUnlock()
	if !ok || time.Now().After(found.expires) {
		return c.Status(fiber.StatusNotFound).SendString("Not Found")
	}
	return c.SendString(found.value)
}

func (s *store) remove(c *fiber.Ctx) error {
	s.lock.Lock()
	delete(s.entries, c.Params("key"))
	s.lock.Unlock()
	return c.SendString("OK")
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	s := &store{entries: map[string]entry{}}
	app.Post("/set/:key/:value", s.set)
	app.Get("/get/:key", s.get)
	app.Delete("/delete/:key", s.remove)
	log.Fatal(app.Listener(listener))
}
