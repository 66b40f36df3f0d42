package markup

import (
	"github.com/yuin/goldmark/ast"
	tasks "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// taskBox draws the boxes of a list of tasks, each with a name for those who
// can't see it (WCAG 4.1.2).
type taskBox struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (taskBox) RegisterFuncs(register renderer.NodeRendererFuncRegisterer) {
	register.Register(tasks.KindTaskCheckBox, drawTaskBox)
}

func drawTaskBox(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	box := `<input type="checkbox" disabled="" aria-label="Open"> `
	if node.(*tasks.TaskCheckBox).IsChecked {
		box = `<input type="checkbox" checked="" disabled="" aria-label="Done"> `
	}
	_, err := w.WriteString(box)
	return ast.WalkContinue, err
}
