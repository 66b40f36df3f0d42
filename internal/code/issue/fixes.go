package issue

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

var (
	fixes   = regexp.MustCompile(`(?i)\b(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?):?\s+(?:issue\s+)?(#\d{1,9}(?:(?:\s*,\s*|\s+and\s+|\s+)#\d{1,9})*)`)
	numbers = regexp.MustCompile(`\d+`)
)

const maxFixed = 50 // issues that one push resolves

// Fixed resolves the issues that new commits on the default branch say they
// fix ("fixes #12", "closes #3 and #4"), with a note that names the commit.
// The commits come newest first. Whoever may push them may write to the
// issues, so it wants a grant for WriteRepository (decision 0030).
func (s *Service) Fixed(ctx context.Context, g access.Grant, commits []git.Commit) error {
	if err := g.Require(access.WriteRepository); err != nil {
		return err
	}
	if !g.Repository().Issues.On {
		return nil
	}
	left := maxFixed
	for _, commit := range slices.Backward(commits) {
		for _, found := range fixes.FindAllStringSubmatch(commit.Message, maxFixed) {
			for _, digits := range numbers.FindAllString(found[1], maxFixed) {
				number, err := strconv.ParseInt(digits, 10, 64)
				if err != nil || left == 0 {
					continue
				}
				left--
				if err := s.fixedBy(ctx, g, number, commit); err != nil {
					return fmt.Errorf("resolving an issue by a commit: %w", err)
				}
			}
		}
	}
	return nil
}

func (s *Service) fixedBy(ctx context.Context, g access.Grant, number int64, commit git.Commit) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		now, err := s.locked(ctx, tx, g, number)
		if errs.Is(err, errs.KindNotFound) || err == nil && !now.State.Unresolved() {
			return nil
		}
		if err != nil {
			return err
		}
		body := "Resolved by the commit " + string(commit.OID) + "."
		id, _, err := s.addComment(ctx, tx, g, now, body)
		if err != nil {
			return err
		}
		after, err := s.update(ctx, tx, g, number, 0, change{comment: &id, quiet: true, to: func(f Fields) Fields {
			f.State = Resolved
			return f
		}})
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, g, after, activity.Happening{Kind: activity.IssueClosed, Detail: string(Resolved)}, "resolved this issue.", body)
	})
}
