package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const branches = "refs/heads/"

// Push takes in a push as ReceivePack does, and gives the updates that happened. The first branch that is pushed becomes the default one where
// HEAD names none that exists.
func (r *Repository) Push(ctx context.Context, protocol Protocol, limits PushLimits, body io.Reader, w io.Writer) (happened []Update, err error) {
	before, err := r.Refs(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading references before a push: %w", err)
	}
	updates, err := r.ReceivePack(ctx, protocol, limits, body, w)
	if len(updates) == 0 {
		return nil, err
	}
	// What has been changed is changed, whatever happened to the client since.
	happened, failed := r.pushed(context.WithoutCancel(ctx), before, updates)
	return happened, errors.Join(err, failed)
}

// pushed follows up those updates of a push that happened, if any did.
func (r *Repository) pushed(ctx context.Context, before *Refs, updates []Update) ([]Update, error) {
	after, err := r.Refs(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading references after a push: %w", err)
	}
	happened := slices.DeleteFunc(updates, func(u Update) bool {
		was, _ := before.Find(u.Name)
		is, found := after.Find(u.Name)
		return was.OID == is.OID || found != (u.New != ZeroOID)
	})
	if branch := defaultBranch(after, happened); branch != "" {
		err = r.SetHead(branch)
	}
	return happened, err
}

// defaultBranch chooses what HEAD shall name where it names an unborn branch:
// main or master if one of them was pushed, else the first branch that was.
func defaultBranch(refs *Refs, pushed []Update) string {
	if refs.Head.OID != "" {
		return ""
	}
	chosen := ""
	for _, update := range pushed {
		switch {
		case !strings.HasPrefix(update.Name, branches) || update.New == ZeroOID:
		case update.Name == branches+"main", update.Name == branches+"master":
			return update.Name
		case chosen == "":
			chosen = update.Name
		}
	}
	return chosen
}
