package web

import (
	"html/template"
	"strconv"
	"strings"

	"sallyport.dev/internal/git"
)

// diffRow is one line of the one column, or two lines side by side.
type diffRow struct {
	Left, Right git.DiffLine // Op 0: nothing stands there
}

// rowsOf writes a hunk's lines as rows of a table. It does so itself, as a
// page may have thousands, and a template takes several times as long for each.
func rowsOf(lines []git.DiffLine, split bool) template.HTML {
	var b strings.Builder
	if !split {
		for _, line := range lines {
			b.WriteString(`<tr class="` + opClass(line) + `"><td class="n">` + number(line.Old) + `</td><td class="n">` + number(line.New) + `</td><td class="l">`)
			writeLine(&b, line)
			b.WriteString("</td></tr>\n")
		}
		return template.HTML(b.String()) //nolint:gosec // the text is escaped
	}
	for _, row := range sideBySide(lines) {
		b.WriteString("<tr>")
		writeSide(&b, row.Left)
		writeSide(&b, row.Right)
		b.WriteString("</tr>\n")
	}
	return template.HTML(b.String()) //nolint:gosec // the text is escaped
}

func writeSide(b *strings.Builder, line git.DiffLine) {
	at := line.Old
	switch line.Op {
	case 0:
		b.WriteString(`<td class="n"></td><td class="l none"></td>`)
		return
	case '+':
		at = line.New
	}
	b.WriteString(`<td class="n">` + number(at) + `</td><td class="l ` + opClass(line) + `">`)
	writeLine(b, line)
	b.WriteString("</td>")
}

func writeLine(b *strings.Builder, line git.DiffLine) {
	sign := " "
	switch line.Op {
	case '+':
		sign = "+"
	case '-':
		sign = "−"
	}
	b.WriteString(`<span class="sign">` + sign + `</span>`)
	template.HTMLEscape(b, []byte(line.Text))
	if line.NoEnd {
		b.WriteString(` <span class="muted">(no newline at the end)</span>`)
	}
}

func opClass(line git.DiffLine) string { return "op" + strconv.Itoa(int(line.Op)) }

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// sideBySide sets what was taken away beside what came in its place.
func sideBySide(lines []git.DiffLine) []diffRow {
	var rows []diffRow
	from := 0 // the first row of a change whose right side is free
	for _, line := range lines {
		switch line.Op {
		case '-':
			rows = append(rows, diffRow{Left: line})
		case '+':
			if from < len(rows) {
				rows[from].Right = line
			} else {
				rows = append(rows, diffRow{Right: line})
			}
			from++
		default:
			rows = append(rows, diffRow{Left: line, Right: line})
			from = len(rows)
		}
	}
	return rows
}
