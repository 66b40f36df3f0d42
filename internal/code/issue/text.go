package issue

import (
	"context"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"sallyport.dev/internal/db"
)

// Full text is the one place where the engines differ: FTS5 on SQLite, tsvector
// on PostgreSQL. What a word is is said here, so both find the same.

const (
	maxWord     = 64     // characters; what is longer is cut
	maxWords    = 20_000 // different ones that are kept of an issue
	maxSearched = 16     // words that are looked for at once
)

// divide gives the different words of a text, in lower case: runs of letters
// and digits.
func divide(text string) []string {
	var words []string
	seen := map[string]bool{}
	split := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }
	for word := range strings.FieldsFuncSeq(strings.ToLower(strings.ToValidUTF8(text, " ")), split) {
		if utf8.RuneCountInString(word) > maxWord {
			word = string([]rune(word)[:maxWord])
		}
		if !seen[word] {
			seen[word] = true
			words = append(words, word)
		}
		if len(words) == maxWords {
			break
		}
	}
	return words
}

// holdsSQL is the condition for an issue i to hold the words $11.
func (s *Service) holdsSQL() string {
	if s.DB.Engine == db.SQLite {
		return `i.id IN (SELECT t.issue FROM issue_text t WHERE t.words MATCH $11)`
	}
	return `i.id IN (SELECT t.issue FROM issue_text t WHERE t.words @@ CAST($11 AS tsquery))`
}

// searched writes words as the engine looks for them: all of them, each also as
// the beginning of a longer one. They hold no sign that means something to it.
func (s *Service) searched(words []string) string {
	words = words[:min(len(words), maxSearched)]
	quoted := make([]string, len(words))
	for i, word := range words {
		if s.DB.Engine == db.SQLite {
			quoted[i] = `"` + word + `"*`
		} else {
			quoted[i] = `'` + word + `':*`
		}
	}
	if s.DB.Engine == db.SQLite {
		return strings.Join(quoted, " ")
	}
	return strings.Join(quoted, " & ")
}

// index keeps the words of an issue and of what is said about it, as they are
// within the transaction.
func (s *Service) index(ctx context.Context, tx *db.Tx, id string) error {
	texts, err := db.All[string](ctx, tx, `SELECT title || ' ' || body FROM issue WHERE id = $1
		UNION ALL SELECT body FROM issue_comment WHERE issue = $1 AND deleted = 0`, id)
	if err != nil {
		return err
	}
	words := strings.Join(divide(strings.Join(texts, " ")), " ")
	if s.DB.Engine == db.SQLite {
		if err := s.unindex(ctx, tx, id); err != nil {
			return err
		}
		_, err = db.Exec(ctx, tx, `INSERT INTO issue_text (rowid, issue, words) VALUES ($1, $2, $3)`, rowOf(id), id, words)
		return err
	}
	_, err = db.Exec(ctx, tx, `INSERT INTO issue_text (issue, words) VALUES ($1, array_to_tsvector(string_to_array($2, ' ')))
		ON CONFLICT (issue) DO UPDATE SET words = EXCLUDED.words`, id, words)
	return err
}

func (s *Service) unindex(ctx context.Context, tx *db.Tx, id string) error {
	statement, row := `DELETE FROM issue_text WHERE rowid = $1`, any(rowOf(id))
	if s.DB.Engine != db.SQLite {
		statement, row = `DELETE FROM issue_text WHERE issue = $1`, id
	}
	_, err := db.Exec(ctx, tx, statement, row)
	return err
}

// rowOf gives the number under which FTS5, which finds a row by nothing else,
// keeps an issue: the 62 random bits of its id.
func rowOf(id string) int64 {
	parsed, err := uuid.Parse(id)
	if err != nil {
		panic("an issue's id is no UUID: " + id)
	}
	return int64(binary.BigEndian.Uint64(parsed[8:]) &^ (3 << 62)) //nolint:gosec // 62 bits fit
}
