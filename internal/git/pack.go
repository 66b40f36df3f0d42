package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
)

// packingWait is how long a clone, fetch or push may wait for its turn.
const packingWait = 30 * time.Second

// startPacking waits for a place among the processes that make or take packs,
// so that a flood of clones is served in turn instead of all at once.
func (g *Git) startPacking(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, packingWait)
	defer cancel()
	if err := take(ctx, g.packing); err != nil {
		return nil, errs.Unavailable(err, "Too many clones and pushes are under way. Try again in a minute.")
	}
	return func() { leave(g.packing) }, nil
}

// UploadPack answers one request of a client that clones or fetches by
// stateless HTTP. The request is the whole body, decompressed.
func (r *Repository) UploadPack(ctx context.Context, protocol Protocol, request []byte, w io.Writer) error {
	if protocol == ProtocolV2 {
		answer, ok, err := r.LsRefs(ctx, request)
		if ok && err == nil {
			_, err = w.Write(answer)
		}
		if ok || err != nil {
			return err
		}
	}
	if !wellFormed(request) {
		return errs.Invalid("", "The request isn't in git's protocol.")
	}
	refs, err := r.Refs(ctx)
	if err != nil {
		return err
	}
	key, clone := cloneKeyOf(protocol, request, refs)
	if !clone {
		return r.pack(ctx, protocol, request, w)
	}
	if sent, err := r.sendClone(key, w); sent {
		return err
	}
	if !r.wantsClone(key) {
		return r.pack(ctx, protocol, request, w)
	}
	kept := r.keepClone(w)
	err = r.pack(ctx, protocol, request, kept)
	if now, again := r.Refs(ctx); again != nil || now != refs {
		kept.drop() // a push came in between: which of the states is it?
	}
	kept.finish(r.clonePath(key), err)
	return err
}

// pack lets git answer a request that isn't ls-refs.
func (r *Repository) pack(ctx context.Context, protocol Protocol, request []byte, w io.Writer) error {
	done, err := r.git.startPacking(ctx)
	if err != nil {
		return err
	}
	defer done()
	cmd, stderr := r.git.command(ctx, process{
		dir:      r.dir,
		args:     []string{"upload-pack", "--strict", "--stateless-rpc", "."},
		protocol: protocol,
	})
	cmd.Stdin = bytes.NewReader(request)
	cmd.Stdout = w
	if err := cmd.Run(); err != nil {
		if strings.Contains(stderr.String(), "protocol error") {
			return errs.Invalid("", "git could not make sense of the request.")
		}
		return fmt.Errorf("serving a fetch: %w", finish(ctx, cmd, err, stderr))
	}
	return nil
}

// wellFormed reports whether a request is a run of whole pkt-lines.
func wellFormed(request []byte) bool {
	packets := NewPacketReader(bytes.NewReader(request))
	for {
		if _, _, err := packets.Next(); err != nil {
			return errors.Is(err, io.EOF) && len(request) > 0
		}
	}
}
