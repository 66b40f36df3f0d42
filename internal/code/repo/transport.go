package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

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
// HEAD names none that exists.
func (s *Service) ReceivePack(ctx context.Context, g access.Grant, protocol git.Protocol, body io.Reader, w io.Writer) error {
	if err := g.Require(access.WriteRepository); err != nil {
		return err
	}
	r := s.git(g)
	before, err := r.Refs(ctx)
	if err != nil {
		return fmt.Errorf("reading references before a push: %w", err)
	}
	updates, err := r.ReceivePack(ctx, protocol, git.PushLimits{Pack: s.MaxPush}, body, w)
	if len(updates) == 0 {
		return err
	}
	// What has been changed is changed, whatever happened to the client since.
	return errors.Join(err, s.pushed(context.WithoutCancel(ctx), g, before, updates))
}

// pushed follows up those updates of a push that happened, if any did.
func (s *Service) pushed(ctx context.Context, g access.Grant, before *git.Refs, updates []git.Update) error {
	r := s.git(g)
	after, err := r.Refs(ctx)
	if err != nil {
		return fmt.Errorf("reading references after a push: %w", err)
	}
	happened := slices.DeleteFunc(updates, func(u git.Update) bool {
		was, _ := before.Find(u.Name)
		is, found := after.Find(u.Name)
		return was.OID == is.OID || found != (u.New != git.ZeroOID)
	})
	if len(happened) == 0 {
		return nil
	}
	if branch := defaultBranch(after, happened); branch != "" {
		err = r.SetHead(branch)
	}
	return errors.Join(err, s.touch(ctx, g))
}

// defaultBranch chooses what HEAD shall name where it names an unborn branch:
// main or master if one of them was pushed, else the first branch that was.
func defaultBranch(refs *git.Refs, pushed []git.Update) string {
	if refs.Head.OID != "" {
		return ""
	}
	chosen := ""
	for _, update := range pushed {
		switch {
		case !strings.HasPrefix(update.Name, branches) || update.New == git.ZeroOID:
		case update.Name == branches+"main", update.Name == branches+"master":
			return update.Name
		case chosen == "":
			chosen = update.Name
		}
	}
	return chosen
}
