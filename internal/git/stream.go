package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Stream is a file that is read piece by piece. Close ends it, at any place.
type Stream struct {
	*bufio.Reader
	cmd  *exec.Cmd
	stop context.CancelFunc
	done func()
}

// streamHead is how much of a file can be looked at before it is read.
const streamHead = 16 << 10

// Stream opens a file of any size. Of none it holds more than a few pieces, but
// for one that git keeps as the difference to another: that it puts together in
// its own memory. Where that is too little, the error is of kind TooLarge.
func (r *Repository) Stream(ctx context.Context, oid OID) (*Stream, error) {
	if _, ok := ParseOID(string(oid)); !ok {
		return nil, ErrNoObject
	}
	done, err := r.git.startPacking(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	cmd, stderr := r.git.command(ctx, process{dir: r.dir, args: []string{"cat-file", "blob", string(oid)}})
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		done()
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	s := &Stream{Reader: bufio.NewReaderSize(out, streamHead), cmd: cmd, stop: stop, done: done}
	if _, err := s.Peek(1); err == nil {
		return s, nil
	}
	if err := finish(ctx, cmd, cmd.Wait(), stderr); err != nil {
		return nil, errors.Join(fmt.Errorf("reading a file: %w", askError(ctx, ctx, err)), s.Close())
	}
	s.Reset(strings.NewReader("")) // the file is empty
	return s, nil
}

// Close ends git where it hasn't ended by itself.
func (s *Stream) Close() error {
	s.stop()
	_ = s.cmd.Wait() // how it ended doesn't matter: what it said has been read, or isn't wanted
	s.done()
	return nil
}
