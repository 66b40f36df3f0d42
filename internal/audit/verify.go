package audit

import (
	"context"
	"fmt"

	"sallyport.dev/internal/db"
)

// Broken says where the chain breaks.
type Broken struct {
	Seq int64
	Why string
}

func (b *Broken) Error() string { return fmt.Sprintf("audit entry %d %s", b.Seq, b.Why) }

// Verify follows the whole chain. It returns how many entries there are, or
// *Broken for the first that doesn't fit. What is appended meanwhile is left
// aside. It holds a batch of entries at a time, however many there are.
func (l *Log) Verify(ctx context.Context) (int64, error) {
	head, err := db.One[struct {
		Seq  int64
		Hash string
	}](ctx, l.DB, `SELECT seq, hash FROM audit_head WHERE id = 1`)
	if err != nil {
		return 0, fmt.Errorf("reading the end of the audit log: %w", err)
	}
	var last Record
	for last.Seq < head.Seq {
		records, err := l.Read(ctx, "", last.Seq, batch)
		if err != nil {
			return 0, fmt.Errorf("reading the audit log: %w", err)
		}
		if len(records) == 0 {
			return 0, &Broken{last.Seq + 1, "is missing"}
		}
		for _, r := range records {
			if r.Seq > head.Seq {
				break // appended while we were reading
			}
			if err := r.follows(last); err != nil {
				return 0, err
			}
			last = r
		}
	}
	if last.Hash != head.Hash {
		return 0, &Broken{last.Seq, "isn't the one that the log ends with"}
	}
	return last.Seq, l.nothingBeyond(ctx)
}

// follows tells whether the record is the next after another.
func (r Record) follows(last Record) error {
	switch {
	case r.Seq <= 0:
		return &Broken{r.Seq, "stands before the beginning"}
	case r.Seq != last.Seq+1:
		return &Broken{last.Seq + 1, "is missing"}
	case r.Previous != last.Hash:
		return &Broken{r.Seq, "doesn't follow the entry before it"}
	case r.Hash != r.sum():
		return &Broken{r.Seq, "was altered"}
	}
	return nil
}

// nothingBeyond looks for what was put in without moving the log's end, before
// its beginning or after its end. An entry and the end move in one transaction,
// so that one statement never sees the one without the other.
func (l *Log) nothingBeyond(ctx context.Context) error {
	strays, err := db.All[int64](ctx, l.DB, `
		SELECT seq FROM audit WHERE seq < 1 OR seq > (SELECT seq FROM audit_head WHERE id = 1) ORDER BY seq LIMIT 1`)
	if err != nil {
		return fmt.Errorf("reading beyond the ends of the audit log: %w", err)
	}
	for _, seq := range strays {
		return &Broken{seq, "was put in from outside: it stands beyond the ends of the log"}
	}
	return nil
}
