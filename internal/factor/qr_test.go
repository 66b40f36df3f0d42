package factor

import (
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	goqr "github.com/piglig/go-qr"
)

func TestTheDrawnQRCodeReadsAsItsText(t *testing.T) {
	text := keyURI("Sallyport Code", "alice", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	svg, err := qrCode(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"<script", "style=", "<style", "href", " on", "secret"} {
		if strings.Contains(string(svg), no) {
			t.Errorf("the SVG holds %q", no)
		}
	}
	got, err := goqr.Decode(paint(t, string(svg)))
	if err != nil || got != text {
		t.Errorf("it reads as %q, %v", got, err)
	}
}

// paint draws the SVG as a camera would see it.
func paint(t *testing.T, svg string) image.Image {
	t.Helper()
	const scale = 4
	side, err := strconv.Atoi(regexp.MustCompile(`viewBox="0 0 (\d+) `).FindStringSubmatch(svg)[1])
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, side*scale, side*scale))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, m := range regexp.MustCompile(`M(\d+),(\d+)h1v1h-1z`).FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		for dy := range scale {
			for dx := range scale {
				img.SetGray(x*scale+dx, y*scale+dy, color.Gray{})
			}
		}
	}
	return img
}
