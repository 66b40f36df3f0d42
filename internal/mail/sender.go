package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// NewSender gives the Sender for the value of --mail: smtp://user:pass@host:port
// (encrypted where the server offers STARTTLS), smtps://…, or "" for .eml files
// in folder. From is an address with or without a name. An error never repeats
// the value, which may hold a password.
func NewSender(address, from, folder string, log *slog.Logger) (Sender, error) {
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("%q isn't an email address such as \"Sallyport <sallyport@example.com>\"", from)
	}
	if address == "" {
		return &folderSender{folder: folder, from: sender, log: log}, nil
	}
	at, err := url.Parse(address)
	if err != nil || (at.Scheme != "smtp" && at.Scheme != "smtps") || at.Hostname() == "" || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" {
		return nil, errors.New("the mail server's address must look like smtp://user:password@host:port or smtps://host")
	}
	options, err := smtpOptions(at)
	if err != nil {
		return nil, err
	}
	if _, err := gomail.NewClient(at.Hostname(), options...); err != nil {
		return nil, fmt.Errorf("the mail server's address: %w", err)
	}
	return &smtpSender{host: at.Hostname(), options: options, from: sender}, nil
}

func smtpOptions(at *url.URL) ([]gomail.Option, error) {
	options := []gomail.Option{gomail.WithTimeout(30 * time.Second)}
	port := 25
	if password, given := at.User.Password(); given {
		port = 587
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(at.User.Username()), gomail.WithPassword(password))
	}
	if at.Scheme == "smtps" {
		port = 465
		options = append(options, gomail.WithSSL())
	} else {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if at.Port() != "" {
		number, err := strconv.ParseUint(at.Port(), 10, 16)
		if err != nil {
			return nil, errors.New("the mail server's port must be a number up to 65535")
		}
		port = int(number)
	}
	return append(options, gomail.WithPort(port)), nil
}

type smtpSender struct {
	host    string
	options []gomail.Option
	from    *netmail.Address
}

// Send opens a connection for the one mail: they are few and far between.
func (s *smtpSender) Send(ctx context.Context, m Mail) error {
	encoding := gomail.EncodingUSASCII
	if strings.ContainsFunc(m.Text, func(r rune) bool { return r > 126 }) || longestLine(m.Text) > 900 {
		encoding = gomail.EncodingQP
	}
	message, err := compose(m, s.from, encoding)
	if err != nil {
		return err
	}
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, message)
	if e, ok := errors.AsType[*gomail.SendError](err); ok && e.Reason == gomail.ErrSMTPRcptTo && !e.IsTemp() {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

type folderSender struct {
	folder string
	from   *netmail.Address
	log    *slog.Logger
}

// Send writes the mail whole or not at all, under a name that sorts by time.
func (s *folderSender) Send(ctx context.Context, m Mail) error {
	message, err := compose(m, s.from, gomail.NoEncoding) // readable with any pager
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return err
	}
	path := filepath.Join(s.folder, m.Created.UTC().Format("20060102T150405Z")+"-"+m.ID+".eml")
	if err := writeWhole(path, message); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "a mail was written, as no --mail is set", "to", m.To, "subject", m.Subject, "file", path)
	return nil
}

func writeWhole(path string, content io.WriterTo) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after the renaming it does nothing
	_, err = content.WriteTo(file)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func compose(m Mail, from *netmail.Address, encoding gomail.Encoding) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(encoding))
	message.FromMailAddress(from)
	message.AddToMailAddress(&netmail.Address{Address: m.To})
	message.Subject(oneLine(m.Subject))
	message.SetDateWithValue(m.Created)
	_, host, found := strings.Cut(from.Address, "@")
	if !found {
		return nil, errors.New("the sender's address has no host")
	}
	message.SetMessageIDWithValue(m.ID + "@" + host)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	if m.Unsubscribe != "" {
		message.SetGenHeader("List-Unsubscribe", "<"+m.Unsubscribe+">")
		message.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click") // RFC 8058
	}
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

func longestLine(text string) int {
	longest := 0
	for line := range strings.Lines(text) {
		longest = max(longest, len(line))
	}
	return longest
}
