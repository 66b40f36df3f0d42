package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sallyport.dev/internal/errs"
)

// maxRequest bounds one request of protocol 2: what the client wants and has.
const maxRequest = 16 << 20

// UploadSession serves a client that clones or fetches over a connection that
// stays, such as SSH: it advertises, and then answers until the client has had
// enough. A client that only lists references costs no process.
func (r *Repository) UploadSession(ctx context.Context, protocol Protocol, in io.Reader, out io.Writer) error {
	advertised, err := r.Advertise(ctx, UploadPack, protocol)
	if err != nil {
		return err
	}
	if _, err := out.Write(advertised); err != nil {
		return err
	}
	if protocol == ProtocolV2 {
		return r.answerRequests(ctx, in, out)
	}
	asked := bufio.NewReader(in)
	first, err := asked.Peek(4)
	if errors.Is(err, io.EOF) && len(first) == 0 || string(first) == "0000" {
		return nil // the client has seen what it wanted
	}
	if err != nil {
		return errs.Invalid("", "The request was cut short.")
	}
	return r.negotiate(ctx, protocol, asked, out)
}

// answerRequests answers the requests of protocol 2, each of which stands by
// itself, until the client ends them.
func (r *Repository) answerRequests(ctx context.Context, in io.Reader, out io.Writer) error {
	for {
		request, err := readRequest(in)
		if err != nil || request == nil {
			return err
		}
		if err := r.UploadPack(ctx, ProtocolV2, request, out); err != nil {
			return err
		}
	}
}

// readRequest reads up to a flush; nothing where the client has ended.
func readRequest(in io.Reader) ([]byte, error) {
	var request bytes.Buffer
	packets := NewPacketReader(io.TeeReader(io.LimitReader(in, maxRequest), &request))
	for {
		kind, _, err := packets.Next()
		switch {
		case request.Len() >= maxRequest:
			return nil, errs.TooLarge("The request is larger than %s.", Size(maxRequest))
		case errors.Is(err, io.EOF) && request.Len() == 0:
			return nil, nil
		case errors.Is(err, ErrPacket):
			return nil, errs.Invalid("", "The request isn't in git's protocol.")
		case err != nil:
			return nil, errs.Invalid("", "The request was cut short.")
		case kind == PacketFlush && request.Len() == len("0000"):
			return nil, nil
		case kind == PacketFlush:
			return request.Bytes(), nil
		}
	}
}

// negotiate lets git's own upload-pack talk to a client of protocol 0 or 1,
// which keeps its state over several rounds. What it advertises, the client
// has had already.
func (r *Repository) negotiate(ctx context.Context, protocol Protocol, in io.Reader, out io.Writer) error {
	done, err := r.git.startPacking(ctx)
	if err != nil {
		return err
	}
	defer done()
	cmd, stderr := r.git.command(ctx, process{dir: r.dir, args: []string{"upload-pack", "--strict", "."}, protocol: protocol})
	cmd.Stdout = &afterFlush{w: out}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting git upload-pack: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting git upload-pack: %w", err)
	}
	go func() { // it ends with the client's last word, or with the connection
		defer stdin.Close()
		_, _ = io.Copy(stdin, in)
	}()
	if err := cmd.Wait(); err != nil {
		if strings.Contains(stderr.String(), "protocol error") {
			return errs.Invalid("", "git could not make sense of the request.")
		}
		return fmt.Errorf("serving a fetch: %w", finish(ctx, cmd, err, stderr))
	}
	return nil
}

// afterFlush passes on what comes behind the first flush.
type afterFlush struct {
	w      io.Writer
	head   []byte
	passes bool
}

func (a *afterFlush) Write(p []byte) (int, error) {
	if a.passes {
		return a.w.Write(p)
	}
	a.head = append(a.head, p...)
	for len(a.head) >= 4 {
		length, ok := parseLength([4]byte(a.head))
		switch {
		case !ok:
			return 0, fmt.Errorf("%w: from git", ErrPacket)
		case length == 0:
			return len(p), a.pass(a.head[4:])
		case len(a.head) < length:
			return len(p), nil
		}
		a.head = a.head[max(length, 4):]
	}
	return len(p), nil
}

func (a *afterFlush) pass(rest []byte) error {
	a.head, a.passes = nil, true
	if len(rest) == 0 {
		return nil
	}
	_, err := a.w.Write(rest)
	return err
}

// PushSession takes in a push over a connection that stays; see Push.
func (r *Repository) PushSession(ctx context.Context, protocol Protocol, limits PushLimits, in io.Reader, out io.Writer) (happened []Update, err error) {
	advertised, err := r.Advertise(ctx, ReceivePack, protocol)
	if err != nil {
		return nil, err
	}
	if _, err := out.Write(advertised); err != nil {
		return nil, err
	}
	body := bufio.NewReader(in)
	if _, err := body.Peek(1); errors.Is(err, io.EOF) {
		return nil, nil // the client has seen what it wanted
	}
	limits.stays = true
	return r.Push(ctx, protocol, limits, body, out)
}
