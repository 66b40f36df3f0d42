package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// readers keeps `git cat-file --batch-command` processes for the next object
// to be read. At most busyReaders work at once and idleReaders wait; one that
// has waited for readerIdle is ended, and so is one that failed in any way.
type readers struct {
	git  *Git
	busy chan struct{}
	stop context.CancelFunc // ends every process
	ctx  context.Context

	mu     sync.Mutex
	idle   []*reader // the longest waiting first
	closed bool
	timer  *time.Timer
}

const (
	busyReaders = 32
	idleReaders = 32
	readerIdle  = 30 * time.Second
)

// reader is one process.
type reader struct {
	dir   string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	said  *tail
	since time.Time // when it began to wait
}

func newReaders(g *Git) *readers {
	ctx, stop := context.WithCancel(context.Background())
	return &readers{git: g, busy: make(chan struct{}, busyReaders), ctx: ctx, stop: stop}
}

// close ends every process, working or waiting.
func (p *readers) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	for _, r := range idle {
		r.end()
	}
	p.stop()
}

// with lends a process for the repository to use. Any error but a missing
// object's ends the process.
func (p *readers) with(ctx context.Context, repository *Repository, use func(*reader) error) error {
	if err := take(ctx, repository.busy); err != nil {
		return fmt.Errorf("waiting to read the repository: %w", err)
	}
	defer leave(repository.busy)
	if err := take(ctx, p.busy); err != nil {
		return fmt.Errorf("waiting to read the repository: %w", err)
	}
	defer leave(p.busy)
	r, err := p.get(repository.dir)
	if err != nil {
		return err
	}
	cut := context.AfterFunc(ctx, r.kill)
	err = use(r)
	if !cut() {
		r.end()
		return fmt.Errorf("reading an object: %w", context.Cause(ctx))
	}
	if err != nil && !errors.Is(err, ErrNoObject) {
		r.end()
		return fmt.Errorf("reading an object: %w: %s", err, r.said)
	}
	p.put(r)
	return err
}

// get gives a process that waits, or a new one.
func (p *readers) get(dir string) (*reader, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("git is closed")
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		if r := p.idle[i]; r.dir == dir {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return r, nil
		}
	}
	return p.start(dir)
}

func (p *readers) start(dir string) (*reader, error) {
	cmd, said := p.git.command(p.ctx, process{dir: dir, args: []string{"cat-file", "--batch-command"}, memory: askMemory})
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting git cat-file: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting git cat-file: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting git cat-file: %w", err)
	}
	return &reader{dir: dir, cmd: cmd, in: in, out: bufio.NewReaderSize(out, 16<<10), said: said}, nil
}

// put lets a process wait for its next use.
func (p *readers) put(r *reader) {
	p.mu.Lock()
	var over *reader
	switch {
	case p.closed:
		over = r
	case len(p.idle) >= idleReaders:
		over, p.idle = p.idle[0], p.idle[1:]
		fallthrough
	default:
		r.since = time.Now()
		p.idle = append(p.idle, r)
		if p.timer == nil {
			p.timer = time.AfterFunc(readerIdle, p.endIdle)
		}
	}
	p.mu.Unlock()
	if over != nil {
		over.end()
	}
}

// endIdle ends the processes that have waited long enough, and looks again when
// the next one will have.
func (p *readers) endIdle() {
	p.mu.Lock()
	var over []*reader
	for len(p.idle) > 0 && time.Since(p.idle[0].since) >= readerIdle {
		over, p.idle = append(over, p.idle[0]), p.idle[1:]
	}
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(readerIdle-time.Since(p.idle[0].since), p.endIdle)
	}
	p.mu.Unlock()
	for _, r := range over {
		r.end()
	}
}

// kill makes whatever waits for the process fail.
func (r *reader) kill() { _ = r.cmd.Process.Kill() }

// end stops the process and waits until it is gone.
func (r *reader) end() {
	_ = r.in.Close()
	r.kill()
	_ = r.cmd.Wait() // its fate doesn't matter: what it answered has been read
}

// say sends a command about one object and reads the line that answers it.
func (r *reader) say(command, object string) (line string, fields []string, err error) {
	if _, err := io.WriteString(r.in, command+" "+object+"\n"); err != nil {
		return "", nil, err
	}
	line, err = r.out.ReadString('\n')
	return line, strings.Fields(line), err
}

// named gives the one object whose name begins with some digits. A reference of
// that name comes first with git, and is none.
func (r *reader) named(begin string) (OID, error) {
	_, fields, err := r.say("info", begin)
	if err != nil {
		return "", err
	}
	if len(fields) != 3 || !strings.HasPrefix(fields[0], begin) {
		return "", ErrNoObject
	}
	return OID(fields[0]), nil
}

func (r *reader) ask(command string, oid OID) (kind string, size int64, err error) {
	line, fields, err := r.say(command, string(oid))
	if err != nil {
		return "", 0, err
	}
	if len(fields) == 2 && fields[1] == "missing" {
		return "", 0, ErrNoObject
	}
	if len(fields) != 3 || fields[0] != string(oid) {
		return "", 0, fmt.Errorf("git cat-file answers %q", line)
	}
	size, err = strconv.ParseInt(fields[2], 10, 64)
	return fields[1], size, err
}

// content reads an object of at most limit bytes. Where it is larger only its
// kind and size are given.
func (r *reader) content(oid OID, limit int64) (object, error) {
	kind, size, err := r.ask("info", oid)
	if err != nil || size > limit {
		return object{kind: kind, size: size}, err
	}
	if _, _, err := r.ask("contents", oid); err != nil {
		return object{}, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r.out, data); err != nil {
		return object{}, err
	}
	if end, err := r.out.ReadByte(); err != nil || end != '\n' {
		return object{}, fmt.Errorf("git cat-file ends %s with %q: %w", oid, end, err)
	}
	return object{kind: kind, size: size, data: data}, nil
}
