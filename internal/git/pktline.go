package git

import (
	"errors"
	"fmt"
	"io"
)

// MaxPacket is the most payload that one pkt-line carries.
const MaxPacket = 65516

// PacketKind tells a pkt-line with a payload from the special ones.
type PacketKind int

const (
	PacketData        PacketKind = iota
	PacketFlush                  // 0000: the end of a message
	PacketDelim                  // 0001: the end of a section (protocol 2)
	PacketResponseEnd            // 0002: the end of a response (protocol 2, stateless)
)

// ErrPacket says that what was read isn't a pkt-line.
var ErrPacket = errors.New("malformed pkt-line")

// PacketReader reads pkt-lines. It reads no byte past the packet that it gives.
type PacketReader struct {
	r   io.Reader
	buf [MaxPacket]byte
	len [4]byte
}

// NewPacketReader reads pkt-lines from r.
func NewPacketReader(r io.Reader) *PacketReader { return &PacketReader{r: r} }

// Next gives the next packet. The payload is valid until the next call. At the
// end, between packets, the error is io.EOF; within one io.ErrUnexpectedEOF.
func (p *PacketReader) Next() (PacketKind, []byte, error) {
	if _, err := io.ReadFull(p.r, p.len[:]); err != nil {
		return 0, nil, err
	}
	length, ok := parseLength(p.len)
	if !ok {
		return 0, nil, fmt.Errorf("%w: bad length %q", ErrPacket, p.len)
	}
	switch {
	case length <= int(PacketResponseEnd-PacketFlush):
		return PacketFlush + PacketKind(length), nil, nil
	case length < 4 || length-4 > MaxPacket:
		return 0, nil, fmt.Errorf("%w: bad length %d", ErrPacket, length)
	}
	payload := p.buf[:length-4]
	if _, err := io.ReadFull(p.r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return PacketData, payload, nil
}

func parseLength(digits [4]byte) (int, bool) {
	n := 0
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		case 'A' <= c && c <= 'F':
			n = n<<4 | int(c-'A'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

const hexDigits = "0123456789abcdef"

// AppendPacket appends a pkt-line with the parts as its payload, which together
// must be at most MaxPacket bytes long.
func AppendPacket(dst []byte, parts ...string) []byte {
	length := 4
	for _, part := range parts {
		length += len(part)
	}
	if length-4 > MaxPacket {
		panic("git: a pkt-line of more than 65516 bytes")
	}
	dst = append(dst, hexDigits[length>>12&15], hexDigits[length>>8&15], hexDigits[length>>4&15], hexDigits[length&15])
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return dst
}

// AppendFlush appends the pkt-line that ends a message.
func AppendFlush(dst []byte) []byte { return append(dst, "0000"...) }

// Bands of a side-band stream.
const (
	bandData     = "\x01"
	bandProgress = "\x02"
)

// appendBand appends text on a side band, in as many packets as it needs.
func appendBand(dst []byte, band, text string) []byte {
	const most = MaxPacket - 1
	for len(text) > most {
		dst = AppendPacket(dst, band, text[:most])
		text = text[most:]
	}
	return AppendPacket(dst, band, text)
}
