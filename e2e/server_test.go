package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// server is one running sallyport with a data folder of its own.
type server struct {
	t       *testing.T
	data    string
	code    string // address of Code
	account string // address of Account
	ssh     string // HOST:PORT
	setUp   string // the one-time link

	keys, scriptless bool // whoever comes has the keyboard alone; has no JavaScript

	log     *journal
	secrets []string // what must never stand in the log
	read    map[string]bool
	sent    sync.Map        // the addresses that somebody has sent a form to
	pages   map[string]bool // the addresses that somebody has looked at
}

// serve starts the program on free ports and waits until it says its addresses.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	program := need(t, stage.program)
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), log: &journal{}, read: map[string]bool{}, pages: map[string]bool{}}
	args := append([]string{"serve", "--data", s.data, "--code-listen", "127.0.0.1:0", "--account-listen", "127.0.0.1:0", "--ssh-listen", "127.0.0.1:0", "--log-level", "debug"}, flags...)
	command := exec.Command(program, args...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	command.Stderr = s.log
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(command) })
	s.addresses(out)
	return s
}

// addresses reads what the program prints at its start.
func (s *server) addresses(out io.Reader) {
	s.t.Helper()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for s.setUp == "" {
		select {
		case line, more := <-lines:
			if !more {
				s.t.Fatalf("sallyport ended at its start:\n%s", s.log)
			}
			what, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); what {
			case "Code":
				s.code = value
			case "Account":
				s.account = value
			case "SSH":
				s.ssh = value
			case "Set up":
				s.setUp = value
			}
		case <-ctx.Done():
			s.t.Fatalf("sallyport didn't say its addresses:\n%s", s.log)
		}
	}
	go func() {
		for range lines { // nothing more is expected, and nothing may block
		}
	}()
}

// stop ends the program as an operator does, and looks at what it left behind.
func (s *server) stop(command *exec.Cmd) {
	_ = command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	defer kill.Stop()
	if err := command.Wait(); err != nil {
		s.t.Errorf("sallyport didn't stop well: %v", err)
	}
	text := s.log.String()
	for _, secret := range s.secrets {
		if strings.Contains(text, secret) {
			s.t.Errorf("the log contains the secret %q", secret)
		}
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic:") {
			s.t.Errorf("the log has an error: %s", line)
		}
	}
	if s.t.Failed() {
		s.keep("server.log", []byte(text))
	}
}

// keep leaves a file of a failed test where a person can look at it.
func (s *server) keep(name string, content []byte) {
	folder := filepath.Join(os.TempDir(), "sallyport-e2e-failures", s.t.Name())
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.t.Log(err)
		return
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		s.t.Log(err)
		return
	}
	s.t.Logf("see %s", path)
}

// secret says that value must not stand in the log.
func (s *server) secret(values ...string) { s.secrets = append(s.secrets, values...) }

var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// mail waits for the next unread mail to the address whose subject contains
// subject, and gives its text.
func (s *server) mail(to, subject string) string {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if text, found := s.unread(to, subject); found {
			return text
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("no mail to %s about %q came", to, subject)
		}
	}
}

// link waits for a mail and gives the link in it that contains part.
func (s *server) link(to, subject, part string) string {
	s.t.Helper()
	text := s.mail(to, subject)
	for _, each := range link.FindAllString(text, -1) {
		if strings.Contains(each, part) {
			s.secret(each)
			return each
		}
	}
	s.t.Fatalf("no link with %q in the mail:\n%s", part, text)
	return ""
}

func (s *server) unread(to, subject string) (string, bool) {
	files, err := filepath.Glob(filepath.Join(s.data, "mail", "*.eml"))
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(files)
	for _, file := range files {
		if s.read[file] {
			continue
		}
		recipient, about, text := s.open(file)
		if recipient == to && strings.Contains(about, subject) {
			s.read[file] = true
			return text, true
		}
	}
	return "", false
}

func (s *server) open(file string) (to, subject, text string) {
	content, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	message, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		s.t.Fatalf("%s: %v", file, err)
	}
	addresses, err := message.Header.AddressList("To")
	if err != nil || len(addresses) != 1 {
		s.t.Fatalf("%s: To: %v, %v", file, addresses, err)
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		s.t.Fatalf("%s: %v", file, err)
	}
	body := message.Body
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	plain, err := io.ReadAll(body)
	if err != nil {
		s.t.Fatalf("%s: %v", file, err)
	}
	return addresses[0].Address, subject, string(plain)
}

// journal collects what the program writes to its log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
