package ears

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// ErrFault says that another program finds fault with what the bridge sends.
var ErrFault = errors.New("another program finds fault")

// FFmpeg decodes the payloads with ffmpeg, at the codec's sampling rate.
func (c Capture) FFmpeg(ctx context.Context, dir string) ([]float64, error) {
	var data []byte
	args := []string{"-loglevel", "error"}
	switch c.Format.Name {
	case "opus":
		ogg, err := c.ogg()
		if err != nil {
			return nil, err
		}
		data = ogg
	default:
		payloads, err := c.payloads()
		if err != nil {
			return nil, err
		}
		data = bytes.Join(payloads, nil)
		kind := map[string]string{"PCMU": "mulaw", "PCMA": "alaw", "G722": "g722"}[string(c.Format.Name)]
		if args = append(args, "-f", kind); c.Format.SampleRateHz == 8000 { // G.722 has one rate, and no option for it
			args = append(args, "-ar", "8000")
		}
	}
	in := filepath.Join(dir, "ffmpeg.in")
	if err := write(in, data); err != nil {
		return nil, err
	}
	args = append(args, "-i", in, "-f", "s16le", "-ac", "1", "-ar", strconv.Itoa(c.Format.SampleRateHz), "-")
	out, err := output(ctx, "ffmpeg", args...)
	return samples(out), err
}

// GStreamer takes the RTP apart and decodes it with GStreamer, at the codec's sampling rate.
func (c Capture) GStreamer(ctx context.Context, dir string) ([]float64, error) {
	in, to := filepath.Join(dir, "gst.pcap"), filepath.Join(dir, "gst.s16")
	if len(c.Packets) == 0 {
		return nil, ErrNothing
	}
	if err := write(in, c.pcap()); err != nil {
		return nil, err
	}
	kind := c.Packets[0].Data[1] & 0x7f
	caps := fmt.Sprintf("application/x-rtp,media=audio,payload=%d,clock-rate=%d,encoding-name=%s", kind, c.Format.ClockRateHz, strings.ToUpper(string(c.Format.Name)))
	chain := map[string]string{
		"PCMU": "rtppcmudepay ! mulawdec", "PCMA": "rtppcmadepay ! alawdec", "G722": "rtpg722depay ! avdec_g722", "opus": "rtpopusdepay ! opusdec",
	}[string(c.Format.Name)]
	line := fmt.Sprintf("filesrc location=%s ! pcapparse dst-port=%d caps=%s ! %s ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,channels=1,rate=%d ! filesink location=%s",
		in, port, caps, chain, c.Format.SampleRateHz, to)
	if _, err := output(ctx, "gst-launch-1.0", append([]string{"-q"}, strings.Fields(line)...)...); err != nil {
		return nil, err
	}
	out, err := os.ReadFile(to)
	if err != nil {
		return nil, fmt.Errorf("gst-launch-1.0: %w", err)
	}
	return samples(out), nil
}

// OpusInfo has opusinfo look for faults; the error is ErrFault and what it says if it finds one.
func (c Capture) OpusInfo(ctx context.Context, dir string) error {
	data, err := c.ogg()
	if err != nil {
		return err
	}
	in := filepath.Join(dir, "sent.opus")
	if err := write(in, data); err != nil {
		return err
	}
	out, err := output(ctx, "opusinfo", in)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "WARNING") || strings.HasPrefix(line, "ERROR") {
			return fmt.Errorf("%w: opusinfo: %s", ErrFault, strings.TrimSpace(line))
		}
	}
	if !bytes.Contains(out, []byte("Playback length")) {
		return fmt.Errorf("%w: opusinfo: no stream: %s", ErrFault, out)
	}
	return nil
}

// streamLine is one of tshark's table of streams: packets, lost (and their share), then three deltas and three jitters in ms.
var streamLine = regexp.MustCompile(`0x[0-9A-Fa-f]+\s+\S.*?\s+(\d+)\s+(-?\d+) \([^)]*\)((?:\s+[0-9.]+)+)`)

// Stream is what tshark says of a stream.
type Stream struct {
	Packets, Lost int
	MaxJitterMs   float64
}

// TShark has tshark look at the stream by its times of arrival.
func (c Capture) TShark(ctx context.Context, dir string) (s Stream, err error) {
	in := filepath.Join(dir, "tshark.pcap")
	if err := write(in, c.pcap()); err != nil {
		return s, err
	}
	args := []string{"-n", "-r", in, "-q", "-d", fmt.Sprintf("udp.port==%d,rtp", port), "-z", "rtp,streams"}
	out, err := output(ctx, "tshark", args...)
	if err != nil {
		return s, err
	}
	found := streamLine.FindSubmatch(out)
	if found == nil {
		return s, fmt.Errorf("%w: tshark sees no stream: %s", ErrFault, out)
	}
	numbers := strings.Fields(string(found[3]))
	if s.Packets, err = strconv.Atoi(string(found[1])); err == nil {
		s.Lost, err = strconv.Atoi(string(found[2]))
	}
	if err == nil {
		s.MaxJitterMs, err = strconv.ParseFloat(numbers[len(numbers)-1], 64)
	}
	if err != nil {
		return s, fmt.Errorf("tshark: %w: %s", err, found[0])
	}
	return s, nil
}

// output runs a program to its end.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, bad bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &bad
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(append(bad.Bytes(), out.Bytes()...)))
	}
	return out.Bytes(), nil
}

// samples reads PCM of 16 bits, full scale 1.
func samples(data []byte) []float64 {
	out := make([]float64, len(data)/2)
	for i := range out {
		out[i] = float64(int16(binary.LittleEndian.Uint16(data[2*i:]))) / 32768
	}
	return out
}
