package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/clock"
)

// provider gives Account's provider without its pages, and has the apps hear
// of what is done to people.
func (a *admin) provider(ctx context.Context, s *store) (*provider.Provider, error) {
	p, err := provider.New(ctx, provider.Config{
		Issuer: a.AccountURL, DB: s.db, Box: s.box, Clock: clock.System, People: s.people, Audit: s.audit, Throttle: s.limiter,
	})
	if err != nil {
		return nil, err
	}
	s.signIn.Ended, s.signIn.Suspended = p.SessionsEnded, p.PersonSuspended
	return p, nil
}

// withProvider is with, for commands that work on the provider.
func (a *admin) withProvider(ctx context.Context, f func(*provider.Provider) error) error {
	return a.with(ctx, func(s *store) error {
		p, err := a.provider(ctx, s)
		if err != nil {
			return err
		}
		return f(p)
	})
}

type appCreate struct {
	admin
	Name           string   `help:"What people know it as." required:"" placeholder:"NAME"`
	Redirect       []string `help:"Where it may have people sent back to; may be given several times." placeholder:"URL"`
	Public         bool     `help:"It runs on people's own devices and can keep no secret."`
	ThirdParty     bool     `help:"It belongs to somebody else: people are asked before it learns of them."`
	Scope          []string `help:"What it may ask for." default:"openid,profile,email" placeholder:"SCOPE,…"`
	Grant          []string `help:"How it may get tokens: code, refresh, device, client." default:"code" enum:"code,refresh,device,client" placeholder:"KIND,…"`
	ACR            string   `name:"acr" help:"The sign-in that it needs at least, such as aal2." placeholder:"KIND"`
	LogoutRedirect []string `help:"Where it may have people sent after signing out; may be given several times." placeholder:"URL"`
	LogoutAddress  string   `help:"Where it is told of sign-outs (OpenID Connect back-channel logout)." placeholder:"URL"`
	EventsAddress  string   `help:"Where it is told of accounts that were suspended (RFC 8935)." placeholder:"URL"`
	Launch         string   `help:"Where people open it; shown in the launcher." placeholder:"URL"`
}

// grants are the kinds of grant by the short names of the command line.
func grants(names []string) []provider.GrantType {
	byName := map[string]provider.GrantType{
		"code": provider.GrantCode, "refresh": provider.GrantRefresh, "device": provider.GrantDevice, "client": provider.GrantClient,
	}
	all := make([]provider.GrantType, len(names))
	for i, name := range names {
		all[i] = byName[name]
	}
	return all
}

func (c *appCreate) Run(ctx context.Context) error {
	return c.withProvider(ctx, func(p *provider.Provider) error {
		app, key, err := p.CreateApp(ctx, person.Operator(), provider.App{
			Name: c.Name, Public: c.Public, ThirdParty: c.ThirdParty, Redirects: c.Redirect, LogoutRedirects: c.LogoutRedirect,
			LogoutAddress: c.LogoutAddress, EventsAddress: c.EventsAddress, LaunchAddress: c.Launch,
			Scopes: c.Scope, Grants: grants(c.Grant), ACR: signin.Class(c.ACR),
		})
		if err != nil {
			return err
		}
		fmt.Printf("Issuer:        %s\nClient id:     %s\n", c.AccountURL, app.ID)
		if !c.Public {
			fmt.Printf("Client secret: %s\n", key.Reveal())
		}
		return nil
	})
}

type appList struct{ admin }

func (c *appList) Run(ctx context.Context) error {
	return c.withProvider(ctx, func(p *provider.Provider) error {
		apps, err := p.Apps(ctx)
		if err != nil {
			return err
		}
		return table("CLIENT ID\tNAME\tPUBLIC\tTHIRD PARTY\tSCOPES\tREDIRECTS", len(apps), func(i int) []any {
			a := apps[i]
			return []any{a.ID, a.Name, yes(a.Public), yes(a.ThirdParty), strings.Join(a.Scopes, " "), strings.Join(a.Redirects, " ")}
		})
	})
}

type appRotateSecret struct {
	admin
	ID string `arg:"" help:"The client id."`
}

func (c *appRotateSecret) Run(ctx context.Context) error {
	return c.withProvider(ctx, func(p *provider.Provider) error {
		key, err := p.RotateSecret(ctx, person.Operator(), c.ID)
		if err != nil {
			return err
		}
		fmt.Println(key.Reveal())
		return nil
	})
}

type appDelete struct {
	admin
	ID string `arg:"" help:"The client id."`
}

func (c *appDelete) Run(ctx context.Context) error {
	return c.withProvider(ctx, func(p *provider.Provider) error {
		app, err := p.App(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := p.DeleteApp(ctx, person.Operator(), c.ID); err != nil {
			return err
		}
		fmt.Printf("%s is taken off; its tokens have ended.\n", app.Name)
		return nil
	})
}

type keyRotate struct {
	admin
	Leaked bool `help:"The old key may be in other hands: it ends at once, and what it signed with it."`
}

func (c *keyRotate) Run(ctx context.Context) error {
	return c.withProvider(ctx, func(p *provider.Provider) error {
		signsFrom, ends, err := p.RotateKey(ctx, person.Operator(), c.Leaked)
		if err != nil {
			return err
		}
		if c.Leaked {
			fmt.Println("The old key is void. Running servers sign with the new one within 15 seconds.")
			return nil
		}
		fmt.Printf("The new key signs from %s. The old one stays published until %s.\n", signsFrom.UTC().Format(time.RFC3339), ends.UTC().Format(time.RFC3339))
		return nil
	})
}
