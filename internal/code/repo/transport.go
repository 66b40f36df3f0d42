package repo

import (
	"context"
	"errors"
	"io"
	"slices"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/git"
)

// ActionOf gives the action that a service of git's is: a push writes, all
// else reads.
func ActionOf(service git.Service) access.Action {
	if service == git.ReceivePack {
		return access.WriteRepository
	}
	return access.ReadRepository
}

// Advertise gives what answers a client that begins to clone, fetch or push.
func (s *Service) Advertise(ctx context.Context, g access.Grant, service git.Service, protocol git.Protocol) ([]byte, error) {
	if err := g.Require(ActionOf(service)); err != nil {
		return nil, err
	}
	return s.git(g).Advertise(ctx, service, protocol)
}

// LsRefs answers an ls-refs of protocol 2; ok is false for any other request.
func (s *Service) LsRefs(ctx context.Context, g access.Grant, request []byte) (answer []byte, ok bool, err error) {
	if err := g.Require(access.ReadRepository); err != nil {
		return nil, false, err
	}
	return s.git(g).LsRefs(ctx, request)
}

// UploadPack answers one request of a client that clones or fetches.
func (s *Service) UploadPack(ctx context.Context, g access.Grant, protocol git.Protocol, request []byte, w io.Writer) error {
	if err := g.Require(access.ReadRepository); err != nil {
		return err
	}
	return s.git(g).UploadPack(ctx, protocol, request, w)
}

// ReceivePack takes in a push. What can't be taken is refused whole, and said
// to the client. The first branch that is pushed becomes the default one where
// the one that HEAD names isn't among those that came.
func (s *Service) ReceivePack(ctx context.Context, g access.Grant, protocol git.Protocol, body io.Reader, w io.Writer) error {
	if err := g.Require(access.WriteRepository); err != nil {
		return err
	}
	r := s.git(g)
	updates, err := r.ReceivePack(ctx, protocol, git.PushLimits{Pack: s.MaxPush}, body, w)
	if len(updates) == 0 || err != nil {
		return err
	}
	// The push stands, whatever happens to the client from here on.
	ctx = context.WithoutCancel(ctx)
	return errors.Join(adoptHead(ctx, r, updates), s.touch(ctx, g))
}

// adoptHead lets HEAD name a branch that exists, where it names an unborn one.
func adoptHead(ctx context.Context, r *git.Repository, updates []git.Update) error {
	refs, err := r.Refs(ctx)
	if err != nil || refs.Head.OID != "" {
		return err
	}
	branches := refs.Under("refs/heads/")
	for _, update := range updates {
		if slices.ContainsFunc(branches, func(ref git.Ref) bool { return ref.Name == update.Name }) {
			return r.SetHead(update.Name)
		}
	}
	return nil
}
