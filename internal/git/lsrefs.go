package git

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// lsRefs is a request for the references in protocol 2.
type lsRefs struct {
	symrefs, peel, unborn bool
	prefixes              []string
}

// parseLsRefs reads a request of protocol 2. Anything but a plain ls-refs that
// we can answer is left to git, which also finds the words for what is wrong.
func parseLsRefs(request []byte) (lsRefs, bool) {
	var asked lsRefs
	packets := NewPacketReader(bytes.NewReader(request))
	kind, line, err := packets.Next()
	if err != nil || kind != PacketData || trimLine(line) != "command=ls-refs" {
		return asked, false
	}
	for {
		kind, line, err = packets.Next()
		if err != nil {
			return asked, false
		}
		if kind != PacketData {
			break
		}
		word := trimLine(line)
		if word != "object-format=sha1" && !strings.HasPrefix(word, "agent=") {
			return asked, false
		}
	}
	if kind == PacketDelim {
		for {
			kind, line, err = packets.Next()
			if err != nil {
				return asked, false
			}
			if kind != PacketData {
				break
			}
			if !asked.argument(trimLine(line)) {
				return asked, false
			}
		}
	}
	_, _, err = packets.Next()
	return asked, kind == PacketFlush && err != nil
}

func trimLine(line []byte) string { return strings.TrimSuffix(string(line), "\n") }

func (a *lsRefs) argument(word string) bool {
	switch word {
	case "symrefs":
		a.symrefs = true
	case "peel":
		a.peel = true
	case "unborn":
		a.unborn = true
	default:
		prefix, ok := strings.CutPrefix(word, "ref-prefix ")
		if !ok {
			return false
		}
		a.prefixes = append(a.prefixes, prefix)
	}
	return true
}

// answer lists the references that were asked for, as git's ls-refs.c does.
func (a lsRefs) answer(refs *Refs) []byte {
	out := make([]byte, 0, 4096)
	head := refs.Head
	if (head.OID != "" || a.unborn && a.symrefs && head.Target != "") && a.wants("HEAD") {
		out = a.appendRef(out, head)
	}
	if len(a.prefixes) == 0 {
		for _, ref := range refs.list {
			out = a.appendRef(out, ref)
		}
		return AppendFlush(out)
	}
	for _, prefix := range shortestPrefixes(a.prefixes) {
		for _, ref := range refs.Under(prefix) {
			out = a.appendRef(out, ref)
		}
	}
	return AppendFlush(out)
}

func (a lsRefs) wants(name string) bool {
	return len(a.prefixes) == 0 || slices.ContainsFunc(a.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func (a lsRefs) appendRef(out []byte, ref Ref) []byte {
	oid, target, peeled := string(ref.OID), "", ""
	if oid == "" {
		oid = "unborn"
	}
	if a.symrefs && ref.Target != "" {
		target = " symref-target:" + ref.Target
	}
	if a.peel && ref.Peeled != "" {
		peeled = " peeled:" + string(ref.Peeled)
	}
	return AppendPacket(out, oid, " ", ref.Name, target, peeled, "\n")
}

// shortestPrefixes sorts prefixes and drops those that a shorter one covers.
func shortestPrefixes(prefixes []string) []string {
	var kept []string
	for _, prefix := range slices.Sorted(slices.Values(prefixes)) {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	return kept
}

// LsRefs answers an ls-refs of protocol 2. Where ok is false the request is
// something else.
func (r *Repository) LsRefs(ctx context.Context, request []byte) (answer []byte, ok bool, err error) {
	asked, ok := parseLsRefs(request)
	if !ok {
		return nil, false, nil
	}
	refs, err := r.Refs(ctx)
	if err != nil {
		return nil, true, err
	}
	return asked.answer(refs), true, nil
}
