package gitssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Serve answers on the listener until Shutdown, which makes it return nil.
func (d *Door) Serve(listener net.Listener) error {
	d.mu.Lock()
	if d.stopping {
		d.mu.Unlock()
		return listener.Close()
	}
	d.listeners[listener] = true
	d.mu.Unlock()
	pause := 5 * time.Millisecond
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			d.admit(conn)
		case d.stopped():
			return nil
		case isTemporary(err): // as when there are too many open files
			slog.Warn("accepting SSH connections; it is tried again", "err", err)
			select {
			case <-time.After(pause):
			case <-d.ctx.Done():
			}
			pause = min(2*pause, time.Second)
		default:
			return fmt.Errorf("serving SSH on %s: %w", listener.Addr(), err)
		}
	}
}

func isTemporary(err error) bool {
	temporary, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && temporary.Temporary()
}

func (d *Door) stopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopping
}

// Shutdown stops taking connections and commands, and waits for the commands
// under way. Where ctx ends first, they are cut off and its error is given.
func (d *Door) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.stopping = true
	for listener := range d.listeners {
		_ = listener.Close()
	}
	for c := range d.clients {
		c.closeIfIdle()
	}
	d.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.running.Wait()
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		d.mu.Lock()
		for c := range d.clients {
			_ = c.wire.Close()
		}
		d.mu.Unlock()
	}
	d.cut()
	<-done
	return err
}

// admit serves a connection, where there is a place for it.
func (d *Door) admit(conn net.Conn) {
	c := &client{door: d, wire: newWire(conn), address: addressOf(conn.RemoteAddr())}
	if !d.enter(c) {
		// As sshd does it: a line before the protocol begins (RFC 4253 §4.2).
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(conn, "Too many connections. Try again in a moment.\r\n")
		_ = conn.Close()
		return
	}
	go func() {
		defer d.leave(c)
		c.serve()
	}()
}

func (d *Door) enter(c *client) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping || len(d.clients) >= d.Limits.All || d.from[c.address] >= d.Limits.Address {
		return false
	}
	d.clients[c] = true
	d.from[c.address]++
	d.running.Add(1)
	return true
}

func (d *Door) leave(c *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clients, c)
	if d.from[c.address]--; d.from[c.address] == 0 {
		delete(d.from, c.address)
	}
	d.running.Done()
}

// addressOf gives the address that a client comes from.
func addressOf(at net.Addr) netip.Addr {
	if tcp, ok := at.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.IPv4Unspecified() // a unix socket
}

// client is one connection.
type client struct {
	door    *Door
	wire    *wire
	address netip.Addr

	mu       sync.Mutex
	sessions int
	idle     *time.Timer // closes the connection while there is no session
}

// serve signs the client in and takes in its sessions.
func (c *client) serve() {
	limits := c.door.Limits
	defer c.wire.Close()
	defer func() {
		if thrown := recover(); thrown != nil {
			slog.Error("an SSH connection panicked", "panic", thrown, "from", c.address.String())
		}
	}()
	late := time.AfterFunc(limits.SignIn, func() { _ = c.wire.Close() })
	l := &login{door: c.door, wire: c.wire, address: c.address}
	conn, channels, requests, err := ssh.NewServerConn(c.wire, l.config())
	if !late.Stop() || err != nil {
		slog.Debug("an SSH client didn't sign in", "from", c.address.String(), "err", err)
		return
	}
	p, ok := provenBy(conn)
	if !ok {
		slog.Error("an SSH client was let in without proof", "from", c.address.String())
		return
	}
	ctx, end := context.WithCancel(c.door.ctx)
	defer end()
	c.welcome()
	go ssh.DiscardRequests(requests) // forwarding of ports is refused so
	var all sync.WaitGroup
	for opened := range channels {
		if !c.open(opened) {
			continue
		}
		channel, asked, err := opened.Accept()
		if err != nil {
			c.close()
			continue
		}
		s := &session{
			door: c.door, proven: p, address: c.address,
			channel: &guarded{Channel: channel, limits: limits, giveUp: func() { _ = c.wire.Close() }},
		}
		all.Go(func() {
			defer c.close()
			s.serve(ctx, asked)
		})
	}
	end() // the connection is gone: so are its commands
	all.Wait()
}

// welcome lets the time without a session begin.
func (c *client) welcome() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = time.AfterFunc(c.door.Limits.Idle, func() { _ = c.wire.Close() })
}

// open takes a place for a session, or refuses it.
func (c *client) open(opened ssh.NewChannel) bool {
	stopped := c.door.stopped()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case opened.ChannelType() != "session":
		_ = opened.Reject(ssh.Prohibited, "forwarding is off")
		return false
	case stopped:
		_ = opened.Reject(ssh.ResourceShortage, "the server is stopping; try again in a minute")
		return false
	case c.sessions >= c.door.Limits.Sessions:
		_ = opened.Reject(ssh.ResourceShortage, "too many commands at once on this connection")
		return false
	}
	c.sessions++
	c.idle.Stop()
	return true
}

// close gives a session's place back.
func (c *client) close() {
	stopped := c.door.stopped()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions--; c.sessions > 0 {
		return
	}
	if stopped {
		_ = c.wire.Close()
		return
	}
	c.idle.Reset(c.door.Limits.Idle)
}

// closeIfIdle closes a connection that has no command under way.
func (c *client) closeIfIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == 0 {
		_ = c.wire.Close()
	}
}
