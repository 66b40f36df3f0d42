package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/internal/errs"
)

// Update is one thing that a push asks for: that a reference which points at
// Old shall point at New. ZeroOID stands for "doesn't exist".
type Update struct {
	Name     string
	Old, New OID
}

// maxCommands bounds what comes before the pack: some 100,000 updates.
const maxCommands = 16 << 20

// push is a push as far as its pack.
type push struct {
	raw          []byte // what was read, to be handed on
	updates      []Update
	capabilities []string
	onlyForward  bool // no reference may be rewritten
}

func (p push) can(capability string) bool { return slices.Contains(p.capabilities, capability) }

// readPush reads the commands of a push and leaves r where its pack begins.
func readPush(r io.Reader) (push, error) {
	var read push
	var raw bytes.Buffer
	packets := NewPacketReader(io.TeeReader(io.LimitReader(r, maxCommands), &raw))
	for {
		kind, line, err := packets.Next()
		switch {
		case raw.Len() >= maxCommands:
			return read, errs.TooLarge("The push names too many references at once.")
		case errors.Is(err, ErrPacket) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return read, errs.Invalid("", "The push is cut short or isn't in git's protocol.")
		case err != nil:
			return read, fmt.Errorf("reading the push: %w", err)
		case kind == PacketFlush:
			read.raw = raw.Bytes()
			return read, nil
		}
		if err := read.line(trimLine(line)); kind != PacketData || err != nil {
			return read, cmp.Or(err, errs.Invalid("", "The push isn't in git's protocol."))
		}
	}
}

// line takes in one line of a push: "old new name", the first with NUL and the
// capabilities behind it, or "shallow oid".
func (p *push) line(line string) error {
	if oid, shallow := strings.CutPrefix(line, "shallow "); shallow {
		if _, ok := ParseOID(oid); !ok {
			return errs.Invalid("", "The push isn't in git's protocol.")
		}
		return nil
	}
	command, capabilities, first := strings.Cut(line, "\x00")
	if first {
		p.capabilities = strings.Fields(capabilities)
	}
	fields := strings.SplitN(command, " ", 3)
	if len(fields) != 3 {
		return errs.Invalid("", "The push isn't in git's protocol.")
	}
	before, ok1 := ParseOID(fields[0])
	after, ok2 := ParseOID(fields[1])
	if !ok1 || !ok2 {
		return errs.Invalid("", "The push isn't in git's protocol.")
	}
	p.updates = append(p.updates, Update{Name: fields[2], Old: before, New: after})
	return nil
}

// objection says why a reference can't be pushed to; nothing where it can.
func objection(name string) string {
	switch {
	case !ValidRefName(name) || strings.Count(name, "/") < 2:
		return "this is not a valid name for a reference"
	case Hidden(name):
		return "names below " + HiddenRefs + " are reserved"
	default:
		return ""
	}
}

// report is what the client reads of a push that was refused whole: a message
// for the person, how the unpacking went, and a reason for each reference.
func (p push) report(message, unpack string, reason func(name string) string) []byte {
	var status []byte
	if p.can("report-status") || p.can("report-status-v2") {
		status = AppendPacket(status, "unpack ", unpack, "\n")
		for _, update := range p.updates {
			status = AppendPacket(status, "ng ", printable(update.Name), " ", reason(update.Name), "\n")
		}
		status = AppendFlush(status)
	}
	if !p.can("side-band-64k") {
		return status
	}
	var out []byte
	if message != "" {
		out = appendBand(out, bandProgress, message+"\n")
	}
	if len(status) > 0 {
		out = appendBand(out, bandData, string(status))
	}
	return AppendFlush(out)
}

// printable keeps a name that came from outside to one line of a terminal. The
// client matches a report to its references by name, so valid ones stay whole.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name)
}

// PushLimits bounds a push.
type PushLimits struct {
	Pack  int64 // bytes of its pack
	Whole int64 // bytes that the repository may hold in all; 0: any number
	Refs  int   // branches, tags and other references that it may have; 0: any number
	stays bool  // the connection stays after the push
	// Judge says why an update can't be taken, if it can't, and whether it may
	// only add to what is there. nil: anything is taken.
	Judge func(Update) (refused string, onlyForward bool)
}

