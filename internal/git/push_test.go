package git

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/errs"
)

// emptyPack is a pack of no objects.
const emptyPack = "PACK\x00\x00\x00\x02\x00\x00\x00\x00\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e"

// packOf gives a pack with every object of a fresh commit that r doesn't have.
func packOf(t testing.TB, g *Git, message string) (commit string, pack []byte) {
	other := newRepo(t, g)
	c := other.commit(message)
	return c, []byte(other.input(c+"\n", "pack-objects", "--revs", "--stdout", "-q"))
}

func pushBody(capabilities string, pack []byte, commands ...string) []byte {
	var body []byte
	for i, command := range commands {
		if i == 0 {
			command += "\x00" + capabilities
		}
		body = AppendPacket(body, command)
	}
	return append(AppendFlush(body), pack...)
}

const usual = " report-status-v2 side-band-64k object-format=sha1 agent=git/test"

func (r repo) push(body io.Reader, limit int64) (string, []Update, error) {
	var out bytes.Buffer
	updates, err := r.ReceivePack(r.t.Context(), ProtocolV0, PushLimits{Pack: limit}, body, &out)
	return out.String(), updates, err
}

// untouched checks that nothing of a refused push is left.
func (r repo) untouched() {
	r.t.Helper()
	refs, err := r.Refs(r.t.Context())
	if err != nil || len(refs.All()) > 0 {
		r.t.Errorf("references after a refused push: %v %v", refs.All(), err)
	}
	_ = filepath.WalkDir(filepath.Join(r.dir, "objects"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() || strings.Contains(path, "incoming") {
			r.t.Errorf("left behind: %s", path)
		}
		return nil
	})
}

func TestPush(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	c, pack := packOf(t, g, "one")
	out, updates, err := r.push(bytes.NewReader(pushBody(usual, pack, string(ZeroOID)+" "+c+" refs/heads/main")), 1<<20)
	if err != nil || !strings.Contains(out, "unpack ok") || !strings.Contains(out, "ok refs/heads/main") || len(updates) != 1 {
		t.Fatalf("%q %v %v", out, updates, err)
	}
	if refs, err := r.Refs(t.Context()); err != nil || string(refs.Head.OID) != c {
		t.Errorf("%+v %v", refs, err)
	}
	out, _, err = r.push(bytes.NewReader(pushBody(usual, nil, c+" "+string(ZeroOID)+" refs/heads/main")), 1<<20)
	if err != nil || !strings.Contains(out, "ng refs/heads/main deletion of the current branch prohibited") {
		t.Errorf("deleting HEAD's branch: %q %v", out, err)
	}
}

