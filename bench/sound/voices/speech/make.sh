#!/bin/bash
# make.sh: how the voices of this folder were made: five speakers, eight seconds each, 16 kHz, 16 bit, mono. The sentences are
# those of the Harvard lists (IEEE 297-1969). Needs flite, espeak-ng and ffmpeg. The files are committed so that all figures
# are of the same sound, whatever version of these is installed.
set -euo pipefail
cd "$(dirname "$0")"

flite_voice() { flite -voice "$2" -t "$3" -o "$1.raw.wav"; }
espeak_voice() { espeak-ng -v "$2" -s "$3" -w "$1.raw.wav" "$4"; }

flite_voice slt slt "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
flite_voice rms rms "Rice is often served in round bowls. The juice of lemons makes fine punch. The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage."
flite_voice awb awb "Four hours of steady work faced us. A large size in stockings is hard to sell. The boy was there when the sun rose. A rod is used to catch pink salmon."
espeak_voice en en-us 150 "The source of the huge river is the clear spring. Kick the ball straight and follow through. Help the woman get back to her feet. A pot of tea helps to pass the evening."
espeak_voice f3 en-gb+f3 155 "Smoky fires lack flame and heat. The soft cushion broke the man's fall. The salt breeze came across from the sea. The girl at the booth sold fifty bonds."

# Speech begins after a quarter of a second, and ends in silence.
for name in slt rms awb en f3; do
  ffmpeg -loglevel error -y -i "$name.raw.wav" -af "silenceremove=start_periods=1:start_threshold=-45dB,adelay=250,apad,atrim=0:7.6,afade=t=out:st=7.5:d=0.1,apad,atrim=0:8" \
    -ar 16000 -ac 1 -c:a pcm_s16le -fflags +bitexact -flags:a +bitexact "$name.wav"
  rm "$name.raw.wav"
done
