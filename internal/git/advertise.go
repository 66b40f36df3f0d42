package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Service is one of the two things that a git client asks of a server.
type Service string

const (
	UploadPack  Service = "git-upload-pack"  // clone, fetch
	ReceivePack Service = "git-receive-pack" // push
)

// command is the name by which git itself knows the service.
func (s Service) command() string { return strings.TrimPrefix(string(s), "git-") }

// Protocol is the version of git's wire protocol.
type Protocol int

const (
	ProtocolV0 Protocol = iota
	ProtocolV1
	ProtocolV2
)

func (p Protocol) String() string { return fmt.Sprintf("version=%d", int(p)) }

// ParseProtocol reads what a client says in the header Git-Protocol or the
// variable GIT_PROTOCOL: keys parted by colons, of which the highest known
// version counts. Everything else in it is left out.
func ParseProtocol(said string) Protocol {
	highest := ProtocolV0
	for key := range strings.SplitSeq(said, ":") {
		switch key {
		case "version=1":
			highest = max(highest, ProtocolV1)
		case "version=2":
			highest = max(highest, ProtocolV2)
		}
	}
	return highest
}

// capabilities is what the installed git advertises, so that what we say in its
// name is true.
type capabilities struct {
	upload      capabilityList // behind the first reference, protocols 0 and 1
	uploadEmpty []byte         // the whole advertisement of a repository without references
	receive     capabilityList
	version2    []byte // the whole advertisement of protocol 2
}

// capabilityList is a capability line, cut where symref=HEAD:… goes.
type capabilityList struct{ before, after string }

func parseCapabilityList(line string) capabilityList {
	words := strings.Split(line, " ")
	at := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "symref=") })
	if at < 0 {
		return capabilityList{before: line}
	}
	return capabilityList{before: strings.Join(words[:at], " "), after: " " + strings.Join(words[at+1:], " ")}
}

// learnCapabilities lets git advertise a throw-away repository and reads from
// that what it can do.
func (g *Git) learnCapabilities(ctx context.Context) (capabilities, error) {
	var learnt capabilities
	parent, err := os.MkdirTemp("", "sallyport-git-")
	if err != nil {
		return learnt, err
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "probe.git")
	if err := Init(dir); err != nil {
		return learnt, err
	}
	if learnt.uploadEmpty, err = g.advertisement(ctx, dir, UploadPack, ProtocolV0); err != nil {
		return learnt, err
	}
	version2, err := g.advertisement(ctx, dir, UploadPack, ProtocolV2)
	if err != nil {
		return learnt, err
	}
	if learnt.version2, err = onlyOurLsRefs(version2); err != nil {
		return learnt, err
	}
	if err := g.makeProbeCommit(ctx, dir); err != nil {
		return learnt, err
	}
	for service, list := range map[Service]*capabilityList{UploadPack: &learnt.upload, ReceivePack: &learnt.receive} {
		out, err := g.advertisement(ctx, dir, service, ProtocolV0)
		if err != nil {
			return learnt, err
		}
		_, first, err := NewPacketReader(bytes.NewReader(out)).Next()
		_, line, found := strings.Cut(strings.TrimSuffix(string(first), "\n"), "\x00")
		if err != nil || !found {
			return learnt, fmt.Errorf("%s advertises %q", service, out)
		}
		*list = parseCapabilityList(line)
	}
	return learnt, nil
}

// advertisement is what git itself says to a client that comes by HTTP.
func (g *Git) advertisement(ctx context.Context, dir string, service Service, protocol Protocol) ([]byte, error) {
	var out bytes.Buffer
	err := g.run(ctx, process{
		dir:      dir,
		args:     []string{service.command(), "--http-backend-info-refs", "."},
		protocol: protocol,
		stdout:   &out,
	})
	return out.Bytes(), err
}

// onlyOurLsRefs makes an advertisement of protocol 2 promise of ls-refs what
// our own answers keep.
func onlyOurLsRefs(advertised []byte) ([]byte, error) {
	packets := NewPacketReader(bytes.NewReader(advertised))
	var made []byte
	for {
		kind, line, err := packets.Next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("git advertises protocol 2 as %q: %w", advertised, err)
		case kind == PacketFlush:
			return AppendFlush(made), nil
		case strings.HasPrefix(string(line), "ls-refs"):
			made = AppendPacket(made, "ls-refs=unborn\n")
		default:
			made = AppendPacket(made, string(line))
		}
	}
}

// makeProbeCommit gives refs/heads/main of the throw-away repository a commit.
func (g *Git) makeProbeCommit(ctx context.Context, dir string) error {
	commit := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n"
	var oid bytes.Buffer
	err := g.run(ctx, process{
		dir:    dir,
		args:   []string{"hash-object", "-w", "--literally", "-t", "commit", "--stdin"},
		stdin:  bytes.NewReader([]byte(commit)),
		stdout: &oid,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "refs/heads/main"), oid.Bytes(), 0o644)
}

// Advertise gives what answers a client's info/refs, without the HTTP door's
// "# service" line: byte for byte what git itself would say.
func (r *Repository) Advertise(ctx context.Context, service Service, protocol Protocol) ([]byte, error) {
	if service == UploadPack && protocol == ProtocolV2 {
		return r.git.caps.version2, nil
	}
	refs, err := r.Refs(ctx)
	if err != nil {
		return nil, err
	}
	var out []byte
	if protocol == ProtocolV1 {
		out = AppendPacket(out, "version 1\n")
	}
	if service == UploadPack {
		return r.git.caps.appendUpload(out, refs), nil
	}
	return r.git.caps.appendReceive(out, refs), nil
}

// appendUpload advertises HEAD, every reference, and what each tag stands for.
func (c *capabilities) appendUpload(out []byte, refs *Refs) []byte {
	head := refs.Head
	if head.OID == "" && len(refs.list) == 0 {
		return append(out, c.uploadEmpty...)
	}
	out = slices.Grow(out, 512+96*len(refs.list))
	line := c.upload.before
	if head.OID != "" && head.Target != "" {
		line += " symref=HEAD:" + head.Target
	}
	line = "\x00" + line + c.upload.after
	if head.OID != "" {
		out = AppendPacket(out, string(head.OID), " HEAD", line, "\n")
		line = ""
	}
	for _, ref := range refs.list {
		out = AppendPacket(out, string(ref.OID), " ", ref.Name, line, "\n")
		line = ""
		if ref.Peeled != "" {
			out = AppendPacket(out, string(ref.Peeled), " ", ref.Name, "^{}\n")
		}
	}
	return AppendFlush(out)
}

// appendReceive advertises every reference as it is, without HEAD.
func (c *capabilities) appendReceive(out []byte, refs *Refs) []byte {
	out = slices.Grow(out, 512+80*len(refs.list))
	line := "\x00" + c.receive.before + c.receive.after
	if len(refs.list) == 0 {
		return AppendFlush(AppendPacket(out, string(ZeroOID), " capabilities^{}", line, "\n"))
	}
	for _, ref := range refs.list {
		out = AppendPacket(out, string(ref.OID), " ", ref.Name, line, "\n")
		line = ""
	}
	return AppendFlush(out)
}