// Standard 24: broken objects are refused (transfer.fsckObjects).
func TestRefusedPushesLeaveNothing(t *testing.T) {
	g := installed(t)
	c, pack := packOf(t, g, strings.Repeat("0123456789abcdef", 1000))
	create := string(ZeroOID) + " " + c + " "
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise)
	bigCommit, big := packOf(t, g, hex.EncodeToString(noise))
	for name, test := range map[string]struct {
		body []byte
		want []string
		kind errs.Kind
	}{
		"truncated pack":    {body: pushBody(usual, pack[:len(pack)-30], create+"refs/heads/main"), want: []string{"ng refs/heads/main", "unpack"}},
		"no pack":           {body: pushBody(usual, nil, create+"refs/heads/main"), want: []string{"ng refs/heads/main", "unpack"}},
		"corrupt pack":      {body: pushBody(usual, append(bytes.Clone(pack[:len(pack)-1]), pack[len(pack)-1]^1), create+"refs/heads/main"), want: []string{"ng refs/heads/main", "unpack"}},
		"pack of something": {body: pushBody(usual, []byte(emptyPack), create+"refs/heads/main"), want: []string{"ng refs/heads/main"}},
		"hidden name": {body: pushBody(usual, pack, create+"refs/heads/main", create+"refs/sallyport/x"), want: []string{
			"ng refs/sallyport/x names below refs/sallyport/ are reserved", "ng refs/heads/main refused together with the others",
		}},
		"bad name":      {body: pushBody(usual, pack, create+"refs/heads/a..b"), want: []string{"ng refs/heads/a..b this is not a valid name"}},
		"outside refs":  {body: pushBody(usual, pack, create+"HEAD"), want: []string{"ng HEAD this is not a valid name"}},
		"above heads":   {body: pushBody(usual, pack, create+"refs/main"), want: []string{"ng refs/main this is not a valid name"}},
		"climbing":      {body: pushBody(usual, pack, create+"refs/heads/../../config"), want: []string{"this is not a valid name"}},
		"control bytes": {body: pushBody(usual, pack, create+"refs/heads/\x1b[31m"), want: []string{"ng refs/heads/?[31m this is not a valid name"}},
		"no side-band":  {body: pushBody(" report-status", pack, create+"refs/sallyport/x"), want: []string{"000eunpack ok\n"}},
		"over the limit": {body: pushBody(usual, big, string(ZeroOID)+" "+bigCommit+" refs/heads/main"), want: []string{
			"\x02This push is larger than 600 KiB, the limit here. Nothing was changed.\n", "unpack larger than 600 KiB, the limit here", "ng refs/heads/main the push is larger than 600 KiB",
		}},
		"not pkt-lines":       {body: []byte("hello there"), kind: errs.KindInvalid},
		"cut in a command":    {body: pushBody(usual, nil, create+"refs/heads/main")[:80], kind: errs.KindInvalid},
		"no flush":            {body: AppendPacket(nil, create+"refs/heads/main\x00"+usual), kind: errs.KindInvalid},
		"not a command":       {body: pushBody(usual, pack, "do as I say"), kind: errs.KindInvalid},
		"bad object names":    {body: pushBody(usual, pack, "x y refs/heads/main"), kind: errs.KindInvalid},
		"signed":              {body: pushBody(usual, pack, "push-cert"), kind: errs.KindInvalid},
		"delimiter":           {body: []byte("0001"), kind: errs.KindInvalid},
		"bad shallow":         {body: pushBody("", pack, "shallow 1234"), kind: errs.KindInvalid},
		"too many commands":   {body: bytes.Repeat(AppendPacket(nil, create+"refs/heads/"+strings.Repeat("x", 900)), 18_000), kind: errs.KindTooLarge},
		"nothing, a question": {body: []byte("0000")},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t, g)
			body := bytes.NewReader(test.body)
			out, _, err := r.push(body, 600<<10)
			if errs.KindOf(err) != test.kind || (err == nil) != (test.kind == errs.KindInternal) {
				t.Errorf("the error is %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q isn't in %q", want, out)
				}
			}
			if err == nil && body.Len() > 0 {
				t.Errorf("%d bytes of the body were left", body.Len())
			}
			r.untouched()
		})
	}
}

// Where the client hangs up in mid-pack nothing is left, and no process.
func TestPushThatBreaksOff(t *testing.T) {
	g := installed(t)
	r := newRepo(t, g)
	c, pack := packOf(t, g, strings.Repeat("0123456789abcdef", 1000))
	whole := pushBody(usual, pack, string(ZeroOID)+" "+c+" refs/heads/main")
	gone := errors.New("connection reset")
	broken := io.MultiReader(bytes.NewReader(whole[:len(whole)-40]), failing{gone})
	if out, _, _ := r.push(broken, 1<<20); strings.Contains(out, "ok refs") {
		t.Errorf("%q", out)
	}
	r.untouched()
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestOnlyWholePacketsPass(t *testing.T) {
	var out bytes.Buffer
	w := &packetWriter{w: &out}
	text := AppendFlush(AppendPacket(AppendPacket(nil, "one"), strings.Repeat("x", 5000)))
	for i := range text[:len(text)-1] {
		if n, err := w.Write(text[i : i+1]); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if out.Len() > 0 && out.Len() != 7 && out.Len() != 7+5004 {
			t.Fatalf("cut after %d bytes", out.Len())
		}
	}
	if out.Len() != 7+5004 {
		t.Errorf("%d bytes passed", out.Len())
	}
	if _, err := w.Write([]byte("zzzzz")); !errors.Is(err, ErrPacket) {
		t.Errorf("what isn't pkt-lines: %v", err)
	}
}

func TestSizes(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 2 << 30: "2 GiB", 1 << 40: "1 TiB"} {
		if got := Size(bytes); got != want {
			t.Errorf("%d: %q, want %q", bytes, got, want)
		}
	}
}
