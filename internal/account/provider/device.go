package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

const (
	pathDevice = "/device_authorization"
	deviceLife = 10 * time.Minute
	pollEvery  = 5 * time.Second // and so much more after each poll that comes too soon
)

// userCodes are the letters of the code that a person types: no vowels, so no
// words, and none that is taken for another (RFC 8628 §6.1). Eight of them are
// 34 bits, for ten minutes, at a few tries per person.
const userCodes = "BCDFGHJKLMNPQRSTVWXZ"

func newUserCode() string {
	code := make([]byte, 8)
	for i := range code {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(userCodes))))
		if err != nil {
			panic(err) // the system's generator never fails
		}
		code[i] = userCodes[n.Int64()]
	}
	return string(code)
}

// typed gives a user code as it is kept, however it was typed.
func typed(code string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(userCodes, r) {
			return r
		}
		return -1
	}, strings.ToUpper(code))
}

// device is a device that waits: a row of app_device.
type device struct {
	Hash, App, Scopes, Address, Agent string
	Created, Expires                  time.Time
	Answer                            string
	Person, Session                   string
	AuthTime                          time.Time
	ACR                               signin.Class
	AMR, Grant                        string
}

const selectDevice = `SELECT hash, app, scopes, address, agent, created, expires, answer, person, session, auth_time, acr, amr, app_grant FROM app_device `

// waitingDevice is what a device is told (RFC 8628 §3.2).
type waitingDevice struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Address    string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int64  `json:"expires_in"`
	Interval   int64  `json:"interval"`
}

