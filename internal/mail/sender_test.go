package mail_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/mail"
)

// server is an SMTP server that keeps what it is given.
type server struct {
	refuse string // a recipient that it doesn't know
	got    chan delivery
}

type delivery struct {
	from, to  string
	encrypted bool
	data      []byte
}

type session struct {
	server *server
	conn   *smtp.Conn
	delivery
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == s.server.refuse {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.data = data
	_, s.encrypted = s.conn.TLSConnectionState()
	s.server.got <- s.delivery
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func listen(t *testing.T, refuse string, tlsConfig *tls.Config) (*server, string) {
	t.Helper()
	backend := &server{refuse: refuse, got: make(chan delivery, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(backend)
	srv.Domain, srv.TLSConfig = "sink.example", tlsConfig
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return backend, l.Addr().String()
}

const from = "Sallyport <sallyport@example.com>"

func TestSMTPDeliversWhatWasEnqueued(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		sink, address := listen(t, "nobody@example.com", nil)
		sender, err := mail.NewSender("smtp://"+address, from, "", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		o := newOutbox(t, d, clock.System, sender)
		text := "Zoë,\n\nhttps://id.example.com/confirm?token=" + strings.Repeat("a=", 600) + "\n.\nbye\n"
		for _, to := range []string{"zoe@example.com", "nobody@example.com"} {
			m := mail.Message{To: to, Subject: "Olá\r\nBcc: eve@example.com", Text: text}
			if err := o.Enqueue(t.Context(), d, m); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.SendDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := waiting(t, d); n != 0 {
			t.Errorf("%d are left; the refused one must be given up", n)
		}
		got := <-sink.got
		if got.from != "sallyport@example.com" || got.to != "zoe@example.com" {
			t.Errorf("the envelope: %q → %q", got.from, got.to)
		}
		checkMail(t, got.data, text)
	})
}

// checkMail reads the mail as a mail program does.
func checkMail(t *testing.T, data []byte, text string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.Header {
		if name == "Bcc" {
			t.Error("a header was injected")
		}
	}
	if m.Header.Get("Message-Id") == "" || m.Header.Get("Date") == "" || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("the headers: %v", m.Header)
	}
	body := decoded(t, m)
	if strings.ReplaceAll(body, "\r\n", "\n") != text {
		t.Errorf("the text came as %q", body)
	}
}

func TestSMTPUsesSTARTTLSWhereOffered(t *testing.T) {
	certificate := selfSigned(t)
	sink, address := listen(t, "", &tls.Config{Certificates: []tls.Certificate{certificate}})
	sender, err := mail.NewSender("smtp://"+address, from, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	// The certificate is of nobody we trust: it must fail rather than go in the clear.
	if err := sender.Send(t.Context(), mail.Mail{ID: "1", Message: mail.Message{To: "a@example.com"}}); err == nil {
		t.Errorf("it was sent, encrypted: %v", (<-sink.got).encrypted)
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"sink.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestWithoutAServerMailsAreFiles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		folder := filepath.Join(t.TempDir(), "mail")
		var log strings.Builder
		sender, err := mail.NewSender("", from, folder, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		o := newOutbox(t, d, clock.NewManual(start).Now, sender)
		enqueue(t, o, d)
		if err := o.SendDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		name := files[0].Name()
		if !strings.HasPrefix(name, "20260102T030405Z-") || !strings.HasSuffix(name, ".eml") {
			t.Errorf("its name is %s", name)
		}
		if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("its mode is %v, %v", info.Mode(), err)
		}
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		checkMail(t, data, "https://id.example.com/confirm?t=abc\n")
		if !bytes.Contains(data, []byte("https://id.example.com/confirm?t=abc")) {
			t.Error("the link can't be read with a pager")
		}
		if !strings.Contains(log.String(), name) || strings.Contains(log.String(), "confirm?t=") {
			t.Errorf("the log: %s", log.String())
		}
	})
}

func TestAWrongServerAddressIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, address := range []string{
		"mail.example.com", "http://u:hunter2@h", "smtp://", "smtp://u:hunter2@h:99999", "smtp://u:hunter2@h/x",
		"smtp://u:hunter2@h:x", "smtp://u:hunter2@h?tls=no", "smtp://u:hunter2%zz@h",
	} {
		_, err := mail.NewSender(address, from, "", nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := mail.NewSender("", "nobody", "", nil); err == nil {
		t.Error("a sender that is no address was taken")
	}
}

// decoded gives a mail's text, out of its transfer encoding.
func decoded(t *testing.T, m *netmail.Message) string {
	t.Helper()
	body := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
