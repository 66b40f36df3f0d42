package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// keptForms holds what was typed into a form whose sending was challenged, for
// the hour that signing in or verifying may take. The table is kept_form.
// A kept form is bound to the session that typed it and to the path of its form.
// Codes and passwords are never kept, nor is anything that nobody signed in sends.
type keptForms struct {
	db    *db.DB
	box   *secret.Box
	clock clock.Clock
}

const (
	keptFor        = time.Hour
	maxKept        = 512 << 10 // bytes of one form
	keptPerSession = 20
)

// neverKept are the fields that hold secrets.
var neverKept = []string{"code", "recovery_code", "password", "challenge", "credential"}

// keep stores the fields and gives the id to load them by.
func (k keptForms) keep(ctx context.Context, session, path string, fields url.Values) (string, error) {
	kept := url.Values{}
	for name, values := range fields {
		kept[name] = values
	}
	for _, name := range neverKept {
		kept.Del(name)
	}
	if user.PrivateKey(kept.Get("key")) { // pasted by mistake
		kept.Del("key")
	}
	plain, err := json.Marshal(kept)
	if err != nil {
		return "", err
	}
	if len(plain) > maxKept {
		return "", errs.TooLarge("The form is too large to be kept. Copy your text, then go on.")
	}
	id, now := db.NewID(), k.clock()
	err = k.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, `DELETE FROM kept_form WHERE expires <= $1`, now); err != nil {
			return err
		}
		// Ids grow with time: only the newest of a session's forms stay.
		_, err := db.Exec(ctx, tx, `DELETE FROM kept_form WHERE session = $1 AND id NOT IN
			(SELECT id FROM kept_form WHERE session = $1 ORDER BY id DESC LIMIT $2)`, session, keptPerSession-1)
		if err != nil {
			return err
		}
		_, err = db.Exec(ctx, tx, `INSERT INTO kept_form (id, session, path, fields, expires) VALUES ($1, $2, $3, $4, $5)`,
			id, session, path, k.box.Seal(keptPlace(id), plain), now.Add(keptFor))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keeping a form: %w", err)
	}
	return id, nil
}

// load gives what was typed, to the session that typed it, on the form's own path.
// It gives nil where there is nothing to load.
func (k keptForms) load(ctx context.Context, session, path, id string) (url.Values, error) {
	if session == "" || id == "" {
		return nil, nil
	}
	sealed, err := db.One[[]byte](ctx, k.db,
		`SELECT fields FROM kept_form WHERE id = $1 AND session = $2 AND path = $3 AND expires > $4`,
		id, session, path, k.clock())
	if errs.Is(err, errs.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("loading a kept form: %w", err)
	}
	plain, err := k.box.Open(keptPlace(id), sealed)
	if err != nil {
		return nil, fmt.Errorf("loading a kept form: %w", err)
	}
	var fields url.Values
	if err := json.Unmarshal(plain, &fields); err != nil {
		return nil, fmt.Errorf("loading a kept form: %w", err)
	}
	return fields, nil
}

func keptPlace(id string) string { return "kept_form|fields|" + id }
