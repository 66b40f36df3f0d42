package markup

import (
	"bytes"
	"regexp"
)

// goldmark looks from each mark of a link, an emphasis or a piece of code to
// the end of its paragraph, and goes through every quote and list that begins
// on a line for each of them. No text that is meant to be read comes near these
// bounds; one that does is shown as it is.
const (
	maxLooking = 20 << 20 // bytes looked over in one paragraph
	maxNesting = 24       // quotes and lists that begin on one line
)

// costly reports whether rendering the text could take unreasonably long.
func costly(source []byte) bool {
	var paragraph paragraph
	var fence []byte // what ends the block of code that the line is in
	for line := range bytes.Lines(source) {
		rest, nesting, item := containers(line)
		if nesting > maxNesting {
			return true
		}
		text := bytes.TrimSpace(rest)
		switch {
		case fence != nil:
			if bytes.HasPrefix(text, fence) {
				fence = nil
			}
			continue
		case opensFence(text):
			fence = text[:3]
			paragraph.end()
			continue
		case len(text) == 0:
			paragraph.end()
			continue
		case item:
			paragraph.end()
		}
		if paragraph.add(text); paragraph.looking() > maxLooking {
			return true
		}
	}
	return false
}

func opensFence(line []byte) bool {
	return (bytes.HasPrefix(line, []byte("```")) || bytes.HasPrefix(line, []byte("~~~"))) &&
		len(line) < 200 && bytes.IndexByte(bytes.TrimLeft(line, string(line[0])), line[0]) < 0
}

// paragraph is what has been read of one. Of a table each line counts alone,
// because each of its cells is read alone.
type paragraph struct {
	bytes, marks int
	last         []byte
	table        bool
}

func (p *paragraph) end() { *p = paragraph{} }

func (p *paragraph) looking() int { return p.bytes * p.marks }

func (p *paragraph) add(line []byte) {
	if p.table = p.table || heads(p.last, line); p.table {
		p.bytes, p.marks = 0, 0
	}
	p.bytes += len(line)
	for _, c := range line {
		switch c {
		case '[', ']', '(', '*', '_', '~', '!', '<', '`', '&', ':', '@':
			p.marks++
		}
	}
	p.last = line
}

var delimiterRow = regexp.MustCompile(`^[|: -]*-[|: -]*$`)

// heads reports whether the two lines begin a table.
func heads(header, delimiters []byte) bool {
	return bytes.IndexByte(header, '|') >= 0 && !bytes.ContainsAny(header, "\\`") &&
		delimiterRow.Match(delimiters) && columns(header) == columns(delimiters)
}

func columns(row []byte) int {
	return bytes.Count(bytes.TrimSuffix(bytes.TrimPrefix(row, []byte("|")), []byte("|")), []byte("|")) + 1
}

// containers gives what follows the marks of quotes and lists at the beginning
// of a line, how many there are, and whether an item of a list certainly begins.
func containers(line []byte) (rest []byte, count int, item bool) {
	for {
		line = bytes.TrimLeft(line, " \t")
		if len(line) > 0 && line[0] == '>' {
			line, count = line[1:], count+1
			continue
		}
		if len(line) > 2 && bytes.IndexByte([]byte("-+*"), line[0]) >= 0 && blank(line[1]) {
			item = item || !blank(line[2]) // an empty item doesn't end a paragraph
			line, count = line[2:], count+1
			continue
		}
		digits := len(line) - len(bytes.TrimLeft(line, "0123456789"))
		if digits > 0 && digits < 10 && len(line) > digits+1 && (line[digits] == '.' || line[digits] == ')') && blank(line[digits+1]) {
			line, count = line[digits+2:], count+1
			continue
		}
		return line, count, item
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
