#!/bin/bash
# make.sh: how the files of this folder were made: half a second of a tone that rises from 300 to 3000 Hz, at -13 dBFS, as chirp in
# sounds_test.go computes it. Needs ffmpeg and opus-tools.
set -euo pipefail
cd "$(dirname "$0")"
chirp="0.22*sin(2*PI*(300*t+2700*t*t))"
make() { # FILE RATE CHANNELS OPTIONS...
  local file=$1 rate=$2 channels=$3
  shift 3
  local all=$chirp
  [ "$channels" -eq 1 ] || all="$chirp|$chirp"
  ffmpeg -nostdin -loglevel error -y -f lavfi -i "aevalsrc=$all:s=$rate:d=0.5" -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@" "$file"
}
make stereo44.flac 44100 2
make mono48-24.flac 48000 1 -sample_fmt s32 -bits_per_raw_sample 24
make short8.wav 8000 1 -t 0.05
flac --silent --force --no-padding --no-seektable -o short8.flac short8.wav
make short8.mp3 24000 1 -t 0.05 -b:a 8k -id3v2_version 0 -write_xing 0
make stereo44.mp3 44100 2 -b:a 96k -metadata title=chirp
make mono24.mp3 24000 1 -b:a 32k -id3v2_version 0
make misread22.mp3 22050 1 -b:a 32k -id3v2_version 0
make mono11.mp3 11025 1 -b:a 32k -id3v2_version 0
make stereo48.opus 48000 2 -c:a libopus -b:a 64k
make mono8.opus 8000 1 -c:a libopus -b:a 16k
make vorbis.ogg 44100 1 -c:a libvorbis
make float44.wav 44100 2 -c:a pcm_f32le
make extensible96.wav 96000 1 -c:a pcm_s24le
make alaw8.wav 8000 1 -c:a pcm_alaw
make mulaw8.wav 8000 1 -c:a pcm_mulaw
make byte11.wav 11025 1 -c:a pcm_u8
make opusenc.wav 16000 1
opusenc --quiet --serial 7 --padding 600 --comment "title=chirp" opusenc.wav opusenc.opus
rm opusenc.wav
