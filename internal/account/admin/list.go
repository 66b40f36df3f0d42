package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/db"
)

// Row is a person in the list of people.
type Row struct {
	person.Person
	MFA  bool      // at least one second step is on
	Seen time.Time // when they last used Account; zero: not in any session that is kept
}

const selectRow = `
	SELECT p.id, p.name, p.administrator, p.suspended, p.created, COALESCE(m.address, ''),
	  EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'account' AND f.holder = p.id AND f.confirmed > 0),
	  COALESCE((SELECT MAX(s.seen) FROM account_session s WHERE s.person = p.id), 0)
	FROM person p LEFT JOIN person_email m ON m.person = p.id AND m.main `

// List gives up to limit people whose name or address holds the text, ordered
// by main address, after one.
func (s *Service) List(ctx context.Context, text, after string, limit int) ([]Row, error) {
	like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(strings.TrimSpace(text))) + "%"
	rows, err := db.All[Row](ctx, s.DB, selectRow+`
		WHERE COALESCE(m.address, '') > $1 AND (LOWER(p.name) LIKE $2 ESCAPE '\'
		  OR EXISTS (SELECT 1 FROM person_email e WHERE e.person = p.id AND e.address LIKE $2 ESCAPE '\'))
		ORDER BY COALESCE(m.address, '') LIMIT $3`, after, like, limit)
	if err != nil {
		return nil, fmt.Errorf("listing people: %w", err)
	}
	return rows, nil
}

// Get gives one person; NotFound where there is none.
func (s *Service) Get(ctx context.Context, id string) (Row, error) {
	return db.One[Row](ctx, s.DB, selectRow+`WHERE p.id = $1`, id)
}

// Counted is what the site's rules look at in a person.
type Counted struct {
	Addresses []string
	MFA       bool
}

// Everybody gives everybody who isn't suspended.
func (s *Service) Everybody(ctx context.Context) ([]Counted, error) {
	rows, err := db.All[struct {
		ID, Address string
		MFA         bool
	}](ctx, s.DB, `
		SELECT p.id, COALESCE(e.address, ''), EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'account' AND f.holder = p.id AND f.confirmed > 0)
		FROM person p LEFT JOIN person_email e ON e.person = p.id WHERE NOT p.suspended ORDER BY p.id`)
	if err != nil {
		return nil, fmt.Errorf("counting people: %w", err)
	}
	var all []Counted
	for i, row := range rows {
		if i == 0 || row.ID != rows[i-1].ID {
			all = append(all, Counted{MFA: row.MFA})
		}
		last := &all[len(all)-1]
		last.Addresses = append(last.Addresses, row.Address)
	}
	return all, nil
}
