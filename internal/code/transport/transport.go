// Package transport serves git's protocol for whatever content lies in git: a
// repository, a wiki, a snippet. It stands between those rooms, which say what
// is served against which grant, and the doors that git comes through.
//
// It owns no table and decides nothing; every function requires the grant of
// its action first.
package transport

import (
	"context"
	"errors"
	"io"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/git"
)

// Transport is one kind of content as git clients see it.
type Transport struct {
	Read, Write access.Action
	MaxPush     int64 // bytes of a push's pack
	MaxSize     int64 // bytes that one may hold in all; 0: any number
	MaxRefs     int   // branches and tags that one may have; 0: any number

	// Open gives the git data of what the grant is for, to whoever has required
	// an action of it.
	Open func(g access.Grant) (*git.Repository, error)
	// Judge gives what a push may do (git.PushLimits). nil: anything.
	Judge func(ctx context.Context, g access.Grant) (func(git.Update) (refused string, onlyForward bool), error)
	// Pushed is told what a push changed.
	Pushed func(ctx context.Context, g access.Grant, happened []git.Update) error
}

// ActionOf gives the action that a service of git's is: a push writes, all
// else reads.
func (t Transport) ActionOf(service git.Service) access.Action {
	if service == git.ReceivePack {
		return t.Write
	}
	return t.Read
}

// Advertise gives what answers a client that begins to clone, fetch or push.
func (t Transport) Advertise(ctx context.Context, g access.Grant, service git.Service, protocol git.Protocol) ([]byte, error) {
	r, err := t.open(g, t.ActionOf(service))
	if err != nil {
		return nil, err
	}
	return r.Advertise(ctx, service, protocol)
}

// LsRefs answers an ls-refs of protocol 2; ok is false for any other request.
func (t Transport) LsRefs(ctx context.Context, g access.Grant, request []byte) (answer []byte, ok bool, err error) {
	r, err := t.open(g, t.Read)
	if err != nil {
		return nil, false, err
	}
	return r.LsRefs(ctx, request)
}

// UploadPack answers one request of a client that clones or fetches.
func (t Transport) UploadPack(ctx context.Context, g access.Grant, protocol git.Protocol, request []byte, w io.Writer) error {
	r, err := t.open(g, t.Read)
	if err != nil {
		return err
	}
	return r.UploadPack(ctx, protocol, request, w)
}

// ReceivePack takes in a push. What can't be taken is refused whole, and said
// to the client.
func (t Transport) ReceivePack(ctx context.Context, g access.Grant, protocol git.Protocol, body io.Reader, w io.Writer) error {
	r, err := t.open(g, t.Write)
	if err != nil {
		return err
	}
	limits, err := t.limits(ctx, g)
	if err != nil {
		return err
	}
	happened, err := r.Push(ctx, protocol, limits, body, w)
	return t.after(ctx, g, happened, err)
}

// Serve talks to a client over a connection that stays, such as SSH, from the
// advertisement to the client's end. What changes meanwhile in who may do what
// doesn't cut it off.
func (t Transport) Serve(ctx context.Context, g access.Grant, service git.Service, protocol git.Protocol, in io.Reader, out io.Writer) error {
	r, err := t.open(g, t.ActionOf(service))
	if err != nil {
		return err
	}
	if service == git.UploadPack {
		return r.UploadSession(ctx, protocol, in, out)
	}
	limits, err := t.limits(ctx, g)
	if err != nil {
		return err
	}
	happened, err := r.PushSession(ctx, protocol, limits, in, out)
	return t.after(ctx, g, happened, err)
}

// limits bounds a push by the grant's actor.
func (t Transport) limits(ctx context.Context, g access.Grant) (git.PushLimits, error) {
	limits := git.PushLimits{Pack: t.MaxPush, Whole: t.MaxSize, Refs: t.MaxRefs}
	if t.Judge == nil {
		return limits, nil
	}
	var err error
	limits.Judge, err = t.Judge(ctx, g)
	return limits, err
}

// after tells of a push that changed something, whatever happened to the client
// since.
func (t Transport) after(ctx context.Context, g access.Grant, happened []git.Update, err error) error {
	if len(happened) > 0 {
		err = errors.Join(err, t.Pushed(context.WithoutCancel(ctx), g, happened))
	}
	return err
}

func (t Transport) open(g access.Grant, action access.Action) (*git.Repository, error) {
	if err := g.Require(action); err != nil {
		return nil, err
	}
	return t.Open(g)
}