// judge applies the limits to every update of a push, and gives the reason for
// each where one can't be taken; nothing where all can.
func (l PushLimits) judge(p *push) map[string]string {
	reasons := map[string]string{}
	for _, update := range p.updates {
		reason := objection(update.Name)
		if reason == "" && l.Judge != nil {
			refused, forward := l.Judge(update)
			reason, p.onlyForward = refused, p.onlyForward || forward
		}
		if reason != "" {
			reasons[update.Name] = reason
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	for _, update := range p.updates {
		if reasons[update.Name] == "" {
			reasons[update.Name] = "refused together with the others"
		}
	}
	return reasons
}

// answer tells a client what came of its push, and reads away what it still
// sends. By HTTP it reads no answer before it has sent everything; on a
// connection that stays, it doesn't end before it has the answer.
func (l PushLimits) answer(body io.Reader, w io.Writer, report []byte) error {
	if !l.stays {
		drain(body, l.Pack)
	}
	_, err := w.Write(report)
	if l.stays {
		drain(body, l.Pack)
	}
	return err
}

// errPushTooLarge says that a push's pack was over the limit.
var errPushTooLarge = errors.New("the push is over the limit")

// ReceivePack takes in a push from a client that has had the references. Git
// keeps the pack apart until it has come whole and been checked, so a push that
// is cut short, too large or malformed changes nothing.
//
// What the client should read goes to w, at all times in whole pkt-lines. The
// updates that it asked for are given back, whatever came of them.
func (r *Repository) ReceivePack(ctx context.Context, protocol Protocol, limits PushLimits, body io.Reader, w io.Writer) ([]Update, error) {
	asked, err := readPush(body)
	if err != nil {
		return nil, err
	}
	if len(asked.updates) == 0 {
		return nil, nil // a client asks so whether it may push, before it sends much
	}
	if reasons := limits.judge(&asked); reasons != nil {
		report := asked.report("", "ok", func(name string) string { return reasons[name] })
		return asked.updates, limits.answer(body, w, report)
	}
	within, over, err := r.within(ctx, limits, asked.updates)
	if err != nil {
		return asked.updates, err
	}
	refuse := func() ([]Update, error) {
		report := asked.report("This push is "+over+". Nothing was changed.", over, func(string) string { return "the push is " + over })
		return asked.updates, limits.answer(body, w, report)
	}
	if within.Pack < 0 {
		return refuse()
	}
	done, err := r.git.startPacking(ctx)
	if err != nil {
		return asked.updates, err
	}
	done = sync.OnceFunc(done)
	defer done()
	err = r.receive(ctx, protocol, within, asked, body, &packetWriter{w: w}, done)
	r.dropClones()
	if errors.Is(err, errPushTooLarge) {
		return refuse()
	}
	drain(body, limits.Pack)
	return asked.updates, err
}

// within narrows the limits of a push to what the repository still takes, and
// says what a push over them is. A Pack below zero takes none.
func (r *Repository) within(ctx context.Context, limits PushLimits, updates []Update) (PushLimits, string, error) {
	refs, err := r.Refs(ctx)
	if err != nil {
		return limits, "", err
	}
	made := 0
	for _, update := range updates {
		if update.Old == ZeroOID {
			made++
		}
	}
	if limits.Refs > 0 && made > 0 && len(refs.All())+made > limits.Refs {
		limits.Pack = -1
		return limits, fmt.Sprintf("too much for this repository, which may have %d branches and tags in all", limits.Refs), nil
	}
	over := "larger than " + Size(limits.Pack) + ", the limit here"
	if limits.Whole == 0 {
		return limits, over, nil
	}
	held, err := r.Held()
	if err != nil {
		return limits, "", err
	}
	// A push of nothing new, or that deletes, is taken at any time.
	if left := max(limits.Whole-held, emptyPackSize); left < limits.Pack {
		limits.Pack = left
		over = "too large for this repository, which may hold " + Size(limits.Whole) + " and holds " + Size(held)
	}
	return limits, over, nil
}

const emptyPackSize = 32 // bytes of a pack without objects

// receive runs git receive-pack between body and w. To stop it, its input is
// ended: git then finds the pack incomplete and clears away what it has of it,
// which it can't always do after a signal. That follows only if need be. It
// calls ended with the end of git, before the client's.
func (r *Repository) receive(ctx context.Context, protocol Protocol, limits PushLimits, asked push, body io.Reader, w *packetWriter, ended func()) error {
	running, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	cmd, stderr := r.git.command(running, process{
		dir: r.dir,
		config: []string{
			fmt.Sprintf("receive.maxInputSize=%d", limits.Pack+(1<<20)),
			fmt.Sprintf("receive.denyNonFastForwards=%t", asked.onlyForward),
			"receive.unpackLimit=1", // loose objects are moved into folders that maintenance may just remove
		},
		args:     []string{"receive-pack", "--stateless-rpc", "."},
		protocol: protocol,
	})
	cmd.Stdout = w
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting git receive-pack: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting git receive-pack: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		_ = in.Close()
		time.AfterFunc(processGrace, func() { stop(context.Cause(ctx)) })
	})()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		defer in.Close()
		if _, err := in.Write(asked.raw); err != nil {
			return // git has ended, and says why itself
		}
		if n, _ := io.Copy(in, io.LimitReader(body, limits.Pack+1)); n > limits.Pack {
			w.hold()
		}
	}()
	err = cmd.Wait()
	ended()
	<-fed
	switch held, holding := w.held(); {
	case !holding:
	case bytes.Contains(held, []byte("unpack ok\n")): // its pack was whole; what came after it wasn't read
		if _, err := w.w.Write(held); err != nil {
			return err
		}
	default:
		return errPushTooLarge
	}
	return cmp.Or(finish(running, cmd, err, stderr), w.gone)
}

// drain reads on to the end of what a client still sends, at most most bytes,
// because it reads no answer before it has sent everything.
func drain(body io.Reader, most int64) { _, _ = io.Copy(io.Discard, io.LimitReader(body, most)) }

// Size writes a number of bytes for people: "2 GiB", "1.5 MiB", "20 bytes".
func Size(bytes int64) string {
	const units = "KMGTP"
	if bytes < 1024 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	value, unit := float64(bytes)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[unit:unit+1] + "iB"
}
