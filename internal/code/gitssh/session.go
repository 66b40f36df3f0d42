package gitssh

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// session is one command of a client.
type session struct {
	door    *Door
	proven  proven
	address netip.Addr
	channel *guarded

	protocol git.Protocol
	terminal bool // the client's is in raw mode
	who      string
}

// serve waits for the command and runs it, until it ends or the client goes.
func (s *session) serve(ctx context.Context, requests <-chan *ssh.Request) {
	defer s.channel.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	late := time.AfterFunc(s.door.Limits.Command, func() { _ = s.channel.Close() })
	defer late.Stop()
	var ran chan struct{}
	for asked := range requests {
		command, runs := s.take(asked, ran != nil)
		if runs {
			late.Stop()
			ran = make(chan struct{})
			go func() {
				defer close(ran)
				s.run(ctx, command)
			}()
		}
	}
	end() // the client has closed it
	if ran != nil {
		<-ran
	}
}

// take answers one request; runs is true for the one that names the command,
// which is empty for a shell.
func (s *session) take(asked *ssh.Request, busy bool) (command string, runs bool) {
	ok := false
	switch asked.Type {
	case "env":
		var variable struct{ Name, Value string }
		if ssh.Unmarshal(asked.Payload, &variable) == nil && variable.Name == "GIT_PROTOCOL" && !busy {
			s.protocol, ok = git.ParseProtocol(variable.Value), true
		}
	case "pty-req":
		// Granted for the greeting alone: ssh would say that it failed, which puzzles.
		s.terminal, ok = true, true
	case "shell":
		runs, ok = !busy, !busy
	case "exec":
		var line struct{ Command string }
		if ssh.Unmarshal(asked.Payload, &line) == nil && line.Command != "" && !busy {
			command, runs, ok = line.Command, true, true
		}
	}
	if asked.WantReply {
		_ = asked.Reply(ok, nil)
	}
	return command, runs
}

// run runs a command, says what refused it, logs it once and ends the session.
func (s *session) run(ctx context.Context, line string) {
	began, id := time.Now(), rand.Text()[:12]
	err := s.guard(ctx, id, line)
	status := uint32(0)
	if err != nil {
		status = 1
		s.write(s.channel.errors(), s.door.wording(err, id)...)
	}
	_ = s.channel.CloseWrite()
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	_ = s.channel.Close()
	level := slog.LevelInfo
	args := []any{
		"site", "code", "door", string(access.GitSSH), "request", id, "command", printable(line), "who", s.who,
		"status", status, "took", time.Since(began).Round(time.Microsecond), "from", s.address.String(),
	}
	if err != nil {
		args = append(args, "err", err.Error())
		if kind := errs.KindOf(err); (kind == errs.KindInternal || kind == errs.KindUnavailable) && ctx.Err() == nil {
			level = slog.LevelError
		}
	}
	slog.Log(ctx, level, "request", args...)
}

// guard makes an error of a panic.
func (s *session) guard(ctx context.Context, id, line string) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			slog.ErrorContext(ctx, "a command panicked", "request", id, "panic", thrown, "stack", string(debug.Stack()))
			err = errors.New("it panicked")
		}
	}()
	return s.execute(ctx, line)
}

// execute judges a command and runs it.
func (s *session) execute(ctx context.Context, line string) error {
	holder, err := s.door.holder(ctx, s.proven, s.address)
	if err != nil {
		return err
	}
	s.who = holder.Name
	s.door.Users.UsedKey(holder)
	if line == "" {
		s.write(s.channel, "Signed in as "+holder.Name+". You can use git; shell access is off.")
		return nil
	}
	asked, err := s.door.parse(line)
	if err != nil {
		return err
	}
	grant, err := s.door.Gate.Check(ctx, holder.Actor, asked.target, asked.action())
	if err != nil {
		return err
	}
	return asked.content.Serve(ctx, grant, asked.service, s.protocol, s.channel, s.channel)
}

// write writes lines as the client's terminal wants them.
func (s *session) write(w io.Writer, lines ...string) {
	end := "\n"
	if s.terminal {
		end = "\r\n"
	}
	_, _ = io.WriteString(w, strings.Join(lines, end)+end)
}

// wording is what the client shows of an error.
func (d *Door) wording(err error, id string) []string {
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return refusal.Lines(d.URL)
	}
	lines := []string{errs.Message(err)}
	if kind := errs.KindOf(err); kind == errs.KindInternal || kind == errs.KindUnavailable {
		lines = append(lines, "Request "+id)
	}
	return lines
}
