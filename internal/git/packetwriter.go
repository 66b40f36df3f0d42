package git

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// packetWriter passes on whole pkt-lines only, so that one of our own can stand
// behind the last. From hold on it keeps them. Git is never told that the client
// has gone: it would end by SIGPIPE, and leave behind what it can't clear away then.
type packetWriter struct {
	w    io.Writer
	rest []byte // the beginning of a pkt-line
	gone error  // why the client gets no more

	mu      sync.Mutex
	holding bool
	kept    []byte
}

func (p *packetWriter) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = true
}

func (p *packetWriter) held() ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept, p.holding
}

func (p *packetWriter) Write(data []byte) (int, error) {
	p.rest = append(p.rest, data...)
	whole := 0
	for len(p.rest)-whole >= 4 {
		length, ok := parseLength([4]byte(p.rest[whole:]))
		if !ok {
			return 0, fmt.Errorf("%w: from git", ErrPacket)
		}
		length = max(length, 4)
		if len(p.rest)-whole < length {
			break
		}
		packet := p.rest[whole : whole+length]
		if unpackingFailed(packet) {
			p.pass(appendBand(nil, bandProgress, "This push could not be taken, for the reason above. Nothing was changed.\n"))
		}
		p.pass(packet)
		whole += length
	}
	p.rest = append(p.rest[:0], p.rest[whole:]...)
	return len(data), nil
}

// unpackingFailed reports whether a packet begins a report in which git says no
// more than that.
func unpackingFailed(packet []byte) bool {
	const inside = 5 + 4 // the band's packet, and the one in it
	return len(packet) > inside && packet[4] == bandData[0] && bytes.HasPrefix(packet[inside:], []byte("unpack index-pack abnormal exit"))
}

func (p *packetWriter) pass(packets []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holding {
		p.kept = append(p.kept, packets...)
		return
	}
	if len(packets) > 0 && p.gone == nil {
		_, p.gone = p.w.Write(packets)
	}
}
