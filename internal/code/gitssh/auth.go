package gitssh

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
)

// gitUser is the one name to sign in by: who comes, the key says.
const gitUser = "git"

// login signs one client in. It holds nothing of who that may be: what was
// proven is in the Permissions that the callbacks return.
type login struct {
	door    *Door
	wire    *wire
	address netip.Addr
	conn    ssh.ServerPreAuthConn
}

// proven is what a client's signature has proven.
type proven struct {
	fingerprint string
	verified    time.Time // when a security key has verified its user; zero: it hasn't
}

type provenKey struct{}

func (p proven) permissions() *ssh.Permissions {
	return &ssh.Permissions{ExtraData: map[any]any{provenKey{}: p}}
}

// provenBy gives what the accepted signature has proven.
func provenBy(conn *ssh.ServerConn) (proven, bool) {
	if conn.Permissions == nil {
		return proven{}, false
	}
	p, ok := conn.Permissions.ExtraData[provenKey{}].(proven)
	return p, ok && p.fingerprint != ""
}

// config is what x/crypto/ssh asks of us on this connection.
func (l *login) config() *ssh.ServerConfig {
	config := l.door.protocol
	config.PreAuthConnCallback = func(conn ssh.ServerPreAuthConn) { l.conn = conn }
	config.BannerCallback = func(conn ssh.ConnMetadata) string {
		if conn.User() != gitUser {
			return "Use the user name git, as in git@host:workspace/repository.git.\n"
		}
		return ""
	}
	config.PublicKeyCallback = l.offered
	config.VerifiedPublicKeyCallback = l.signed
	return &config
}

var errUnknownKey = errors.New("no such key")

// offered says whether a key would do. The client may have no more of it than
// its name.
func (l *login) offered(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if _, certificate := key.(*ssh.Certificate); certificate || conn.User() != gitUser {
		return nil, errUnknownKey
	}
	p := proven{fingerprint: ssh.FingerprintSHA256(key)}
	if _, err := l.door.holder(l.door.ctx, p, l.address); err != nil {
		return nil, l.hide(err)
	}
	return p.permissions(), nil
}

// signed takes a key whose signature was right, or goes on to ask for a code
// where a workspace of its owner wants one that the key doesn't have.
func (l *login) signed(conn ssh.ConnMetadata, key ssh.PublicKey, permissions *ssh.Permissions, _ string) (*ssh.Permissions, error) {
	p := permissions.ExtraData[provenKey{}].(proven)
	if l.wire.userVerified(conn, key) {
		p.verified = l.door.Clock()
	}
	holder, err := l.door.holder(l.door.ctx, p, l.address)
	if err != nil {
		return nil, l.hide(err)
	}
	asking, err := l.door.Users.AskingOverSSH(l.door.ctx, holder.Actor)
	if err != nil {
		return nil, l.hide(err)
	}
	if len(asking) == 0 {
		return p.permissions(), nil
	}
	l.say(wantsCode(asking) + " Type a code of your authenticator app, or a recovery code; Enter alone goes on without.\n" +
		"Without a terminal, give your key the second step in the browser, then run the command again:\n" +
		"  " + l.door.URL + keysPath)
	return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: l.ask(p, holder.Actor)}}
}

const keysPath = "/account/settings/ssh-keys/"

func wantsCode(asking []string) string {
	switch n := len(asking); n {
	case 1:
		return "Workspace " + asking[0] + " asks for your second step over SSH."
	default:
		return "Workspaces " + strings.Join(asking[:n-1], ", ") + " and " + asking[n-1] + " ask for your second step over SSH."
	}
}

// ask takes the second step of whoever has just proven to be the actor. Without
// a code they go on, with the evidence that they have: what that opens, the
// gate says.
func (l *login) ask(p proven, actor access.Actor) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	return func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := challenge("", "", []string{"Sallyport code: "}, []bool{true})
		if err != nil {
			return nil, err
		}
		code := strings.TrimSpace(answers[0])
		if code == "" {
			return p.permissions(), nil
		}
		err = l.door.Users.StepByKey(l.door.ctx, actor, code)
		if err == nil {
			return p.permissions(), nil
		}
		switch errs.KindOf(err) {
		case errs.KindInvalid, errs.KindTooMany, errs.KindConflict, errs.KindUnauthenticated:
			l.say(errs.Message(err))
			return nil, errors.New("the code was refused")
		default:
			return nil, l.hide(err)
		}
	}
}

// say shows a text at the client, before it is signed in.
func (l *login) say(text string) {
	_ = l.conn.SendAuthBanner(text + "\n") // a client that is gone is noticed when reading
}

// hide logs an error of our own, and gives one that tells nothing.
func (l *login) hide(err error) error {
	if !errs.Is(err, errs.KindUnauthenticated) {
		slog.ErrorContext(l.door.ctx, "signing in over SSH", "from", l.address.String(), "err", err)
	}
	return errUnknownKey
}

// holder tells who comes, from what was proven, as it stands now.
func (d *Door) holder(ctx context.Context, p proven, address netip.Addr) (user.KeyHolder, error) {
	holder, err := d.Users.FromKey(ctx, p.fingerprint, address)
	if err != nil {
		return user.KeyHolder{}, err
	}
	holder.Actor.Door = access.GitSSH
	if !p.verified.IsZero() && holder.Actor.Credential == access.SSHKey {
		holder.Actor.Step = access.Step{Method: access.SecurityKey, At: p.verified}
	}
	return holder, nil
}
