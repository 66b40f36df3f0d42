package markup

import "strings"

// Piece is a run of a plain text. Where Href isn't empty it is a word that
// refers to something.
type Piece struct{ Text, Href string }

// Pieces parts a plain text at the words that refer to something, by the same
// rule as Links.Ref.
func Pieces(text string, ref func(word string) string) []Piece {
	var pieces []Piece
	from := 0
	for _, found := range reference.FindAllStringIndex(text, -1) {
		at := found[0] + strings.LastIndexAny(text[found[0]:found[1]], separators) + 1
		word := text[at:found[1]]
		to := ref(word)
		if to == "" {
			continue
		}
		if at > from {
			pieces = append(pieces, Piece{Text: text[from:at]})
		}
		pieces = append(pieces, Piece{word, to})
		from = found[1]
	}
	if from < len(text) {
		pieces = append(pieces, Piece{Text: text[from:]})
	}
	return pieces
}
