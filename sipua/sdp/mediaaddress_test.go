package sdp

import "testing"

func TestMediaAddressIsThatOfTheFirstAudioStreamThatCounts(t *testing.T) {
	const head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n"
	for _, tt := range []struct{ name, offer, want string }{
		{"the session's", head + "c=IN IP4 192.0.2.7\nt=0 0\nm=audio 4000 RTP/AVP 0\n", "192.0.2.7"},
		{"the stream's own", head + "c=IN IP4 192.0.2.7\nt=0 0\nm=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::7\n", "2001:db8::7"},
		{"not a disabled stream's", head + "t=0 0\nm=audio 0 RTP/AVP 0\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.8\n", "192.0.2.8"},
		{"not a video stream's", head + "t=0 0\nm=video 4000 RTP/AVP 99\nc=IN IP4 192.0.2.7\n", ""},
		{"not an unspecified one", head + "c=IN IP4 0.0.0.0\nt=0 0\nm=audio 4000 RTP/AVP 0\n", ""},
		{"none without a c= line", head + "t=0 0\nm=audio 4000 RTP/AVP 0\n", ""},
		{"none of what is no SDP", "hello", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := MediaAddress([]byte(tt.offer))
			if ok != (tt.want != "") || ok && got.String() != tt.want {
				t.Errorf("got %v, %v; want %q", got, ok, tt.want)
			}
		})
	}
}
