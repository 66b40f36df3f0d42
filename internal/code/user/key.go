package user

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

const (
	maxKeys = 100                       // of one owner
	keyMost = 10 * 366 * 24 * time.Hour // how far ahead a key may expire
)

// Key is a public key of a person, or a deploy key of a repository.
type Key struct {
	ID          string
	Label       string
	Fingerprint string // SHA256:…
	Kind        string // ssh-ed25519, …
	Writable    bool   // of a deploy key: it may push
	Created     time.Time
	Expires     time.Time // zero: never
	LastUsed    time.Time // zero: never; up to a minute late
	LastFrom    string
	Step        access.Step // the second step that was given to it
	StepFrom    string      // the address that the step holds from
}

// Expired reports whether the key is over.
func (k Key) Expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// KeyInput is what a new key shall be.
type KeyInput struct {
	Text     string    // the line of the .pub file
	Label    string    // empty: the key's comment
	Writable bool      // of a deploy key
	Expires  time.Time // zero: never
}

// owner is whose a key is: one of the two.
type owner struct{ user, repository string }

func userOf(g access.Grant) owner       { return owner{user: g.Actor().User} }
func repositoryOf(g access.Grant) owner { return owner{repository: g.Repository().ID} }

// Keys lists the actor's SSH keys, newest first, expired ones too.
func (s *Service) Keys(ctx context.Context, g access.Grant) ([]Key, error) {
	if err := g.Require(access.ReadSelf, access.ManageKeys); err != nil {
		return nil, err
	}
	return s.keysOf(ctx, userOf(g))
}

// DeployKeys lists the keys of the grant's repository, newest first.
func (s *Service) DeployKeys(ctx context.Context, g access.Grant) ([]Key, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManageDeployKeys); err != nil {
		return nil, err
	}
	return s.keysOf(ctx, repositoryOf(g))
}

// AddKey takes in a public key of the actor's. It needs access.ManageKeys. It
// is of kind Invalid or Conflict for "key", "label" or "expires".
func (s *Service) AddKey(ctx context.Context, g access.Grant, in KeyInput) (Key, error) {
	if err := g.Require(access.ManageKeys); err != nil {
		return Key{}, err
	}
	in.Writable = false
	k, err := s.addKey(ctx, g, userOf(g), in, func(tx *db.Tx, k Key) error {
		return s.noticeOwn(ctx, tx, g, "A new SSH key was added",
			"The SSH key “"+k.Label+"” ("+k.Fingerprint+") was added to your profile in Code. Git can come in with it.")
	})
	if err != nil {
		return Key{}, fmt.Errorf("adding an SSH key: %w", err)
	}
	return k, nil
}

// AddDeployKey takes in a public key for the grant's repository. It needs
// access.ManageDeployKeys; errors are those of AddKey.
func (s *Service) AddDeployKey(ctx context.Context, g access.Grant, in KeyInput) (Key, error) {
	if err := g.Require(access.ManageDeployKeys); err != nil {
		return Key{}, err
	}
	k, err := s.addKey(ctx, g, repositoryOf(g), in, func(tx *db.Tx, k Key) error {
		may := "read"
		if k.Writable {
			may = "read and write"
		}
		return s.noticeOwners(ctx, tx, g, "A deploy key was added",
			"The deploy key “"+k.Label+"” ("+k.Fingerprint+") may now "+may+" "+nameOf(g)+".")
	})
	if err != nil {
		return Key{}, fmt.Errorf("adding a deploy key: %w", err)
	}
	return k, nil
}

func nameOf(g access.Grant) string { return g.Workspace().Slug + "/" + g.Repository().Slug }

func (s *Service) addKey(ctx context.Context, g access.Grant, of owner, in KeyInput, notice func(*db.Tx, Key) error) (Key, error) {
	k, line, err := in.check(s.Clock())
	if err != nil {
		return Key{}, err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		n, err := s.countKeys(ctx, tx, of)
		if err != nil {
			return err
		}
		if n >= maxKeys {
			return errs.Conflict("", "There are %d keys already. Remove one that is no longer used first.", maxKeys)
		}
		err = s.insertKey(ctx, tx, k, line, of)
		if db.IsDuplicate(err) {
			return errs.Conflict("key", "This key is in use already, by you or by somebody else. A key opens for one user or one repository: use another one.")
		}
		if err != nil {
			return err
		}
		if err := notice(tx, k); err != nil {
			return err
		}
		return s.noteKey(ctx, tx, g, "added", k)
	})
	return k, err
}

// check makes a key of what was given, or says for each field what is wrong.
func (in KeyInput) check(now time.Time) (Key, string, error) {
	public, err := parsePublicKey(in.Text)
	if err != nil {
		return Key{}, "", err
	}
	label := strings.TrimSpace(in.Label)
	if label == "" {
		label = public.Comment
	}
	if label, err = checkKeyLabel(label); err != nil {
		return Key{}, "", err
	}
	if !in.Expires.IsZero() && (!in.Expires.After(now) || in.Expires.After(now.Add(keyMost))) {
		return Key{}, "", errs.Invalid("expires", "Choose a day within ten years from now.")
	}
	return Key{
		ID: db.NewID(), Label: label, Fingerprint: public.Fingerprint, Kind: public.Kind,
		Writable: in.Writable, Created: now, Expires: in.Expires,
	}, public.Line, nil
}

func checkKeyLabel(label string) (string, error) {
	label = strings.TrimSpace(label)
	if label == "" || utf8.RuneCountInString(label) > maxName || !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
		return "", errs.Invalid("label", "Name it in 1 to %d characters, after where the key is kept.", maxName)
	}
	return label, nil
}

