package markup

import (
	"crypto/sha256"
	"html/template"

	"sallyport.dev/internal/lru"
)

// Kept remembers what texts became, so that a page with many of them is made
// without rendering each again. It is safe for concurrent use.
type Kept struct {
	cache *lru.Cache[keptKey, template.HTML]
}

// keptKey is all that a rendering depends on where no word is asked for.
type keptKey struct {
	text           [sha256.Size]byte
	file, raw, dir string
	wiki           bool
}

// NewKept makes one that keeps limit bytes.
func NewKept(limit int) *Kept {
	return &Kept{lru.New[keptKey, template.HTML](limit)}
}

// Markdown is the function Markdown. A text of which words were asked for is
// rendered each time: what they refer to changes, and isn't the same for all.
func (k *Kept) Markdown(source []byte, links Links) template.HTML {
	key := keptKey{sha256.Sum256(source), links.File, links.Raw, links.Dir, links.Wiki}
	if known, ok := k.cache.Get(key); ok {
		return known
	}
	asked := false
	if find := links.Ref; find != nil {
		links.Ref = func(word string) string {
			asked = true
			return find(word)
		}
	}
	made := Markdown(source, links)
	if !asked {
		k.cache.Put(key, made, len(made))
	}
	return made
}
