package gitssh

import (
	"io"
	"time"

	"golang.org/x/crypto/ssh"
)

// Limits bounds what clients may take.
type Limits struct {
	SignIn   time.Duration // from the connection to a proven key, and a typed code
	Command  time.Duration // from a session to its command
	Idle     time.Duration // of a connection without a session
	Taking   time.Duration // how long a client may take no byte that it is sent
	Sending  time.Duration // how long it may send none that is waited for: it may be packing
	All      int           // connections
	Address  int           // connections from one address
	Sessions int           // sessions of one connection at the same time
}

// DefaultLimits are those that hold where nothing else is said.
func DefaultLimits() Limits {
	return Limits{
		SignIn: 2 * time.Minute, Command: 30 * time.Second, Idle: 10 * time.Minute,
		Taking: 2 * time.Minute, Sending: 10 * time.Minute,
		All: 2000, Address: 200, Sessions: 10,
	}
}

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return DefaultLimits()
	}
	return l
}

// guarded is a session's channel that is given up, with its connection, where
// the client stalls. What ends a stall is closing: reading and writing return.
type guarded struct {
	ssh.Channel
	limits Limits
	giveUp func()
}

func (g *guarded) Read(p []byte) (int, error) {
	defer time.AfterFunc(g.limits.Sending, g.giveUp).Stop()
	return g.Channel.Read(p)
}

func (g *guarded) Write(p []byte) (int, error) {
	defer time.AfterFunc(g.limits.Taking, g.giveUp).Stop()
	return g.Channel.Write(p)
}

// errors is what the client shows as standard error.
func (g *guarded) errors() io.Writer { return guardedErrors{g} }

type guardedErrors struct{ *guarded }

func (g guardedErrors) Write(p []byte) (int, error) {
	defer time.AfterFunc(g.limits.Taking, g.giveUp).Stop()
	return g.Stderr().Write(p)
}
