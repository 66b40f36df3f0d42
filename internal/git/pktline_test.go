package git

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPackets(t *testing.T) {
	long := strings.Repeat("x", MaxPacket)
	written := AppendPacket(nil, "hello ", "world\n")
	written = AppendPacket(written)
	written = append(written, "0001"...)
	written = AppendPacket(written, long)
	written = append(written, "0002"...)
	written = AppendFlush(written)
	if !bytes.HasPrefix(written, []byte("0010hello world\n00040001fff0xx")) {
		t.Errorf("written as %.40q", written)
	}
	packets := NewPacketReader(bytes.NewReader(written))
	for i, want := range []struct {
		kind    PacketKind
		payload string
	}{{PacketData, "hello world\n"}, {PacketData, ""}, {PacketDelim, ""}, {PacketData, long}, {PacketResponseEnd, ""}, {PacketFlush, ""}} {
		kind, payload, err := packets.Next()
		if err != nil || kind != want.kind || string(payload) != want.payload {
			t.Fatalf("packet %d: %v %.20q %v", i, kind, payload, err)
		}
	}
	if _, _, err := packets.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestMalformedPackets(t *testing.T) {
	for text, want := range map[string]error{
		"":         io.EOF,
		"00":       io.ErrUnexpectedEOF,
		"0005":     io.ErrUnexpectedEOF,
		"0009abc":  io.ErrUnexpectedEOF,
		"0003":     ErrPacket,
		"fff1":     ErrPacket,
		"ffff":     ErrPacket,
		"-001":     ErrPacket,
		"00 5x":    ErrPacket,
		"GET / HT": ErrPacket,
	} {
		if _, _, err := NewPacketReader(strings.NewReader(text)).Next(); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}

// Whatever is read, reading it never panics, and writing what was read gives
// the same bytes again.
func FuzzPackets(f *testing.F) {
	f.Add([]byte("0010hello world\n000400010000"))
	f.Add([]byte("fff0"))
	f.Add([]byte("00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		packets := NewPacketReader(bytes.NewReader(data))
		var again []byte
		for {
			kind, payload, err := packets.Next()
			if err != nil {
				break
			}
			if kind == PacketData {
				again = AppendPacket(again, string(payload))
			} else {
				again = append(again, "000"+string('0'+rune(kind-PacketFlush))...)
			}
		}
		if !strings.EqualFold(string(again), string(data[:len(again)])) {
			t.Errorf("%q was read as %q", data, again)
		}
		if _, ok := parseLsRefs(data); ok && !bytes.Contains(data, []byte("command=ls-refs")) {
			t.Errorf("%q was taken for ls-refs", data)
		}
		if asked, err := readPush(bytes.NewReader(data)); err == nil {
			asked.report("message", "ok", func(string) string { return "no" })
		}
	})
}
