package person_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/mail/mailtest"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

const good = "green lamps over wet cobbles"

type world struct {
	*person.Service
	clock *clock.Manual
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := clock.NewManual(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	return &world{clock: now, Service: &person.Service{
		DB: d, Clock: now.Now, Audit: &audit.Log{DB: d, Clock: now.Now},
		Outbox:   &mail.Outbox{DB: d, Box: box, Clock: now.Now},
		Throttle: &throttle.Limiter{DB: d, Clock: now.Now},
		Hasher:   person.NewHasher(2), URL: "https://id.test",
	}}
}

func (w *world) chose(email, password string) person.SignUp {
	return person.SignUp{Name: "Ada Lovelace", Email: email, Password: secret.New(password), From: "192.0.2.1"}
}

var linkText = regexp.MustCompile(`\?token=(\S+)`)

// token gives the token of the last mail to an address.
func (w *world) token(t *testing.T, address string) secret.String {
	t.Helper()
	var found string
	for _, m := range mailtest.Take(t, w.Outbox) {
		if link := linkText.FindStringSubmatch(m.Text); m.To == address && link != nil {
			found = link[1]
		}
	}
	if found == "" {
		t.Fatalf("no link was mailed to %s", address)
	}
	return secret.New(found)
}

func tokenOf(link string) secret.String { return secret.New(linkText.FindStringSubmatch(link)[1]) }

func count(t *testing.T, d *db.DB) int {
	t.Helper()
	n, err := db.One[int](t.Context(), d, `SELECT COUNT(*) FROM person`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Standards 1 and 2: the length, and a blocklist that says why.
// Standard 2: what is refused, and why, is said.
func TestStandards1And2PasswordsAreJudged(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for password, why := range map[string]string{
		"short and sweet":       "", // 15 code points exactly
		"short and sweat"[:14]:  "at least 15 characters; this has 14",
		good:                    "",
		strings.Repeat("é", 14): "at least 15",
		"ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ᛫ᚠᛁᚱᚪ":                           "",
		"correct horse battery staple":                  "",
		"aaaaaaaaaaaaaaaaaaaaaaaa":                      "repeats",
		"passwordpassword":                              "repeats",
		"abc123abc123abc123a":                           "repeats",
		"123456789987654321":                            "lists of common passwords",
		"Telecommunications":                            "lists of common passwords",
		"abcdefghijklmnopqrstu":                         "sequence",
		"qwertyuiopasdfghjkl":                           "common word",
		"Ada Lovelace 1815!":                            "mostly your name",
		"ada.byron@example.com":                         "mostly your name",
		"Sallyport2026!!":                               "mostly your name",
		"sallyport account":                             "mostly your name",
		"bad \xff bytes in a password":                  "isn't valid text",
		strings.Repeat("x", 1025):                       "1024 bytes",
		good + strings.Repeat(" and further on", 5):     "",
		strings.Repeat("many words of rain, ", 3) + "x": "",
	} {
		_, err := w.NewPassword(t.Context(), "password", secret.New(password), "Ada Lovelace", "ada.byron@example.com")
		said := errs.Fields(err)["password"]
		if why == "" && err != nil || why != "" && !strings.Contains(said, why) {
			t.Errorf("%q: %v, want %q", password, err, why)
		}
		if err != nil && len(password) > 8 && strings.Contains(err.Error(), password) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	// Up to the longest, judging stays fast: zxcvbn alone would take minutes.
	began := time.Now()
	for range 3 {
		if _, err := w.NewPassword(t.Context(), "password", secret.New(strings.Repeat("Password1 ok ", 70))); err == nil {
			t.Error("a repetition was taken")
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestStandard1APasswordIsTheSameInEveryNormalForm(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	text := "Ångström über den Dächern"
	p, err := w.Create(t.Context(), person.Input{Name: "Å", Email: "a@example.com", Password: secret.New(norm.NFD.String(text))})
	if err != nil {
		t.Fatal(err)
	}
	if right, err := w.VerifyPassword(t.Context(), p.ID, secret.New(norm.NFC.String(text)), false); err != nil || !right {
		t.Errorf("NFC of it: %v, %v", right, err)
	}
	if right, _ := w.VerifyPassword(t.Context(), p.ID, secret.New(text+" "), false); right {
		t.Error("another password was right")
	}
}

func TestStandard4TheHashIsMadeAnewWhenParametersChanged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p, err := w.Create(t.Context(), person.Input{Name: "Ada", Email: "ada@example.com", Password: secret.New(good)})
		if err != nil {
			t.Fatal(err)
		}
		read := func() string {
			phc, err := db.One[string](t.Context(), d, `SELECT hash FROM person_password WHERE person = $1`, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return phc
		}
		if !strings.HasPrefix(read(), "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("kept as %s", read())
		}
		salt := []byte("sixteen bytes ok")
		b64 := base64.RawStdEncoding.EncodeToString
		old := fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1$%s$%s", b64(salt), b64(argon2.IDKey([]byte(good), salt, 1, 8192, 1, 32)))
		if _, err := db.Exec(t.Context(), d, `UPDATE person_password SET hash = $1 WHERE person = $2`, old, p.ID); err != nil {
			t.Fatal(err)
		}
		if right, _ := w.VerifyPassword(t.Context(), p.ID, secret.New("wrong "+good), false); right || read() != old {
			t.Error("a wrong password changed the hash")
		}
		for range 2 {
			if right, err := w.VerifyPassword(t.Context(), p.ID, secret.New(good), false); err != nil || !right {
				t.Fatalf("%v, %v", right, err)
			}
			if !strings.Contains(read(), "m=19456,t=2") {
				t.Errorf("kept as %s", read())
			}
		}
	})
}

// Standard 1: 64 characters and many more are taken, of any kind and with no
// rule of composition, and each of them counts.
func TestStandard1LongPasswordsCountWhole(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for _, text := range []string{
		"ohne ziffern und zeichen", "\u96e8\u304c\u964d\u308b\u6f54\u306e\u5915\u65b9\u306b\u8239\u304c\u4e00\u3064\u5e30\u308b",
		"seven grey herons stood along the old canal while the ferries were late again, and again, until the evening, in the rain",
	} {
		if _, err := w.NewPassword(t.Context(), "password", secret.New(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	long := "seven grey herons stood along the old canal while the ferries were late again, and again, until the evening, in the rain"
	p, err := w.Create(t.Context(), person.Input{Name: "Ada", Email: "ada@example.com", Password: secret.New(long)})
	if err != nil {
		t.Fatal(err)
	}
	for cut := range 3 {
		text := long[:len(long)-cut]
		if right, err := w.VerifyPassword(t.Context(), p.ID, secret.New(text), true); err != nil || right != (cut == 0) {
			t.Errorf("without the last %d: %v, %v", cut, right, err)
		}
	}
}

// Standard 4: argon2id with at least 19 MiB, two passes and 16 bytes of salt,
// all stored with the hash; the salt is new each time.
func TestStandard4HowPasswordsAreKept(t *testing.T) {
	h := person.NewHasher(1)
	one, err := h.Hash(t.Context(), secret.New(good))
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.Hash(t.Context(), secret.New(good))
	if err != nil || one == two {
		t.Errorf("twice the same: %v", err)
	}
	parts := strings.Split(one, "$")
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || parts[1] != "argon2id" || parts[3] != "m=19456,t=2,p=1" || len(salt) < 16 {
		t.Errorf("%s, %v", one, err)
	}
}

func TestAddressesHaveOneForm(t *testing.T) {
	for in, want := range map[string]string{
		" Ada@Example.COM ":                "ada@example.com",
		"ada+tag@example.com":              "ada+tag@example.com",
		"ada@bücher.example":               "ada@xn--bcher-kva.example",
		"ada@localhost":                    "ada@localhost",
		"":                                 "",
		"ada":                              "",
		"@example.com":                     "",
		"ada@":                             "",
		"ada@.com":                         "",
		"ada @example.com":                 "",
		"ada@example.com\r\nBcc: x@y.z":    "",
		"Ada <ada@example.com>":            "",
		"ada@exa\x00mple.com":              "",
		"ada\u202e@example.com":            "",
		"a\xff@example.com":                "",
		strings.Repeat("a", 65) + "@x.com": "",
		"a@" + strings.Repeat("abcd.", 60) + "com": "",
	} {
		got, err := person.Normalise(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestFiftyAtTheSetUpLinkMakeOneAdministrator(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		// Two processes printed a link each; both are about.
		var tokens []secret.String
		for range 2 {
			link, err := w.SetupLink(t.Context())
			if err != nil || !strings.HasPrefix(link, "https://id.test/setup?token=") {
				t.Fatalf("%s, %v", link, err)
			}
			tokens = append(tokens, tokenOf(link))
		}
		var made atomic.Int32
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				_, err := w.SetUp(t.Context(), tokens[i%2], w.chose(fmt.Sprintf("ada%d@example.com", i), good))
				if err == nil {
					made.Add(1)
				} else if !errs.Is(err, errs.KindConflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		people, err := w.List(t.Context())
		if err != nil || made.Load() != 1 || len(people) != 1 || !people[0].Administrator {
			t.Errorf("%d were told yes, %d are there: %+v, %v", made.Load(), len(people), people, err)
		}
		if link, err := w.SetupLink(t.Context()); err != nil || link != "" {
			t.Errorf("somebody exists, and there is a link: %q, %v", link, err)
		}
	})
}

func TestALinkWorksOnceAndForADay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		link, err := w.SetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.SetUp(t.Context(), tokenOf(link), w.chose("ada@example.com", "weak")); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("a weak password: %v", err)
		}
		if _, err := w.SetUp(t.Context(), tokenOf(link), w.chose("ada@example.com", good)); err != nil {
			t.Errorf("after a mistake the link must still work: %v", err)
		}
		if _, err := w.Link(t.Context(), tokenOf(link)); err != person.ErrUsedLink {
			t.Errorf("used: %v", err)
		}
		if _, err := w.Link(t.Context(), secret.New("guess")); err != person.ErrUnknownLink {
			t.Errorf("unknown: %v", err)
		}
		if err := w.SignUp(t.Context(), w.chose("bob@example.com", good)); err != nil {
			t.Fatal(err)
		}
		token := w.token(t, "bob@example.com")
		if _, err := w.SetUp(t.Context(), token, w.chose("eve@example.com", good)); err != person.ErrUnknownLink {
			t.Errorf("a link of one kind at the other's page: %v", err)
		}
		w.clock.Advance(24*time.Hour - time.Second)
		if _, err := w.Link(t.Context(), token); err != nil {
			t.Errorf("within its day: %v", err)
		}
		w.clock.Advance(time.Second)
		if _, err := w.Confirm(t.Context(), token, secret.New(good), ""); err != person.ErrExpiredLink {
			t.Errorf("expired: %v", err)
		}
		w.clock.Advance(8 * 24 * time.Hour)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Link(t.Context(), token); err != person.ErrUnknownLink {
			t.Errorf("swept: %v", err)
		}
	})
}

func TestTwoSignUpsWithOneAddressMakeOnePerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		passwords := []string{"the first one has this password", "but the second one has another"}
		var tokens []secret.String
		for _, password := range passwords {
			if err := w.SignUp(t.Context(), w.chose("Ada@example.com", password)); err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, w.token(t, "ada@example.com"))
		}
		if count(t, d) != 0 {
			t.Error("a person is there before the address is confirmed")
		}
		// Whoever prepared a sign-up for a stranger's address has not got in, and
		// neither has the stranger by the other's link.
		if _, err := w.Confirm(t.Context(), tokens[0], secret.New(passwords[1]), ""); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("the other's password: %v", err)
		}
		var made atomic.Int32
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				_, err := w.Confirm(t.Context(), tokens[i%2], secret.New(passwords[i%2]), "")
				switch {
				case err == nil:
					made.Add(1)
				case !errs.Is(err, errs.KindConflict) && !errs.Is(err, errs.KindTooMany):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 || count(t, d) != 1 {
			t.Errorf("%d were told yes, %d are there", made.Load(), count(t, d))
		}
	})
}

func TestAnAddressThatIsTakenLooksTheSame(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if _, err := w.Create(t.Context(), person.Input{Name: "Ada", Email: "ada@example.com", Password: secret.New(good)}); err != nil {
			t.Fatal(err)
		}
		for range 12 {
			for _, address := range []string{"ada@example.com", "bob@example.com"} {
				if err := w.SignUp(t.Context(), w.chose(address, good)); err != nil {
					t.Errorf("%s: %v", address, err)
				}
			}
		}
		mails := map[string][]string{}
		for _, m := range mailtest.Take(t, w.Outbox) {
			mails[m.To] = append(mails[m.To], m.Subject)
			if strings.Contains(m.Text, "Lovelace") {
				t.Error("a stranger's text is in the mail")
			}
			if m.To == "ada@example.com" && strings.Contains(m.Text, "token=") {
				t.Error("the owner of the address got a link")
			}
		}
		if len(mails["ada@example.com"]) != 5 || len(mails["bob@example.com"]) != 5 || mails["ada@example.com"][0] != "You have an account already" {
			t.Errorf("mails: %v", mails)
		}
		if n := count(t, w.DB); n != 1 {
			t.Errorf("%d people", n)
		}
	})
}

func TestAnInvitedPersonChoosesTheirPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p, err := w.Create(t.Context(), person.Input{Name: "Bob", Email: "Bob@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if right, err := w.VerifyPassword(t.Context(), p.ID, secret.New(""), false); right || err != nil {
			t.Errorf("without a password: %v, %v", right, err)
		}
		if _, err := w.Create(t.Context(), person.Input{Name: "Bob", Email: "bob@EXAMPLE.com"}); !errs.Is(err, errs.KindConflict) {
			t.Errorf("the same address again: %v", err)
		}
		token := w.token(t, "bob@example.com")
		got, err := w.AcceptInvite(t.Context(), token, w.chose("eve@example.com", good))
		if err != nil || got.ID != p.ID || got.Email != "bob@example.com" || got.Name != "Ada Lovelace" {
			t.Errorf("%+v, %v", got, err)
		}
		if right, _ := w.VerifyPassword(t.Context(), p.ID, secret.New(good), false); !right {
			t.Error("the password isn't theirs")
		}
		if _, err := w.AcceptInvite(t.Context(), token, w.chose("", "another good password, or so")); err != person.ErrUsedLink {
			t.Errorf("again: %v", err)
		}
	})
}

func TestAddressesOfAPerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ada, err := w.Create(t.Context(), person.Input{Name: "Ada", Email: "ada@example.com", Password: secret.New(good)})
		if err != nil {
			t.Fatal(err)
		}
		bob, err := w.Create(t.Context(), person.Input{Name: "Bob", Email: "bob@example.com", Password: secret.New(good)})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.AddEmail(t.Context(), ada.ID, "bob@example.com"); err != nil {
			t.Errorf("somebody else's address must look like any: %v", err)
		}
		if err := w.AddEmail(t.Context(), ada.ID, "Ada@work.example"); err != nil {
			t.Fatal(err)
		}
		token := w.token(t, "ada@work.example")
		if err := w.ConfirmEmail(t.Context(), token, bob.ID, ""); err != person.ErrUnknownLink {
			t.Errorf("another person's link: %v", err)
		}
		if err := w.SetMainEmail(t.Context(), ada.ID, "ada@work.example", ""); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("before it is confirmed: %v", err)
		}
		if err := w.ConfirmEmail(t.Context(), token, ada.ID, ""); err != nil {
			t.Fatal(err)
		}
		if err := w.SetMainEmail(t.Context(), ada.ID, "bob@example.com", ""); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("somebody else's address as the main one: %v", err)
		}
		if err := w.SetMainEmail(t.Context(), ada.ID, "ada@work.example", ""); err != nil {
			t.Fatal(err)
		}
		if err := w.RemoveEmail(t.Context(), ada.ID, "ada@work.example", ""); !errs.Is(err, errs.KindConflict) {
			t.Errorf("removing the main one: %v", err)
		}
		if err := w.RemoveEmail(t.Context(), ada.ID, "bob@example.com", ""); !errs.Is(err, errs.KindConflict) {
			t.Errorf("removing somebody else's: %v", err)
		}
		told := 0
		for _, m := range mailtest.Take(t, w.Outbox) {
			if m.To == "ada@example.com" && m.Subject == "Your main address was changed" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the old main address was told %d times", told)
		}
		if err := w.RemoveEmail(t.Context(), ada.ID, "ada@example.com", ""); err != nil {
			t.Fatal(err)
		}
		emails, err := w.Emails(t.Context(), ada.ID)
		if err != nil || len(emails) != 1 || emails[0].Address != "ada@work.example" || !emails[0].Main {
			t.Errorf("%+v, %v", emails, err)
		}
		if _, err := w.Find(t.Context(), "ada@example.com"); !errs.Is(err, errs.KindNotFound) {
			t.Errorf("the removed address still finds somebody: %v", err)
		}
	})
}
