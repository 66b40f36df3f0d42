package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	accountadmin "sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/secret"
)

type personCreate struct {
	admin
	Email         string `help:"Their email address." required:"" placeholder:"ADDRESS"`
	Name          string `help:"Their name." required:"" placeholder:"NAME"`
	Administrator bool   `help:"Make them an administrator of Account."`
}

func (c *personCreate) Run(ctx context.Context) error {
	password, err := pipedLine(os.Stdin)
	if err != nil {
		return fmt.Errorf("reading the password: %w; pipe it in as one line", err)
	}
	return c.with(ctx, func(s *store) error {
		p, err := s.people.Create(ctx, person.Input{
			Name: c.Name, Email: c.Email, Password: secret.New(password), Administrator: c.Administrator,
		})
		if err != nil {
			return err
		}
		if password == "" {
			fmt.Printf("Made %s. They get a mail with a link to choose a password, as soon as sallyport serve runs.\n", p.Email)
		} else {
			fmt.Printf("Made %s.\n", p.Email)
		}
		return nil
	})
}

// pipedLine reads the first line of what is piped in; empty where nothing is.
func pipedLine(in *os.File) (string, error) {
	info, err := in.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 {
		return "", nil // closed, or a terminal
	}
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type personList struct{ admin }

func (c *personList) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		people, err := s.people.List(ctx)
		if err != nil {
			return err
		}
		return table("EMAIL\tNAME\tADMINISTRATOR\tSUSPENDED\tCREATED", len(people), func(i int) []any {
			p := people[i]
			return []any{p.Email, p.Name, yes(p.Administrator), yes(p.Suspended), p.Created.Format("2006-01-02")}
		})
	})
}

type personSuspend struct {
	admin
	Email string `arg:"" help:"Their email address."`
	Lift  bool   `help:"Let them in again."`
}

// Run shuts the account first: from then on nobody can come back to Code with it.
func (c *personSuspend) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		p, err := s.people.Find(ctx, c.Email)
		if err != nil {
			return err
		}
		if _, err := c.provider(ctx, s); err != nil { // it has the apps hear of it
			return err
		}
		if err := s.signIn.Suspend(ctx, c.Email, !c.Lift); err != nil {
			return err
		}
		if _, err := s.users.Suspend(ctx, "", p.ID, !c.Lift); err != nil {
			return err
		}
		if c.Lift {
			fmt.Printf("%s may sign in again.\n", p.Email)
		} else {
			fmt.Printf("%s is shut out; their sessions have ended and their tokens open nothing.\n", p.Email)
		}
		return nil
	})
}

type personResume struct {
	admin
	Email string `arg:"" help:"Their email address."`
}

func (c *personResume) Run(ctx context.Context) error {
	return (&personSuspend{admin: c.admin, Email: c.Email, Lift: true}).Run(ctx)
}

type personAdministrator struct {
	admin
	Email    string `arg:"" help:"Their email address."`
	Withdraw bool   `help:"Make them an ordinary person again."`
}

func (c *personAdministrator) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		p, err := s.people.Find(ctx, c.Email)
		if err != nil {
			return err
		}
		act, said := accountadmin.Promote, "%s is an administrator of Account now.\n"
		if c.Withdraw {
			act, said = accountadmin.Demote, "%s is an ordinary person now.\n"
		}
		if _, err := s.admin.Do(ctx, act, p.ID, person.Operator()); err != nil {
			return err
		}
		fmt.Printf(said, p.Email)
		return nil
	})
}

type userSuspend struct {
	admin
	Username string `arg:"" help:"The username in Code."`
}

func (c *userSuspend) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		if err := s.users.SuspendUser(ctx, c.Username, true); err != nil {
			return err
		}
		fmt.Printf("%s is shut out of Code; their sessions have ended, and their tokens and keys open nothing.\n", c.Username)
		return nil
	})
}

type userResume struct {
	admin
	Username string `arg:"" help:"The username in Code."`
}

func (c *userResume) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		if err := s.users.SuspendUser(ctx, c.Username, false); err != nil {
			return err
		}
		fmt.Printf("%s may use Code again.\n", c.Username)
		return nil
	})
}

type personResetMFA struct {
	admin
	Email string `arg:"" help:"Their email address."`
}

func (c *personResetMFA) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		p, err := s.people.Find(ctx, c.Email)
		if err != nil {
			return err
		}
		if _, err := s.admin.Do(ctx, accountadmin.ResetMFA, p.ID, person.Operator()); err != nil {
			return err
		}
		fmt.Printf("MFA of %s is off and their recovery codes are void; they are signed out and told by mail.\n", p.Email)
		return nil
	})
}

type userResetTwoStep struct {
	admin
	User string `arg:"" help:"The username in Code."`
}

func (c *userResetTwoStep) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		if err := s.users.ResetTwoStep(ctx, c.User); err != nil {
			return err
		}
		fmt.Printf("Two-step verification of %s is off and their recovery codes are void; they are signed out of Code and told by mail.\n", c.User)
		return nil
	})
}

type personRecoveryLink struct {
	admin
	Email string `arg:"" help:"Their email address."`
}

func (c *personRecoveryLink) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		p, err := s.people.Find(ctx, c.Email)
		if err != nil {
			return err
		}
		if err := s.signIn.MailRecovery(ctx, p, person.Operator()); err != nil {
			return err
		}
		fmt.Printf("%s gets a mail with a link to choose a new password, as soon as sallyport serve runs.\n", p.Email)
		return nil
	})
}

type tokenCreate struct {
	admin
	User   string        `help:"Whose: the username in Code." required:"" placeholder:"USERNAME"`
	Name   string        `help:"What it is called." required:"" placeholder:"NAME"`
	Lasts  time.Duration `help:"How long it works, at most a year." default:"2160h"`
	Scopes []string      `help:"What it may do, such as read:repository:bitbucket." required:"" placeholder:"SCOPE,…"`
}

func (c *tokenCreate) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		in := token.Input{Name: c.Name, Expires: time.Now().Add(c.Lasts)}
		for _, scope := range c.Scopes {
			in.Scopes = append(in.Scopes, access.Scope(scope))
		}
		_, plain, err := s.tokens.CreateFor(ctx, c.User, in)
		if err != nil {
			return err
		}
		fmt.Println(plain.Reveal())
		return nil
	})
}

// table prints rows in columns.
func table(head string, rows int, row func(i int) []any) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, head)
	for i := range rows {
		for column, value := range row(i) {
			if column > 0 {
				fmt.Fprint(out, "\t")
			}
			fmt.Fprint(out, value)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