// RenameKey gives a key of the actor's another label. It needs
// access.ManageKeys, and is of kind NotFound where they have no such key.
func (s *Service) RenameKey(ctx context.Context, g access.Grant, id, label string) error {
	if err := g.Require(access.ManageKeys); err != nil {
		return err
	}
	label, err := checkKeyLabel(label)
	if err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		before, err := s.renameKey(ctx, tx, id, g.Actor().User, label)
		if errs.Is(err, errs.KindNotFound) {
			return errNoKey()
		}
		if err != nil || before == label {
			return err
		}
		return s.note(ctx, tx, g, "ssh_key.renamed", id, map[string]any{"from": before, "to": label})
	})
	if err != nil {
		return fmt.Errorf("renaming an SSH key: %w", err)
	}
	return nil
}

// RemoveKey shuts out a key of the actor's at once. It needs
// access.ManageKeys, and is of kind NotFound where they have no such key.
func (s *Service) RemoveKey(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManageKeys); err != nil {
		return err
	}
	return s.removeKey(ctx, g, userOf(g), id, func(tx *db.Tx, k Key) error {
		return s.noticeOwn(ctx, tx, g, "An SSH key was removed",
			"The SSH key “"+k.Label+"” ("+k.Fingerprint+") was removed from your profile in Code. It no longer opens anything.")
	})
}

// RemoveDeployKey shuts out a key of the grant's repository at once. It needs
// access.ManageDeployKeys, and is of kind NotFound where there is no such key.
func (s *Service) RemoveDeployKey(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManageDeployKeys); err != nil {
		return err
	}
	return s.removeKey(ctx, g, repositoryOf(g), id, func(tx *db.Tx, k Key) error {
		return s.noticeOwners(ctx, tx, g, "A deploy key was removed",
			"The deploy key “"+k.Label+"” ("+k.Fingerprint+") no longer opens "+nameOf(g)+".")
	})
}

func (s *Service) removeKey(ctx context.Context, g access.Grant, of owner, id string, notice func(*db.Tx, Key) error) error {
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		k, err := s.deleteKey(ctx, tx, id, of)
		if errs.Is(err, errs.KindNotFound) {
			return errNoKey()
		}
		if err != nil {
			return err
		}
		if err := notice(tx, k); err != nil {
			return err
		}
		return s.noteKey(ctx, tx, g, "removed", k)
	})
	if err != nil {
		return fmt.Errorf("removing an SSH key: %w", err)
	}
	return nil
}

func errNoKey() error {
	return errs.NotFound("There is no such key here. It may have been removed already.")
}

// noteKey adds to the audit log that a key was added or removed.
func (s *Service) noteKey(ctx context.Context, tx *db.Tx, g access.Grant, what string, k Key) error {
	a, kind := g.Actor(), "ssh_key."
	detail := map[string]any{"label": k.Label, "fingerprint": k.Fingerprint, "kind": k.Kind}
	if g.Repository().ID != "" {
		kind = "deploy_key."
		detail["repository"], detail["writable"] = g.Repository().ID, k.Writable
	}
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Workspace: g.Workspace().ID, Actor: a.User, Credential: string(a.Credential),
		Address: request.AddressText(a.Address), Action: kind + what, Target: k.ID, Detail: detail,
	})
}

// KeyHolder is who comes with a key.
type KeyHolder struct {
	Actor    access.Actor
	Name     string // "alice", or "the deploy key “ci” of acme/app"
	lastUsed time.Time
}

// FromKey tells who a public key stands for, by its fingerprint; the caller
// sets the actor's Door. That a key was named proves nothing: whoever acts on
// the answer must have seen proof of the private key. The actor has taken the
// second step where one was given to the key, from this address,
// within the life of a session (decision 0011).
//
// It is of kind Unauthenticated where the key is unknown, removed or expired,
// or its owner suspended. Any other error means that nobody knows, and must not
// pass for nobody.
func (s *Service) FromKey(ctx context.Context, fingerprint string, address netip.Addr) (KeyHolder, error) {
	now := s.Clock()
	k, err := s.liveKey(ctx, fingerprint, now)
	if errs.Is(err, errs.KindNotFound) {
		return KeyHolder{}, errs.Unauthenticated("This key isn't valid here: it is unknown, was removed or has expired, or its owner is suspended.")
	}
	if err != nil {
		return KeyHolder{}, fmt.Errorf("reading an SSH key: %w", err)
	}
	actor := access.Actor{CredentialID: k.ID, Address: address}
	if k.Repository != "" {
		actor.Credential = access.DeployKey
		actor.Workspace, actor.Repository = k.Workspace, k.Repository
		actor.Scopes = []access.Scope{access.ScopeReadRepository, access.ScopeReadWiki}
		if k.Writable {
			actor.Scopes = []access.Scope{access.ScopeWriteRepository, access.ScopeWriteWiki}
		}
		return KeyHolder{actor, "the deploy key “" + k.Label + "” of " + k.Slug, k.LastUsed}, nil
	}
	actor.Credential, actor.User = access.SSHKey, k.User
	if k.StepFrom == request.AddressText(address) && now.Sub(k.Step.At) < sessionMost {
		actor.Step = k.Step
	}
	return KeyHolder{actor, k.Username, k.LastUsed}, nil
}

// UsedKey notes that somebody came in with their key, up to a minute exactly.
func (s *Service) UsedKey(h KeyHolder) {
	if now := s.Clock(); now.Sub(h.lastUsed) >= seenEvery {
		s.seen.key(h.Actor.CredentialID, now, request.AddressText(h.Actor.Address))
	}
}
