package codec

/*
#cgo pkg-config: opus
#include <opus.h>

typedef struct {
	opus_int32 bandwidth, copies, loss, dtx, vbr;
} encoder_setup;

static int encoder_init(OpusEncoder *st, opus_int32 rate, int plain, const encoder_setup *to) {
	int err = opus_encoder_init(st, rate, 1, plain ? OPUS_APPLICATION_RESTRICTED_LOWDELAY : OPUS_APPLICATION_VOIP);
	if (err == OPUS_OK) err = opus_encoder_ctl(st, OPUS_SET_MAX_BANDWIDTH(to->bandwidth));
	if (err == OPUS_OK) err = opus_encoder_ctl(st, OPUS_SET_INBAND_FEC(to->copies));
	if (err == OPUS_OK) err = opus_encoder_ctl(st, OPUS_SET_PACKET_LOSS_PERC(to->loss));
	if (err == OPUS_OK) err = opus_encoder_ctl(st, OPUS_SET_DTX(to->dtx));
	if (err == OPUS_OK) err = opus_encoder_ctl(st, OPUS_SET_VBR(to->vbr));
	return err;
}

static int encoder_effort(OpusEncoder *st, opus_int32 complexity, opus_int32 bitrate) {
	int err = opus_encoder_ctl(st, OPUS_SET_COMPLEXITY(complexity));
	return err == OPUS_OK ? opus_encoder_ctl(st, OPUS_SET_BITRATE(bitrate)) : err;
}

static opus_int32 encode_alone(OpusEncoder *st, const opus_int16 *pcm, int samples, unsigned char *dst, opus_int32 bytes) {
	int err = opus_encoder_ctl(st, OPUS_SET_PREDICTION_DISABLED(1));
	if (err != OPUS_OK) return err;
	opus_int32 n = opus_encode(st, pcm, samples, dst, bytes);
	err = opus_encoder_ctl(st, OPUS_SET_PREDICTION_DISABLED(0));
	return err == OPUS_OK ? n : err;
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

// libopusEncoder is a mono encoder of libopus in memory of Go's. There are no pointers into it, so that it can be copied as it stands (opus_encoder_create).
type libopusEncoder struct {
	memory []uint64
}

// libopusSetup is what is set on an encoder for good.
type libopusSetup struct {
	rateHz    int
	plain     bool // CELT alone
	bandwidth C.opus_int32
	copies    bool
	lossPct   int
	dtx       bool
	cbr       bool
}

// errLibopus is an error of libopus by its number.
type errLibopus C.int

func (e errLibopus) Error() string { return C.GoString(C.opus_strerror(C.int(e))) }

// libopusError is the error of that number; nil for OPUS_OK. Errors of what cannot fail but by a fault of ours are made only then.
func libopusError(n C.int) error {
	if n == C.OPUS_OK {
		return nil
	}
	return errLibopus(n)
}

// errLibopusShort is the one that depends on the caller's buffer.
var errLibopusShort = errors.New("codec: libopus: the packet does not fit")

func newLibopusEncoder(to libopusSetup) (*libopusEncoder, error) {
	const word = unsafe.Sizeof(uint64(0))
	size := uintptr(C.opus_encoder_get_size(1))
	e := &libopusEncoder{memory: make([]uint64, (size+word-1)/word)}
	setup := C.encoder_setup{bandwidth: to.bandwidth, copies: number(to.copies), loss: C.opus_int32(to.lossPct), dtx: number(to.dtx), vbr: number(!to.cbr)}
	return e, libopusError(C.encoder_init(e.state(), C.opus_int32(to.rateHz), number(to.plain), &setup))
}

func number(on bool) C.opus_int32 {
	if on {
		return 1
	}
	return 0
}

func (e *libopusEncoder) state() *C.OpusEncoder {
	return (*C.OpusEncoder)(unsafe.Pointer(unsafe.SliceData(e.memory)))
}

// encode makes one packet of pcm in dst, neither of which is empty.
func (e *libopusEncoder) encode(dst []byte, pcm []int16) (int, error) {
	return libopusPacket(C.opus_encode(e.state(), (*C.opus_int16)(unsafe.SliceData(pcm)), C.int(len(pcm)), (*C.uchar)(unsafe.SliceData(dst)), C.opus_int32(len(dst))))
}

// encodeAlone is encode of a packet that predicts nothing from those before it (OPUS_SET_PREDICTION_DISABLED).
func (e *libopusEncoder) encodeAlone(dst []byte, pcm []int16) (int, error) {
	return libopusPacket(C.encode_alone(e.state(), (*C.opus_int16)(unsafe.SliceData(pcm)), C.int(len(pcm)), (*C.uchar)(unsafe.SliceData(dst)), C.opus_int32(len(dst))))
}

// libopusPacket is the length of a packet, or why there is none.
func libopusPacket(n C.opus_int32) (int, error) {
	switch {
	case n == C.OPUS_BUFFER_TOO_SMALL:
		return 0, errLibopusShort
	case n < 0:
		return 0, errLibopus(n)
	}
	return int(n), nil
}

// setEffort changes how the next packets are made.
func (e *libopusEncoder) setEffort(complexity, bitrateBps int) error {
	return libopusError(C.encoder_effort(e.state(), C.opus_int32(complexity), C.opus_int32(bitrateBps)))
}

// copyFrom goes on where o is, which was set up alike.
func (e *libopusEncoder) copyFrom(o *libopusEncoder) { copy(e.memory, o.memory) }

// opusBandwidth is the most that is encoded for a receiver that plays that rate; the sampling rate bounds it in any case.
func opusBandwidth(playbackHz int) C.opus_int32 {
	switch playbackHz {
	case OpusMediumbandHz:
		return C.OPUS_BANDWIDTH_MEDIUMBAND
	case OpusSuperWidebandHz:
		return C.OPUS_BANDWIDTH_SUPERWIDEBAND
	}
	return C.OPUS_BANDWIDTH_FULLBAND
}
