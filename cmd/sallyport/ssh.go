package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/gitssh"
	"sallyport.dev/internal/config"
)

// sshSite is the place of Code's SSH door in the network.
type sshSite struct {
	URL      string // ssh://host:port, as git clients see it
	listener net.Listener
	keys     []ssh.Signer // the host's
	door     *gitssh.Door
}

// listenSSH takes the address for SSH, and reads the host's keys in the data
// folder; nil where SSH is off.
func listenSSH(ctx context.Context, c *config.Serve, folder string) (*sshSite, error) {
	if c.SSHListen == "" {
		return nil, nil
	}
	keys, err := gitssh.HostKeys(filepath.Join(folder, "ssh"))
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.SSHListen)
	if err != nil {
		return nil, fmt.Errorf("--ssh-listen: %w; stop the other program there, or give another address", err)
	}
	s := &sshSite{URL: c.SSHURL, listener: l, keys: keys}
	if s.URL == "" {
		s.URL = "ssh://" + publicHost(l.Addr())
	}
	if _, err := url.Parse(s.URL); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// address is host and port, as clients see them.
func (s *sshSite) address() string {
	at, err := url.Parse(s.URL)
	if err != nil {
		panic(err) // listenSSH has looked at it
	}
	if at.Port() == "" {
		return net.JoinHostPort(at.Hostname(), "22")
	}
	return at.Host
}

// fingerprints are those of the host's keys, as ssh shows them.
func (s *sshSite) fingerprints() []string {
	shown := make([]string, len(s.keys))
	for i, key := range s.keys {
		kind := strings.TrimPrefix(key.PublicKey().Type(), "ssh-")
		shown[i] = ssh.FingerprintSHA256(key.PublicKey()) + " (" + strings.ToUpper(kind) + ")"
	}
	return shown
}
