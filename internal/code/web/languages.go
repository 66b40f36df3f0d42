package web

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"sync"

	"github.com/alecthomas/chroma/v2/lexers"

	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/errs"
)

// language is a part of the bar that tells what a repository is written in.
type language struct {
	Name        string
	Percent     int
	From, Width float64 // of 100
}

const languagesShown = 5

// languages tells in which languages the files at a place are, by their names
// and sizes. What is no language (data, prose) doesn't count. Of too many files it
// tells nothing.
func (o opened) languages(r *http.Request, place repo.Place) ([]language, error) {
	sizes, err := o.content.Sizes(r.Context(), place, languageOf)
	if errs.Is(err, errs.KindTooLarge) {
		return nil, nil // the page is shown without them
	}
	if err != nil {
		return nil, err
	}
	total := int64(0)
	var names []string
	for name, size := range sizes {
		total += size
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(a, b)) })
	var bar []language
	at := 0.0
	for i, name := range names {
		part := language{Name: name, From: at, Width: 100 * float64(sizes[name]) / float64(total)}
		if i == languagesShown && len(names) > languagesShown+1 {
			part.Name, part.Width = "Other", 100-at
		}
		part.Percent, at = int(math.Round(part.Width)), at+part.Width
		if part.Percent == 0 {
			break
		}
		bar = append(bar, part)
		if part.Name == "Other" {
			break
		}
	}
	return bar, nil
}

// languageOf gives the language of a file by its name; empty where it is none.
// It is asked about every file of a repository, so it looks up what the lexers
// say of their files instead of asking each of them.
func languageOf(name string) string {
	known := languageNames()
	if kind, ok := known[name]; ok {
		return kind
	}
	for at := range len(name) {
		if name[at] == '.' {
			if kind, ok := known["*"+name[at:]]; ok {
				return kind
			}
		}
	}
	return ""
}

// languageNames gives languages by whole names, and by endings after a star.
var languageNames = sync.OnceValue(func() map[string]string {
	known, ranks := map[string]string{}, map[string]float32{}
	for _, lexer := range lexers.GlobalLexerRegistry.Lexers {
		config := lexer.Config()
		kind := config.Name
		switch kind {
		case "plaintext", "markdown", "JSON", "YAML", "TOML", "XML", "INI", "CSV", "reStructuredText", "Diff", "Org Mode", "properties":
			kind = ""
		}
		rank := cmp.Or(config.Priority, 1)
		for _, pattern := range config.Filenames {
			if before, there := ranks[pattern]; !there || rank > before {
				known[pattern], ranks[pattern] = kind, rank
			}
		}
	}
	return known
})