// beginDevice has a device wait for a person's answer (RFC 8628 §3.1).
func (p *Provider) beginDevice(r *http.Request, app App) (any, error) {
	if !app.may(GrantDevice) {
		return nil, refuse("unauthorized_client", "the app isn't registered for devices")
	}
	scopes := app.allowed(strings.Fields(r.PostForm.Get("scope")))
	if len(scopes) == 0 {
		return nil, refuse("invalid_scope", "scope names nothing that the app may ask for")
	}
	ctx, now := r.Context(), p.config.Clock()
	plain, hash := secret.Token("spd_")
	code := newUserCode()
	_, err := db.Exec(ctx, p.config.DB, `
		INSERT INTO app_device (hash, user_code, app, scopes, address, agent, created, expires, poll_every)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		hash, code, app.ID, strings.Join(scopes, " "), request.AddressText(request.Address(ctx)), agentText(r.UserAgent()), now, now.Add(deviceLife), pollEvery)
	if err != nil {
		return nil, fmt.Errorf("keeping a device: %w", err)
	}
	shown := code[:4] + "-" + code[4:]
	return waitingDevice{
		DeviceCode: plain.Reveal(), UserCode: shown,
		Address: p.config.Issuer + "/device", Complete: p.config.Issuer + "/device?user_code=" + shown,
		ExpiresIn: int64(deviceLife.Seconds()), Interval: int64(pollEvery.Seconds()),
	}, nil
}

func agentText(agent string) string {
	agent = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, agent)
	return agent[:min(len(agent), 100)]
}

// spendDevice answers a device that asks whether it may (RFC 8628 §3.4, §3.5).
func (p *Provider) spendDevice(ctx context.Context, app App, form url.Values) (issued, error) {
	hash, now := secret.Hash(form.Get("device_code")), p.config.Clock()
	row, err := db.One[device](ctx, p.config.DB, selectDevice+`WHERE hash = $1 AND app = $2`, hash, app.ID)
	switch {
	case errs.Is(err, errs.KindNotFound):
		return issued{}, refuse("invalid_grant", "the device code is unknown")
	case err != nil:
		return issued{}, err
	case row.Grant != "":
		if err := p.endReused(ctx, row.Grant, "device_code"); err != nil {
			return issued{}, err
		}
		return issued{}, refuse("invalid_grant", "the device code was used before; what it gave is revoked")
	case !now.Before(row.Expires):
		return issued{}, refuse("expired_token", "the device code is over; begin again")
	case row.Answer == "no":
		return issued{}, refuse("access_denied", "the person said no")
	case row.Answer == "":
		return issued{}, p.tooSoon(ctx, hash, now)
	}
	g := grant{App: row.App, Person: row.Person, Session: row.Session, Scopes: row.Scopes, AuthTime: row.AuthTime, ACR: row.ACR, AMR: row.AMR}
	spent := false
	out, err := p.begin(ctx, app, &g, func(tx *db.Tx) (bool, error) {
		changed, err := db.Exec(ctx, tx, `UPDATE app_device SET app_grant = $1 WHERE hash = $2 AND app_grant = ''`, g.ID, hash)
		spent = changed == 1
		return spent, err
	})
	if err == nil && !spent {
		return p.spendDevice(ctx, app, form) // another exchange was faster: this one is the second
	}
	if err != nil {
		return issued{}, err
	}
	return p.withIDToken(ctx, out, g, "")
}

// tooSoon tells a device to wait, and for longer where it asks too often.
func (p *Provider) tooSoon(ctx context.Context, hash string, now time.Time) error {
	inTime, err := db.Exec(ctx, p.config.DB, `UPDATE app_device SET polled = $1 WHERE hash = $2 AND polled + poll_every <= $1`, now, hash)
	if err != nil {
		return err
	}
	if inTime == 1 {
		return refuse("authorization_pending", "nobody has answered yet")
	}
	if _, err := db.Exec(ctx, p.config.DB, `UPDATE app_device SET polled = $1, poll_every = poll_every + $3 WHERE hash = $2`, now, hash, pollEvery); err != nil {
		return err
	}
	return refuse("slow_down", "wait five seconds longer between two requests from now on")
}

// Device is what a person is shown of a device that waits for their answer.
type Device struct {
	Code   string // as it is shown
	App    App
	Allows []string // what it may do afterwards, in plain words
	From   string   // the network address that it asked from
	Agent  string   // the name that it gave itself
	Asked  time.Time
	Needs  signin.Class // the sign-in that its app needs; empty: any
}

var errNoDevice = errs.Invalid("user_code", "No device waits with this code. Check it, or begin again on the device.")

// FindDevice finds the device that shows a code to the person who typed it.
// Guesses are counted per person and per network.
func (p *Provider) FindDevice(ctx context.Context, s signin.Session, code string, network string) (Device, error) {
	keys := []string{throttle.Key("device", "person", s.Person.ID), throttle.Key("device", "source", network)}
	if err := p.config.Throttle.Take(ctx, keys...); err != nil {
		return Device{}, err
	}
	row, err := p.device(ctx, code)
	if err != nil {
		return Device{}, err
	}
	if err := p.config.Throttle.Forgive(ctx, p.config.DB, keys...); err != nil {
		return Device{}, err
	}
	app, err := p.app(ctx, row.App)
	if err != nil {
		return Device{}, fmt.Errorf("finding a device's app: %w", err)
	}
	allows, err := p.Allows(ctx, strings.Fields(row.Scopes))
	code = typed(code)
	return Device{
		Code: code[:4] + "-" + code[4:], App: app, Allows: allows,
		From: row.Address, Agent: row.Agent, Asked: row.Created, Needs: app.ACR,
	}, err
}

func (p *Provider) device(ctx context.Context, code string) (device, error) {
	row, err := db.One[device](ctx, p.config.DB, selectDevice+`WHERE user_code = $1 AND answer = '' AND expires > $2`, typed(code), p.config.Clock())
	if errs.Is(err, errs.KindNotFound) {
		return device{}, errNoDevice
	}
	if err != nil {
		return device{}, fmt.Errorf("finding a device: %w", err)
	}
	return row, nil
}

// AnswerDevice lets a device in, or not, as the person says. Whether they have
// just proven who they are is the page's to ask; whether their sign-in is what
// the app needs is asked here, and again when the device takes its tokens.
func (p *Provider) AnswerDevice(ctx context.Context, s signin.Session, code string, yes bool, from string) error {
	row, err := p.device(ctx, code)
	if err != nil {
		return err
	}
	app, err := p.app(ctx, row.App)
	if err != nil {
		return fmt.Errorf("finding a device's app: %w", err)
	}
	answer := "no"
	if yes {
		answer = "yes"
		if !s.Meets(signin.Need{Class: app.ACR}) {
			return errs.Denied("%s needs a stronger sign-in than yours. Sign in with your second step and come back.", app.Name)
		}
	}
	err = p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `
			UPDATE app_device SET answer = $1, person = $2, session = $3, auth_time = $4, acr = $5, amr = $6
			WHERE hash = $7 AND answer = '' AND EXISTS (SELECT 1 FROM person p WHERE p.id = $2 AND NOT p.suspended)`,
			answer, s.Person.ID, s.ID, s.AuthTime, s.Class, strings.Join(s.AMR, " "), row.Hash)
		if err == nil && changed == 0 {
			err = errNoDevice
		}
		if err != nil {
			return err
		}
		return p.config.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: s.Person.ID, Credential: "session", Address: from, Action: "device." + answer, Target: row.App,
			Detail: map[string]any{"scopes": row.Scopes, "asked_from": row.Address},
		})
	})
	if err != nil {
		return fmt.Errorf("answering a device: %w", err)
	}
	return nil
}
