package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
)

// What a process that reads for a page may take. Whoever may push decides what
// it has to read: a few small trees can name a billion files.
const (
	askTime    = 5 * time.Second
	askBigFile = "core.bigFileThreshold=8m"
	answersFor = 24 << 20 // bytes of answers that are remembered
)

// answerKey is a question to git in which objects are named by their ids alone,
// so that the answer never changes.
type answerKey struct {
	dir, args string
	limit     int
}

type answer struct {
	printed []byte
	more    bool
	err     error // that it takes too much memory, which won't change either
}

// ask runs git to read objects that are named by their ids, and gives what it
// prints, at most limit bytes; more says that there was more. The answer is
// remembered and must not be changed. Where git can't make sense of the objects
// the error is of kind Conflict, where they are too much for it TooLarge.
func (r *Repository) ask(ctx context.Context, limit int, args ...string) (printed []byte, more bool, err error) {
	key := answerKey{r.dir, strings.Join(args, "\x00"), limit}
	if known, ok := r.git.answers.Get(key); ok {
		return known.printed, known.more, known.err
	}
	if err := take(ctx, r.git.asking); err != nil {
		return nil, false, fmt.Errorf("waiting to read the repository: %w", err)
	}
	defer leave(r.git.asking)
	limited, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	printed, more, err = r.git.output(limited, process{dir: r.dir, config: []string{askBigFile}, args: args, memory: askMemory}, limit)
	if err != nil {
		exit, failed := errors.AsType[*ExitError](err)
		err = askError(ctx, limited, err)
		if failed && exit.outOfMemory() && limited.Err() == nil {
			r.git.answers.Put(key, answer{err: err}, 0)
		}
		return nil, false, err
	}
	r.git.answers.Put(key, answer{printed: printed, more: more}, len(printed))
	return printed, more, nil
}

// askError tells an error of git's that the objects are to blame for.
func askError(ctx, limited context.Context, err error) error {
	exit, ok := errors.AsType[*ExitError](err)
	switch {
	case ctx.Err() != nil || !ok:
		return err
	case limited.Err() != nil || exit.outOfMemory():
		return errors.Join(errTooMuch(), err)
	case exit.Code() == 128 && !strings.Contains(exit.Stderr, "not a git repository"): // the question was right
		return ErrDamaged(err)
	default:
		return err
	}
}

func (e *ExitError) outOfMemory() bool {
	return strings.Contains(strings.ToLower(e.Stderr), "out of memory")
}

func errTooMuch() error {
	return errs.TooLarge("This is more than a page can show. Clone the repository to look at it there.")
}

// ErrDamaged says that git can't make sense of what a repository holds. It is of
// kind Conflict; cause is for the log.
func ErrDamaged(cause error) error {
	return errors.Join(errs.Conflict("", "Git can't read this: a part of the repository is malformed. Whoever pushed it can push a sound one in its place."), cause)
}
