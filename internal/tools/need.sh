#!/bin/bash
# need.sh SET...: installs the Debian or Ubuntu packages of the sets named, if they are not there. Says nothing when
# there is nothing to do.
set -euo pipefail

packages=()
for set in "$@"; do
  case "$set" in
    build) packages+=(gcc libc6-dev libopus-dev libspeexdsp-dev pkg-config) ;;
    test) packages+=(sip-tester baresip-core ffmpeg espeak-ng iproute2 procps kamailio kamailio-tls-modules kamailio-websocket-modules openssl tshark sipsak linphone-nogtk libusrsctp-dev opus-tools flac gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad vlc-bin vlc-plugin-base) ;;
    bench) packages+=(espeak-ng sip-tester) ;;
    profile) packages+=(espeak-ng strace) ;;
    prompts) packages+=(flite espeak-ng ffmpeg) ;;
    sound) packages+=(ffmpeg tshark opus-tools gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav) ;;
    *) echo "need.sh: no such set: $set" >&2; exit 2 ;;
  esac
done

missing=()
for p in "${packages[@]}"; do
  # a compiler of the user's own is as good as Debian's
  [ "$p" = gcc ] && command -v "${CC:-gcc}" >/dev/null && continue
  dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "confbridge needs these Debian packages, or what your system calls them: ${missing[*]}" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "installing: ${missing[*]}"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
