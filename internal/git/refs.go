package git

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Ref is one reference as it was read.
type Ref struct {
	Name   string // refs/heads/main; "HEAD" for the head
	OID    OID    // what it points at; empty for a HEAD whose branch has no commit yet
	Peeled OID    // what an annotated tag stands for in the end; empty for anything else
	Target string // of a symbolic reference: the name that it leads to

	peelKnown bool
}

// Refs is every reference of a repository at one moment. It never changes.
type Refs struct {
	// Head is HEAD. Its Target is empty where it is detached, its OID where the
	// branch that it names is unborn. Both are empty where HEAD is broken.
	Head Ref

	list     []Ref // by name; HEAD isn't among them
	unpeeled int   // how many of list have peelKnown unset
}

// All gives every reference below refs/, by name. It must not be changed.
func (r *Refs) All() []Ref { return r.list }

// Under gives the references whose name starts with prefix, by name. It must
// not be changed.
func (r *Refs) Under(prefix string) []Ref {
	from, _ := slices.BinarySearchFunc(r.list, prefix, func(ref Ref, prefix string) int {
		return strings.Compare(ref.Name, prefix)
	})
	to := from
	for to < len(r.list) && strings.HasPrefix(r.list[to].Name, prefix) {
		to++
	}
	return r.list[from:to]
}

// Find gives the reference with the full name.
func (r *Refs) Find(name string) (Ref, bool) {
	i, found := slices.BinarySearchFunc(r.list, name, func(ref Ref, name string) int {
		return strings.Compare(ref.Name, name)
	})
	if !found {
		return Ref{}, false
	}
	return r.list[i], true
}

// Refs reads the references. Where nothing has changed since they were last
// read, that costs one stat for each directory that holds loose ones.
func (r *Repository) Refs(ctx context.Context) (*Refs, error) {
	refs, err := r.store.read()
	if err != nil || refs.unpeeled == 0 {
		return refs, err
	}
	return r.peel(ctx, refs)
}

// peel finds out what the annotated tags among loose references stand for.
// What an object is never changes, so that is asked once for each.
func (r *Repository) peel(ctx context.Context, refs *Refs) (*Refs, error) {
	peeled := *refs
	peeled.list = slices.Clone(refs.list)
	peeled.unpeeled = 0
	learnt := map[OID]OID{}
	for i := range peeled.list {
		ref := &peeled.list[i]
		if ref.peelKnown {
			continue
		}
		target, err := r.peelObject(ctx, ref.OID)
		if err != nil {
			return nil, err
		}
		ref.Peeled, ref.peelKnown = target, true
		learnt[ref.OID] = target
	}
	r.store.replace(refs, &peeled, learnt)
	return &peeled, nil
}

// mergeRefs lays loose references over packed ones, both by name, and resolves
// the symbolic ones.
func mergeRefs(head string, packed, loose []Ref, peels map[OID]OID) *Refs {
	refs := &Refs{list: make([]Ref, 0, len(packed)+len(loose))}
	symbolic := false
	for len(packed) > 0 || len(loose) > 0 {
		var next Ref
		switch {
		case len(loose) == 0 || len(packed) > 0 && packed[0].Name < loose[0].Name:
			next, packed = packed[0], packed[1:]
		case len(packed) > 0 && packed[0].Name == loose[0].Name:
			next, packed, loose = loose[0], packed[1:], loose[1:]
		default:
			next, loose = loose[0], loose[1:]
		}
		if Hidden(next.Name) {
			continue
		}
		symbolic = symbolic || next.Target != ""
		refs.list = append(refs.list, next)
	}
	if symbolic {
		refs.resolveSymbolic()
	}
	for i := range refs.list {
		ref := &refs.list[i]
		if ref.peelKnown {
			continue
		}
		if strings.HasPrefix(ref.Name, "refs/heads/") {
			ref.peelKnown = true // git lets a branch point at commits only
		} else if target, known := peels[ref.OID]; known {
			ref.Peeled, ref.peelKnown = target, true
		} else {
			refs.unpeeled++
		}
	}
	refs.Head = refs.resolveHead(head)
	return refs
}

