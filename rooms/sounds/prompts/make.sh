#!/bin/bash
# make.sh: makes the voices of this folder of their lists: LANGUAGE/prompts.txt, one line a prompt, its name, a tab, its text. Each
# becomes LANGUAGE/NAME.opus: 16 kHz, mono, without silence at its ends. Needs flite, espeak-ng and ffmpeg. The files are committed,
# so that all are told the same, whatever version of these is installed. What is there already is left: delete what is to be said
# anew (make.sh all: everything). What no list has any more is deleted.
set -euo pipefail
cd "$(dirname "$0")"

# Levels are set so that the speech of both is at -20 dBFS while it lasts.
say_en() { flite -voice slt -t "$1" -o "$2"; }
say_de() { espeak-ng -v de -s 150 -w "$2" "$1"; }
gain_en=-6dB
gain_de=0dB

# Speech is cut 30 ms before it begins and behind its end.
trim="silenceremove=start_periods=1:start_threshold=-45dB:start_silence=0.03"

make_one() { # LANGUAGE NAME TEXT
  local wav gain=gain_$1
  wav=$(mktemp --suffix .wav)
  "say_$1" "$3" "$wav"
  mkdir -p "$(dirname "$1/$2")"
  ffmpeg -nostdin -loglevel error -y -i "$wav" \
    -af "$trim,areverse,$trim,areverse,highpass=f=80,volume=${!gain},alimiter=limit=0.7:level=0" \
    -ar 16000 -ac 1 -c:a libopus -application voip -b:a 20k -frame_duration 20 -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$1/$2.opus"
  rm "$wav"
}

for language in en de; do
  while IFS=$'\t' read -r name text; do
    file=$language/$name.opus
    if [ "${1:-}" = all ] || [ ! -e "$file" ]; then
      make_one "$language" "$name" "$text"
    fi
  done <$language/prompts.txt
  (cd "$language" && find . -name '*.opus' | sed 's|^\./||; s|\.opus$||' | sort | comm -23 - <(cut -f1 prompts.txt | sort) | sed 's|$|.opus|' | xargs -r rm)
done
