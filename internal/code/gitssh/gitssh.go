// Package gitssh is the door that git comes through over SSH.
//
// It knows who asks by the public key that was proven, and by nothing else; it
// fixes the action from git's command and the path, and says the gate's verdict
// on the standard error of the client. Each command is judged anew, also on a
// connection that stays. There is no shell, no forwarding, and of the
// environment only GIT_PROTOCOL.
//
// Who was proven travels in the Permissions that belong to the accepted
// signature. A key that was merely offered leaves nothing behind
// (CVE-2024-45337).
//
// It has no tables.
package gitssh

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/snippet"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/code/wiki"
)

// Config is what the door stands on.
type Config struct {
	URL          string // of Code, without a slash at the end, for the texts
	HostKeys     []ssh.Signer
	Clock        clock.Clock
	Gate         *access.Gate
	Users        *user.Service
	Repositories *repo.Service
	Wikis        *wiki.Service
	Snippets     *snippet.Service
	Limits       Limits // zero values: DefaultLimits'
}

// Door answers SSH clients.
type Door struct {
	Config
	protocol ssh.ServerConfig // without callbacks
	ctx      context.Context  // ends with the commands that are cut off
	cut      context.CancelFunc

	mu        sync.Mutex
	stopping  bool
	listeners map[net.Listener]bool
	clients   map[*client]bool
	from      map[netip.Addr]int // connections by address
	running   sync.WaitGroup     // clients
}

// New makes the door. It answers on what Serve is given.
func New(config Config) *Door {
	config.Limits = config.Limits.orDefault()
	ctx, cut := context.WithCancel(context.Background())
	d := &Door{
		Config: config, ctx: ctx, cut: cut,
		listeners: map[net.Listener]bool{}, clients: map[*client]bool{}, from: map[netip.Addr]int{},
	}
	d.protocol = ssh.ServerConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
			Ciphers: []string{
				ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES256CTR, ssh.CipherAES128CTR,
			},
			MACs: []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		},
		PublicKeyAuthAlgorithms: []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
			ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
		},
		MaxAuthTries:  maxTries,
		ServerVersion: "SSH-2.0-Sallyport",
	}
	for _, key := range config.HostKeys {
		d.protocol.AddHostKey(key)
	}
	return d
}

// maxTries is how many keys and codes may be wrong on one connection.
const maxTries = 10
