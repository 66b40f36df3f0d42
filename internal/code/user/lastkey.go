package user

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/request"
)

// LastKey is the SSH key that somebody used last, as the gate would meet it.
type LastKey struct {
	Actor access.Actor // at gitssh; without a CredentialID where they have no key that works
	Label string
	Asks  bool // a security key, which counts as the step where it checks its user
}

// LastKey gives the actor's SSH key that was used last, as though it came from
// an address now; a key on a security key with the step that it gives by
// checking its user. Where they have none, it is one that has taken no step. It
// needs access.ReadSelf.
func (s *Service) LastKey(ctx context.Context, g access.Grant, from netip.Addr) (LastKey, error) {
	if err := g.Require(access.ReadSelf); err != nil {
		return LastKey{}, err
	}
	return s.SomeonesKey(ctx, g.Actor().User, from)
}

// SomeonesKey is LastKey for the operator; an address that isn't given is the
// one that the key last came from.
func (s *Service) SomeonesKey(ctx context.Context, user string, from netip.Addr) (LastKey, error) {
	now := s.Clock()
	rows, err := db.All[struct {
		ID, Label, Kind, From string
		Used                  time.Time // up to a minute late
		Step                  access.Step
		StepFrom              string
	}](ctx, s.DB, `
		SELECT id, label, kind, last_from, last_used, step_method, step_at, step_from FROM ssh_key
		WHERE user_id = $1 AND (expires = 0 OR expires > $2) ORDER BY last_used DESC, created DESC, id DESC LIMIT 1`, user, now)
	if err != nil {
		return LastKey{}, fmt.Errorf("reading the last SSH key: %w", err)
	}
	last := LastKey{Actor: access.Actor{Door: access.GitSSH, Credential: access.SSHKey, User: user, Address: from}}
	for _, k := range rows {
		last.Label, last.Actor.CredentialID = k.Label, k.ID
		if !from.IsValid() {
			if k.Step.At.After(k.Used) {
				k.From = k.StepFrom
			}
			last.Actor.Address, _ = netip.ParseAddr(k.From) // what can't be one is none
		}
		switch last.Asks = strings.HasPrefix(k.Kind, "sk-"); {
		case last.Asks:
			last.Actor.Step = access.Step{Method: access.SecurityKey, At: now}
		case k.StepFrom == request.AddressText(last.Actor.Address) && now.Sub(k.Step.At) < sessionMost:
			last.Actor.Step = k.Step
		}
	}
	return last, nil
}
