package git

import (
	"context"
	"errors"
)

// errEnough ends a process whose output is wanted no further.
var errEnough = errors.New("enough was read")

// upTo keeps what is written to it up to a limit, and fails at more.
type upTo struct {
	limit int
	data  []byte
	over  bool
}

func (u *upTo) Write(p []byte) (int, error) {
	if room := u.limit - len(u.data); len(p) > room {
		u.data, u.over = append(u.data, p[:room]...), true
		return room, errEnough
	}
	u.data = append(u.data, p...)
	return len(p), nil
}

// output runs git and gives what it prints, at most limit bytes; more says that
// there was more.
func (g *Git) output(ctx context.Context, p process, limit int) (printed []byte, more bool, err error) {
	cmd, stderr := g.command(ctx, p)
	out := &upTo{limit: limit}
	cmd.Stdout = out
	err = cmd.Run()
	if out.over && ctx.Err() == nil {
		return out.data, true, nil
	}
	return out.data, false, finish(ctx, cmd, err, stderr)
}
