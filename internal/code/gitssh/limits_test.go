package gitssh_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/gitssh"
)

func TestTooManyConnectionsAndCommands(t *testing.T) {
	limits := gitssh.DefaultLimits()
	limits.Address, limits.Sessions = 2, 2
	w := limitedWorld(t, limits)
	bobs := w.keyOf(w.bob)
	first, second := w.client(bobs), w.client(bobs)
	conn, err := net.Dial("tcp", "127.0.0.1:"+w.port)
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if line != "Too many connections. Try again in a moment.\r\n" {
		t.Errorf("the third connection: %q", line)
	}
	_ = conn.Close()
	_ = second.Close()
	for {
		third, err := w.dial(bobs)
		if err == nil { // the place is given back once the server has noticed
			_ = third.Close()
			break
		}
	}
	for range limits.Sessions {
		session, err := first.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
	}
	if _, err := first.NewSession(); err == nil || !strings.Contains(err.Error(), "too many commands at once") {
		t.Errorf("one session too many: %v", err)
	}
}

// pipes is a listener whose connections are in memory, for a bubble of time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// Who connects and doesn't sign in is gone after two minutes, whatever they
// say or don't.
func TestAClientThatDoesNotSignIn(t *testing.T) {
	keys, err := gitssh.HostKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"", "SSH-2.0-slow\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			door := gitssh.New(gitssh.Config{HostKeys: keys, Clock: time.Now})
			listener := pipes{make(chan net.Conn), make(chan struct{})}
			served := make(chan error, 1)
			go func() { served <- door.Serve(listener) }()
			ours, theirs := net.Pipe()
			listener.conns <- theirs
			began := time.Now()
			go func() { _, _ = io.WriteString(ours, says) }()
			_, _ = io.Copy(io.Discard, ours)
			if waited := time.Since(began); waited != gitssh.DefaultLimits().SignIn {
				t.Errorf("after %q it ended in %v", says, waited)
			}
			_ = door.Shutdown(t.Context())
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// under begins a command and reads its advertisement.
func (w *world) under(client *ssh.Client) (*ssh.Session, io.WriteCloser) {
	w.Helper()
	session, err := client.NewSession()
	if err != nil {
		w.Fatal(err)
	}
	in, _ := session.StdinPipe()
	out, _ := session.StdoutPipe()
	if err := session.Start("git-upload-pack 'acme/app.git'"); err != nil {
		w.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
		w.Fatal(err)
	}
	return session, in
}

// At a stop, what is under way may finish and nothing new begins; what doesn't
// finish in time is cut.
func TestStopping(t *testing.T) {
	w := newWorld(t)
	bobs := w.keyOf(w.bob)
	idle, busy := w.client(bobs), w.client(bobs)
	session, in := w.under(busy)
	stop := make(chan error, 1)
	go func() { stop <- w.door.Shutdown(context.WithoutCancel(t.Context())) }()
	if err := idle.Wait(); err == nil || err.Error() != "EOF" {
		t.Errorf("the idle connection ends with %v", err)
	}
	if _, err := busy.NewSession(); err == nil || !strings.Contains(err.Error(), "the server is stopping") {
		t.Errorf("a new command at the stop: %v", err)
	}
	if client, err := w.dial(bobs); err == nil {
		_ = client.Close()
		t.Error("a new connection at the stop")
	}
	if _, err := io.WriteString(in, "0000"); err != nil {
		t.Fatal(err)
	}
	if err := session.Wait(); err != nil {
		t.Errorf("the command under way ends with %v", err)
	}
	if err := <-stop; err != nil {
		t.Errorf("the stop: %v", err)
	}

	w = newWorld(t)
	session, _ = w.under(w.client(w.keyOf(w.bob)))
	over, cancel := stopped()
	defer cancel()
	if err := w.door.Shutdown(over); err == nil {
		t.Error("a stop that cut a command off tells nothing of it")
	}
	if err := session.Wait(); err == nil {
		t.Error("the command was not cut off")
	}
}

// A client that sends nothing where it should, or takes nothing, is given up.
func TestStalls(t *testing.T) {
	limits := gitssh.DefaultLimits()
	limits.Sending = 50 * time.Millisecond
	w := limitedWorld(t, limits)
	session, _ := w.under(w.client(w.keyOf(w.bob)))
	if err := session.Wait(); err == nil {
		t.Error("a client that sends nothing is waited for")
	}
	limits = gitssh.DefaultLimits()
	limits.Idle = 50 * time.Millisecond
	w = limitedWorld(t, limits)
	if err := w.client(w.keyOf(w.bob)).Wait(); err == nil || err.Error() != "EOF" {
		t.Errorf("a connection without a command: %v", err)
	}
	limits = gitssh.DefaultLimits()
	limits.Command = 50 * time.Millisecond
	w = limitedWorld(t, limits)
	channel, requests, err := w.client(w.keyOf(w.bob)).OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range requests { // until it is closed
	}
	if _, err := channel.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a session without a command: %v", err)
	}
}