// resolveSymbolic gives every symbolic reference what it leads to, and leaves
// out those that lead nowhere.
func (r *Refs) resolveSymbolic() {
	before := &Refs{list: slices.Clone(r.list)}
	r.list = slices.DeleteFunc(r.list, func(ref Ref) bool {
		return ref.Target != "" && before.follow(ref.Target).OID == ""
	})
	for i, ref := range r.list {
		if ref.Target != "" {
			end := before.follow(ref.Target)
			r.list[i].OID, r.list[i].Target = end.OID, end.Name
		}
	}
}

// follow gives the reference at the end of a chain that starts with name. Where
// the chain ends at a name that doesn't exist, it has that name and no OID.
func (r *Refs) follow(name string) Ref {
	const deepest = 5 // as SYMREF_MAXDEPTH in git
	for range deepest {
		ref, found := r.Find(name)
		if !found {
			return Ref{Name: name}
		}
		if ref.Target == "" {
			return ref
		}
		name = ref.Target
	}
	return Ref{}
}

// resolveHead reads the content of the file HEAD.
func (r *Refs) resolveHead(content string) Ref {
	head, ok := parseLooseRef("HEAD", content)
	if !ok {
		return Ref{Name: "HEAD"}
	}
	if head.Target != "" {
		end := r.follow(head.Target)
		head.OID, head.Target = end.OID, end.Name
	}
	return head
}

// parseLooseRef reads the content of a loose reference's file.
func parseLooseRef(name, content string) (Ref, bool) {
	if target, symbolic := strings.CutPrefix(content, "ref:"); symbolic {
		target = strings.TrimSpace(target)
		return Ref{Name: name, Target: target}, ValidRefName(target)
	}
	if len(content) < len(ZeroOID) {
		return Ref{}, false
	}
	oid, ok := ParseOID(content[:len(ZeroOID)])
	if !ok || strings.TrimSpace(content[len(ZeroOID):]) != "" || oid == ZeroOID {
		return Ref{}, false
	}
	return Ref{Name: name, OID: oid}, true
}

// parsePackedRefs reads the file packed-refs, whose form is described in
// git's refs/packed-backend.c.
func parsePackedRefs(content string) []Ref {
	refs := make([]Ref, 0, strings.Count(content, "\n"))
	var peeled, fullyPeeled, sorted bool
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if traits, header := strings.CutPrefix(line, "# pack-refs with:"); header {
			for trait := range strings.FieldsSeq(traits) {
				peeled = peeled || trait == "peeled"
				fullyPeeled = fullyPeeled || trait == "fully-peeled"
				sorted = sorted || trait == "sorted"
			}
			continue
		}
		if target, isPeel := strings.CutPrefix(line, "^"); isPeel {
			if oid, ok := ParseOID(target); ok && len(refs) > 0 {
				refs[len(refs)-1].Peeled, refs[len(refs)-1].peelKnown = oid, true
			}
			continue
		}
		hash, name, found := strings.Cut(line, " ")
		oid, ok := ParseOID(hash)
		if !found || !ok || !ValidRefName(name) {
			continue
		}
		known := fullyPeeled || peeled && strings.HasPrefix(name, "refs/tags/")
		refs = append(refs, Ref{Name: name, OID: oid, peelKnown: known})
	}
	if !sorted {
		slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	}
	return refs
}

// keepPeels gives what is known of the objects that refs still point at.
func (r *Refs) keepPeels(peels map[OID]OID) map[OID]OID {
	if len(peels) <= 2*len(r.list) {
		return peels
	}
	live := make(map[OID]bool, len(r.list))
	for _, ref := range r.list {
		live[ref.OID] = true
	}
	peels = maps.Clone(peels)
	maps.DeleteFunc(peels, func(oid, _ OID) bool { return !live[oid] })
	return peels
}
