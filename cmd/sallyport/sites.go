package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport.dev/internal/config"
	"sallyport.dev/internal/db"
)

// stopLimit is how long requests under way may take to finish at a stop.
const stopLimit = 30 * time.Second

// site is one of the two, with its place in the network.
type site struct {
	URL      string // without a slash at the end
	listener net.Listener
}

func (s *site) host() string {
	at, err := url.Parse(s.URL)
	if err != nil {
		panic(err) // config has looked at it, or it was made here
	}
	return at.Host
}

// listen takes the sites' addresses. Both have the same listener where they
// stand behind one address.
func listen(ctx context.Context, c *config.Serve) (code, account *site, err error) {
	scheme, secure, err := encryption(c)
	if err != nil {
		return nil, nil, err
	}
	take := func(flag, address, publicURL string) (*site, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w; stop the other program there, or give another address", flag, err)
		}
		if publicURL == "" {
			publicURL = scheme + "://" + publicHost(l.Addr())
		}
		if secure != nil {
			l = tls.NewListener(l, secure)
		}
		return &site{URL: publicURL, listener: l}, nil
	}
	if code, err = take("code-listen", c.CodeListen, c.CodeURL); err != nil {
		return nil, nil, err
	}
	if c.OneListener() {
		return code, &site{URL: c.AccountURL, listener: code.listener}, nil
	}
	if account, err = take("account-listen", c.AccountListen, c.AccountURL); err != nil {
		return nil, nil, errors.Join(err, code.listener.Close())
	}
	return code, account, nil
}

func encryption(c *config.Serve) (scheme string, secure *tls.Config, err error) {
	if c.TLSCert == "" {
		return "http", nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return "", nil, fmt.Errorf("--tls-cert, --tls-key: %w; give a certificate chain and its key in PEM", err)
	}
	return "https", &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}, nil
}

// publicHost gives the host and port under which a browser on this machine
// finds the address.
func publicHost(address net.Addr) string {
	at := address.(*net.TCPAddr)
	host := at.IP.String()
	if at.IP.IsLoopback() || at.IP.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, fmt.Sprint(at.Port))
}

// handlers gives, for each listener, what answers there.
func handlers(d *db.DB, code, account *site, codeHandler, accountHandler http.Handler) map[net.Listener]http.Handler {
	if code.listener == account.listener {
		return map[net.Listener]http.Handler{
			code.listener: withHealth(d, byHost(map[string]http.Handler{code.host(): codeHandler, account.host(): accountHandler})),
		}
	}
	return map[net.Listener]http.Handler{
		code.listener:    withHealth(d, codeHandler),
		account.listener: withHealth(d, accountHandler),
	}
}

// byHost tells the sites apart by the Host header.
func byHost(sites map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if next, known := sites[r.Host]; known {
			next.ServeHTTP(w, r)
			return
		}
		http.Error(w, "No site of this name is here.", http.StatusMisdirectedRequest)
	})
}

// withHealth answers /healthz (the process is alive) and /readyz (its database
// answers too) on whatever host is named: load balancers name none.
func withHealth(d *db.DB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var check func() error
		switch r.URL.Path {
		case "/healthz":
			check = func() error { return nil }
		case "/readyz":
			check = func() error {
				ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
				defer cancel()
				return d.Ping(ctx)
			}
		default:
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if err := check(); err != nil {
			slog.WarnContext(r.Context(), "not ready", "err", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "The database doesn't answer.\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}

// serveUntil answers on all listeners until ctx ends, and then finishes the
// requests under way within stopLimit. There may be no door for SSH.
func serveUntil(ctx context.Context, byListener map[net.Listener]http.Handler, shell *sshSite) error {
	var all errgroup.Group
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if shell != nil {
		all.Go(func() error {
			defer stop()
			return shell.door.Serve(shell.listener)
		})
		all.Go(func() error {
			<-ctx.Done()
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
			defer cancel()
			if err := shell.door.Shutdown(limit); err != nil {
				slog.Warn("git commands over SSH were cut at the stop", "err", err)
			}
			return nil
		})
	}
	for listener, handler := range byListener {
		server := &http.Server{
			Handler:           withoutStalls(handler),
			ReadHeaderTimeout: 15 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
		}
		all.Go(func() error {
			defer stop() // one that fails takes the other with it
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
			}
			return nil
		})
		all.Go(func() error {
			<-ctx.Done()
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
			defer cancel()
			if err := server.Shutdown(limit); err != nil {
				slog.Warn("requests were cut at the stop", "err", err)
				return server.Close()
			}
			return nil
		})
	}
	return all.Wait()
}
