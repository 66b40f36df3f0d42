package user

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/throttle"
)

// A second step over SSH is given to the key that came with it, and holds from
// the address that it was given from (decision 0011).

// AskingOverSSH lists the workspaces, by slug, that would let the actor's key in
// if the actor gave a code now, and don't without. None: nobody has to be asked.
func (s *Service) AskingOverSSH(ctx context.Context, a access.Actor) ([]string, error) {
	if a.Credential != access.SSHKey {
		return nil, nil
	}
	workspaces, err := s.asking(ctx, a.User)
	if err != nil {
		return nil, fmt.Errorf("reading which workspaces ask over SSH: %w", err)
	}
	now := s.Clock()
	opens := func(w askingRow, step access.Step) bool {
		a.Factors, a.Step = w.Factors, step
		verdict := access.Decide(a, w.policy(), access.Resource{Exists: true, Permission: access.Read}, access.ReadRepository, now)
		return verdict.Outcome == access.Allow
	}
	had, code := a.Step, access.Step{Method: access.TOTP, At: now}
	var slugs []string
	for _, w := range workspaces {
		if !opens(w, had) && opens(w, code) {
			slugs = append(slugs, w.Slug)
		}
	}
	return slugs, nil
}

// WorkspacesAskingOverSSH lists the actor's workspaces, by slug, whose rules
// want the second step over SSH too.
func (s *Service) WorkspacesAskingOverSSH(ctx context.Context, g access.Grant) ([]string, error) {
	if err := g.Require(access.ReadSelf, access.ManageKeys); err != nil {
		return nil, err
	}
	workspaces, err := s.asking(ctx, g.Actor().User)
	if err != nil {
		return nil, fmt.Errorf("reading which workspaces ask over SSH: %w", err)
	}
	slugs := make([]string, len(workspaces))
	for i, w := range workspaces {
		slugs[i] = w.Slug
	}
	return slugs, nil
}

// StepByKey takes the second step over SSH, with a code of an authenticator app
// or a recovery code, for the key that the actor came with. Errors are those of
// VerifyStep; Unauthenticated says that the key is gone.
func (s *Service) StepByKey(ctx context.Context, a access.Actor, code string) error {
	if a.Credential != access.SSHKey || a.CredentialID == "" {
		return fmt.Errorf("taking the second step over SSH: the actor came by %q", a.Credential)
	}
	method, err := s.useCode(ctx, a.User, code, throttle.Browser{})
	if err != nil {
		return err
	}
	return s.giveStep(ctx, a, a.CredentialID, access.Step{Method: access.Method(method), At: s.Clock()})
}

// VerifyKey gives the second step that the grant's session has taken to a key of
// the actor's, for connections from the address that the browser has. It needs
// access.ManageKeys, and is of kind NotFound where they have no such key.
func (s *Service) VerifyKey(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManageKeys); err != nil {
		return err
	}
	if g.Actor().Step.Method == "" {
		return errs.Conflict("", "Two-step verification is off, so there is no second step to give to the key. Turn it on first.")
	}
	err := s.giveStep(ctx, g.Actor(), id, g.Actor().Step)
	if errs.Is(err, errs.KindUnauthenticated) {
		return errNoKey()
	}
	return err
}

// giveStep keeps a step that the actor took for one of their keys.
func (s *Service) giveStep(ctx context.Context, a access.Actor, key string, step access.Step) error {
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		given, err := s.stepKey(ctx, tx, key, a.User, step, request.AddressText(a.Address))
		if err != nil {
			return err
		}
		if !given {
			return errs.Unauthenticated("This key was removed.")
		}
		if a.Credential == access.SSHKey && step.Method == access.RecoveryCode {
			u, err := s.byID(ctx, tx, a.User)
			if err != nil {
				return err
			}
			if err := s.noticeRecoveryUsed(ctx, tx, u, a.Address); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Actor: a.User, Credential: string(a.Credential), Address: request.AddressText(a.Address),
			Action: "ssh_key.second_step", Target: key, Detail: map[string]any{"method": step.Method},
		})
	})
	if err != nil {
		return fmt.Errorf("giving a second step to an SSH key: %w", err)
	}
	return nil
}

// stepKey notes a step of a user's key; false where they have no such key.
func (s *Service) stepKey(ctx context.Context, tx *db.Tx, id, user string, step access.Step, from string) (bool, error) {
	n, err := db.Exec(ctx, tx, `UPDATE ssh_key SET step_method = $3, step_at = $4, step_from = $5 WHERE id = $1 AND user_id = $2`,
		id, user, step.Method, step.At, from)
	return n == 1, err
}

// dropKeySteps takes from every key of the user the step that it has.
func (s *Service) dropKeySteps(ctx context.Context, tx *db.Tx, user string) error {
	_, err := db.Exec(ctx, tx, `UPDATE ssh_key SET step_method = '', step_at = 0, step_from = '' WHERE user_id = $1`, user)
	return err
}

// askingRow is a workspace that asks over SSH, and what the user has.
type askingRow struct {
	Slug                             string
	RequireFrom                      time.Time
	AcceptAccount, PhishingResistant bool
	AskAgain                         time.Duration
	Factors                          access.Factors
}

func (w askingRow) policy() access.Policy {
	return access.Policy{
		RequireTwoStep: true, RequireFrom: w.RequireFrom, AcceptAccountMFA: w.AcceptAccount,
		PhishingResistant: w.PhishingResistant, AskAgain: w.AskAgain, AskOverSSH: true,
	}
}

func (s *Service) asking(ctx context.Context, user string) ([]askingRow, error) {
	return db.All[askingRow](ctx, s.DB, `
		SELECT w.slug, w.require_from, w.accept_account, w.phishing_resistant, w.ask_again,
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = $1 AND kind = 'totp' AND confirmed > 0),
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = $1 AND kind = 'webauthn' AND confirmed > 0)
		FROM member m JOIN workspace w ON w.id = m.workspace
		WHERE m.user_id = $1 AND w.require_two_step AND w.ask_over_ssh ORDER BY w.slug`, user)
}
